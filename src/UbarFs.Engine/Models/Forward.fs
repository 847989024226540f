namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core
open UbarFs.Kernels.Images

/// Models as pure functions of a flat parameter row.
[<RequireQualifiedAccess>]
module Forward =

    /// The blocks of a row `[d]` as tensors of their own shapes; they share the row's memory.
    let blocks (architecture: Architecture) (row: torch.Tensor) =
        architecture.Blocks
        |> List.map (fun block -> row.narrow(0L, int64 block.Offset, int64 block.Length).view(Array.ofList block.Shape))

    /// Values `[b, channels]` as images of one pixel.
    let private asImages (flow: torch.Tensor) =
        if flow.dim () = 2L then
            flow.unsqueeze(2L).unsqueeze 3L
        else
            flow

    /// The images, `[b, channels, height, width]`, laid out in memory as the model's layers compute fastest: with the
    /// channels of a pixel side by side for convolutions on the CPU, which hand the layout on to each other. The values
    /// are the same. TorchSharp has no memory formats, but libtorch knows them by their strides.
    let laidOut (architecture: Architecture) (images: torch.Tensor) =
        match architecture.Layers with
        | (Layer.Convolution _ | Layer.StridedConvolution _) :: _ when images.device_type = DeviceType.CPU ->
            images.permute(0L, 2L, 3L, 1L).contiguous().permute(0L, 3L, 1L, 2L)
        | _ -> images

    let private withoutWeights layer (flow: torch.Tensor) =
        match layer with
        | Layer.Relu -> torch.nn.functional.relu flow
        | Layer.Tanh -> torch.nn.functional.tanh flow
        | Layer.Sigmoid -> torch.nn.functional.sigmoid flow
        | Layer.MaxPool size -> torch.nn.functional.max_pool2d (asImages flow, int64 size)
        | Layer.AveragePool size -> torch.nn.functional.avg_pool2d (asImages flow, int64 size)
        | Layer.GlobalAveragePool -> (asImages flow).mean([| 2L; 3L |], keepdim = true)
        | _ -> flow.flatten 1L

    /// The pooling of a convolution's outputs, perhaps after activations, which keep their number.
    let rec private poolingAfter layers =
        match layers with
        | (Layer.Relu | Layer.Tanh | Layer.Sigmoid) :: rest -> poolingAfter rest
        | (Layer.MaxPool size | Layer.AveragePool size) :: _ -> size
        | _ -> 1

    /// A convolution without the last rows and columns of outputs that the pooling after it drops.
    let private convolved kernel padding pooling (weight: torch.Tensor) (bias: torch.Tensor) (flow: torch.Tensor) =
        let dropped side = (flow.shape[side] + 2L * padding - kernel + 1L) % pooling

        if dropped 2 = 0L && dropped 3 = 0L then
            torch.nn.functional.conv2d (flow, weight, bias, padding = [| padding; padding |])
        else
            let border = [| padding; padding - dropped 3; padding; padding - dropped 2 |]
            torch.nn.functional.conv2d (torch.nn.functional.pad (flow, border), weight, bias)

    let private strided padding stride (weight: torch.Tensor) bias (flow: torch.Tensor) =
        let both (number: int) = [| int64 number; int64 number |]
        torch.nn.functional.conv2d (asImages flow, weight, bias, strides = both stride, padding = both padding)

    /// The layers with every max-pooling before a ReLU that it follows: the same values and gradients, and less to do.
    let rec private poolingFirst layers =
        match layers with
        | Layer.Relu :: (Layer.MaxPool _ as pooling) :: rest -> pooling :: Layer.Relu :: poolingFirst rest
        | layer :: rest -> layer :: poolingFirst rest
        | [] -> []

    /// What is added to what a residual's layers made: the input, with the pixels and the channels of that.
    let private shortcut (made: torch.Tensor) (flow: torch.Tensor) =
        let wanted, given = (asImages made).shape, asImages flow

        if wanted = given.shape then
            given.reshape made.shape
        else
            let each = (given.shape[2] + wanted[2] - 1L) / wanted[2]

            let fewer = given.slice(2L, 0L, given.shape[2], each).slice(3L, 0L, given.shape[3], each)

            let lacking = wanted[1] - given.shape[1]
            let border = [| 0L; 0L; 0L; 0L; lacking / 2L; lacking - lacking / 2L |]
            torch.nn.functional.pad(fewer, border).reshape made.shape

    /// What is added to the variance before its root, as in PyTorch.
    let private epsilon = 1e-5

    /// One way through a model: what dropout draws, if anything, how many of its layers were passed, and whether what a
    /// layer made is of no use behind the next one, as no gradient is asked for.
    type private Pass = { Draws: Draws option; IsFleeting: bool; mutable Dropouts: int }

    /// What a layer makes of the flow. `isOwn`: nobody else needs the flow, which is freed where that is the end of it.
    let private made pass isOwn (flow: torch.Tensor) (layer: torch.Tensor -> torch.Tensor) : torch.Tensor =
        if pass.IsFleeting then
            use scope = torch.NewDisposeScope()
            let result = (layer flow).MoveToOuterDisposeScope()

            if isOwn then
                flow.Dispose()

            result
        else
            layer flow

    let private dropped rate (pass: Pass) (flow: torch.Tensor) =
        match pass.Draws with
        | None -> flow
        | Some draws ->
            let layer = pass.Dropouts
            pass.Dropouts <- layer + 1
            let factors = Draws.factors rate flow.shape layer draws
            flow * factors.``to``(flow.device).to_type flow.dtype

    let private normalised layer (weight: torch.Tensor) (bias: torch.Tensor) (flow: torch.Tensor) =
        match layer with
        | Layer.GroupNorm groups -> torch.nn.functional.group_norm (flow, int64 groups, weight, bias, epsilon)
        | _ ->
            let flow = if weight.dim () = 1L then flow.flatten 1L else flow
            torch.nn.functional.layer_norm (flow, weight.shape, weight, bias, epsilon)

    // Gives the blocks behind those of the layers, too, and whether the result is anything but the flow.
    let rec private through pass isOwn (layers: Layer list) (blocks: torch.Tensor list) (flow: torch.Tensor) =
        let behind rest others layer = made pass isOwn flow layer |> through pass true rest others

        match layers, blocks with
        | [], _ -> flow, blocks, isOwn
        | Layer.Convolution(_, _, padding) :: Layer.MaxPool pool :: rest, weight :: bias :: others when
            PooledConvolution.Takes(asImages flow, weight, padding, pool)
            ->
            behind rest others (fun flow -> PooledConvolution.Of(asImages flow, weight, bias, padding, pool))
        | Layer.Convolution(_, kernel, padding) :: rest, weight :: bias :: others ->
            behind rest others (fun flow ->
                asImages flow |> convolved (int64 kernel) (int64 padding) (int64 (poolingAfter rest)) weight bias)
        | Layer.StridedConvolution(_, _, padding, stride, true) :: rest, weight :: bias :: others ->
            behind rest others (strided padding stride weight bias)
        | Layer.StridedConvolution(_, _, padding, stride, false) :: rest, weight :: others ->
            behind rest others (strided padding stride weight null)
        | Layer.Dense _ :: rest, weight :: bias :: others ->
            behind rest others (fun flow -> torch.nn.functional.linear (flow.flatten 1L, weight, bias))
        | (Layer.GroupNorm _ | Layer.LayerNorm as layer) :: rest, weight :: bias :: others ->
            behind rest others (normalised layer weight bias)
        | Layer.Dropout _ :: rest, _ when pass.Draws.IsNone -> through pass isOwn rest blocks flow
        | Layer.Dropout rate :: rest, _ -> behind rest blocks (dropped rate pass)
        | Layer.Residual inner :: rest, _ ->
            let branch, others, isNew = through pass false (poolingFirst inner) blocks flow
            let sum = made pass isOwn flow (fun flow -> Native.sum branch (shortcut branch flow))

            if pass.IsFleeting && isNew then
                branch.Dispose()

            through pass true rest others sum
        | (Layer.Convolution _ | Layer.StridedConvolution _ | Layer.Dense _ | Layer.GroupNorm _ | Layer.LayerNorm) :: _,
          _ -> invalidOp "an architecture has the blocks of each of its layers"
        | layer :: rest, _ -> behind rest blocks (withoutWeights layer)

    /// Logits `[b, classes]` of images `[b, channels, height, width]` under the blocks of a row, without what dropout leaves
    /// out if anything is drawn.
    let logitsDrawing draws (architecture: Architecture) blocks (images: torch.Tensor) =
        let pass = { Draws = draws; IsFleeting = not (torch.is_grad_enabled ()); Dropouts = 0 }

        let logits, _, _ = through pass false (poolingFirst architecture.Layers) blocks images
        logits.flatten 1L

    /// The same with nothing left out.
    let logits architecture blocks images = logitsDrawing None architecture blocks images
