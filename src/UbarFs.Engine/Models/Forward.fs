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
        | Layer.Convolution _ :: _ when images.device_type = DeviceType.CPU ->
            images.permute(0L, 2L, 3L, 1L).contiguous().permute(0L, 3L, 1L, 2L)
        | _ -> images

    let private withoutWeights layer (flow: torch.Tensor) =
        match layer with
        | Layer.Relu -> torch.nn.functional.relu flow
        | Layer.Tanh -> torch.nn.functional.tanh flow
        | Layer.Sigmoid -> torch.nn.functional.sigmoid flow
        | Layer.MaxPool size -> torch.nn.functional.max_pool2d (asImages flow, int64 size)
        | Layer.AveragePool size -> torch.nn.functional.avg_pool2d (asImages flow, int64 size)
        | Layer.Flatten
        | Layer.Convolution _
        | Layer.Dense _ -> flow.flatten 1L

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

    /// The layers with every max-pooling before a ReLU that it follows: the same values and gradients, and less to do.
    let rec private poolingFirst layers =
        match layers with
        | Layer.Relu :: (Layer.MaxPool _ as pooling) :: rest -> pooling :: Layer.Relu :: poolingFirst rest
        | layer :: rest -> layer :: poolingFirst rest
        | [] -> []

    let rec private through (layers: Layer list) (blocks: torch.Tensor list) (flow: torch.Tensor) =
        match layers, blocks with
        | [], _ -> flow
        | Layer.Convolution(_, _, padding) :: Layer.MaxPool pool :: rest, weight :: bias :: others when
            PooledConvolution.Takes(asImages flow, weight, padding, pool)
            ->
            PooledConvolution.Of(asImages flow, weight, bias, padding, pool) |> through rest others
        | Layer.Convolution(_, kernel, padding) :: rest, weight :: bias :: others ->
            asImages flow
            |> convolved (int64 kernel) (int64 padding) (int64 (poolingAfter rest)) weight bias
            |> through rest others
        | Layer.Dense _ :: rest, weight :: bias :: others ->
            torch.nn.functional.linear (flow.flatten 1L, weight, bias) |> through rest others
        | (Layer.Convolution _ | Layer.Dense _) :: _, _ ->
            invalidOp "an architecture has a weight and a bias for each such layer"
        | layer :: rest, _ -> withoutWeights layer flow |> through rest blocks

    /// Logits `[b, classes]` of images `[b, channels, height, width]` under the blocks of a row.
    let logits (architecture: Architecture) blocks (images: torch.Tensor) =
        (through (poolingFirst architecture.Layers) blocks images).flatten 1L
