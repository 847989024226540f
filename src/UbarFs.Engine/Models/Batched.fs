namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core

/// Passes through many models at once, as a GPU wants them: one operation for a layer of all of them, with batched matrix
/// products for dense layers and grouped convolutions. Models are rows of `[m, d]`, and each has a batch of its own.
[<RequireQualifiedAccess>]
module Batched =

    /// What flows between layers: side by side as channels `[b, m·c, h, w]`, or one after the other as vectors `[m, b, u]`.
    [<RequireQualifiedAccess>]
    type private Flow =
        | Images of torch.Tensor
        | Vectors of torch.Tensor

    let private asVectors models flow =
        match flow with
        | Flow.Vectors vectors -> vectors
        | Flow.Images images -> images.reshape(images.shape[0], models, -1L).transpose(0L, 1L)

    let private asImages flow =
        match flow with
        | Flow.Images images -> images
        | Flow.Vectors vectors ->
            let batch = vectors.shape[1]
            vectors.transpose(0L, 1L).reshape(batch, vectors.shape[0] * vectors.shape[2], 1L, 1L)

    let private onValues (change: torch.Tensor -> torch.Tensor) flow =
        match flow with
        | Flow.Images images -> Flow.Images(change images)
        | Flow.Vectors vectors -> Flow.Vectors(change vectors)

    /// The blocks of all models, each with a first dimension for the model.
    let private blocks (architecture: Architecture) (rows: torch.Tensor) =
        architecture.Blocks
        |> List.map (fun block ->
            let shape = Array.ofList (rows.shape[0] :: block.Shape)
            rows.narrow(1L, int64 block.Offset, int64 block.Length).reshape shape)

    let private convolved models padding stride (weight: torch.Tensor) (bias: torch.Tensor) flow =
        let both (number: int) = [| int64 number; int64 number |]

        Flow.Images(
            torch.nn.functional.conv2d (
                asImages flow,
                weight.flatten (0L, 1L),
                (if isNull bias then null else bias.flatten ()),
                strides = both stride,
                padding = both padding,
                groups = models
            )
        )

    /// What is added to the variance before its root, as in PyTorch.
    let private epsilon = 1e-5

    let private normalised models layer (weight: torch.Tensor) (bias: torch.Tensor) flow =
        let images = asImages flow

        match layer with
        | Layer.GroupNorm groups ->
            Flow.Images(
                torch.nn.functional.group_norm (
                    images,
                    models * int64 groups,
                    weight.flatten (),
                    bias.flatten (),
                    epsilon
                )
            )
        | _ ->
            let each (block: torch.Tensor) = block.reshape (Array.append [| 1L |] images.shape[1..])
            let plain = torch.nn.functional.group_norm (images, models, null, null, epsilon)
            Flow.Images(Native.sum (plain * each weight) (each bias))

    /// One way through models: what the dropout of each draws, if anything, and how many of its layers were passed.
    type private Pass = { Models: int64; Draws: Draws[] option; mutable Dropouts: int }

    let private dropped rate (pass: Pass) flow =
        match pass.Draws with
        | None -> flow
        | Some draws ->
            let layer = pass.Dropouts
            pass.Dropouts <- layer + 1

            let factors (shape: int64[]) dimension (like: torch.Tensor) =
                let each = draws |> Array.map (Draws.factors rate shape layer)
                (torch.stack (each, dimension)).``to``(like.device).to_type(like.dtype).reshape like.shape

            match flow with
            | Flow.Vectors vectors -> Flow.Vectors(vectors * factors vectors.shape[1..] 0L vectors)
            | Flow.Images images ->
                let shape = images.shape
                let one = [| shape[0]; shape[1] / pass.Models; shape[2]; shape[3] |]
                Flow.Images(images * factors one 1L images)

    // As `Forward` adds the input of a residual, for each model.
    let private added models made flow =
        let made, given = asImages made, asImages flow

        if made.shape = given.shape then
            Flow.Images(Native.sum made given)
        else
            let height, width = made.shape[2], made.shape[3]
            let each = (given.shape[2] + height - 1L) / height
            let fewer = given.slice(2L, 0L, given.shape[2], each).slice(3L, 0L, given.shape[3], each)
            let ofModels = fewer.reshape (given.shape[0], models, given.shape[1] / models, height, width)
            let lacking = (made.shape[1] - given.shape[1]) / models
            let border = [| 0L; 0L; 0L; 0L; lacking / 2L; lacking - lacking / 2L |]
            Flow.Images(Native.sum made (torch.nn.functional.pad(ofModels, border).reshape made.shape))

    let rec private through (pass: Pass) (flow, blocks: torch.Tensor list) layer =
        let models = pass.Models

        match layer, blocks with
        | Layer.Relu, _ -> onValues torch.nn.functional.relu flow, blocks
        | Layer.Tanh, _ -> onValues torch.nn.functional.tanh flow, blocks
        | Layer.Sigmoid, _ -> onValues torch.nn.functional.sigmoid flow, blocks
        | Layer.Flatten, _ -> Flow.Vectors(asVectors models flow), blocks
        | Layer.MaxPool size, _ -> Flow.Images(torch.nn.functional.max_pool2d (asImages flow, int64 size)), blocks
        | Layer.AveragePool size, _ -> Flow.Images(torch.nn.functional.avg_pool2d (asImages flow, int64 size)), blocks
        | Layer.GlobalAveragePool, _ -> Flow.Images((asImages flow).mean([| 2L; 3L |], keepdim = true)), blocks
        | Layer.Dropout rate, _ -> dropped rate pass flow, blocks
        | Layer.Residual layers, _ ->
            let made, rest = List.fold (through pass) (flow, blocks) layers
            added models made flow, rest
        | Layer.Convolution(_, _, padding), weight :: bias :: rest -> convolved models padding 1 weight bias flow, rest
        | Layer.StridedConvolution(_, _, padding, stride, true), weight :: bias :: rest ->
            convolved models padding stride weight bias flow, rest
        | Layer.StridedConvolution(_, _, padding, stride, false), weight :: rest ->
            convolved models padding stride weight null flow, rest
        | (Layer.GroupNorm _ | Layer.LayerNorm), weight :: bias :: rest ->
            normalised models layer weight bias flow, rest
        | Layer.Dense _, weight :: bias :: rest ->
            Flow.Vectors(Native.sum (torch.bmm (asVectors models flow, weight.transpose (1L, 2L))) (bias.unsqueeze 1L)),
            rest
        | (Layer.Convolution _ | Layer.StridedConvolution _ | Layer.Dense _ | Layer.GroupNorm _ | Layer.LayerNorm), _ ->
            invalidOp "an architecture has the blocks of each of its layers"

    /// Logits `[m, b, classes]` of images `[m, b, channels, height, width]` under the rows of `[m, d]`, without what the
    /// dropout of each model leaves out if anything is drawn.
    let logits (architecture: Architecture) draws (rows: torch.Tensor) (images: torch.Tensor) =
        let models, batch = rows.shape[0], images.shape[1]
        let shape = architecture.Input

        let sideBySide =
            images
                .transpose(0L, 1L)
                .reshape(batch, models * int64 shape.Channels, int64 shape.Height, int64 shape.Width)

        let pass = { Models = models; Draws = draws; Dropouts = 0 }

        List.fold (through pass) (Flow.Images sideBySide, blocks architecture rows) architecture.Layers
        |> fst
        |> asVectors models

    /// Each model's mean loss, `[m]`, on images `[m, b, channels, height, width]` with labels `[m, b]`.
    let losses
        loss
        architecture
        draws
        (rows: torch.Tensor)
        (images: torch.Tensor)
        (labels: torch.Tensor)
        : torch.Tensor =
        let logits = logits architecture draws rows images
        (Objective.ofImages loss (logits.flatten (0L, 1L)) (labels.flatten ())).view(rows.shape[0], -1L).mean [| 1L |]

    /// Each model's loss, `[m]`, and the gradients there, `[m, d]`.
    let gradients loss architecture draws (rows: torch.Tensor) images labels : torch.Tensor * torch.Tensor =
        let rows = rows.detach().requires_grad_()
        let losses = losses loss architecture draws rows images labels
        // A row has a part in its own loss alone.
        let gradients = torch.autograd.grad ([| losses.sum () |], [| rows |])
        losses.detach (), gradients[0]

    /// How many of each model's answers are right on images and labels that all share, and the sum of its losses, in
    /// float64: `[2, m]`.
    let judged loss architecture (rows: torch.Tensor) (batch: Batch) : torch.Tensor =
        let models = rows.shape[0]
        let images = batch.Images.unsqueeze(0L).expand(Array.append [| models |] batch.Images.shape)
        Objective.judged loss (logits architecture None rows images) batch.Labels

    /// Bytes that as many models may take at a time.
    let private most = 4.0 * 1024.0 ** 3.0

    /// How many models go together on batches of so many images: a part of the device's memory has to hold what their
    /// layers make and as much again on the way back, and their parameters as rows and as blocks with the gradients of
    /// both.
    let together (architecture: Architecture) batch =
        let values = architecture.Shapes |> List.sumBy (fun shape -> float shape.Pixels)
        max 1 (int (most / (4.0 * (2.0 * values * float batch + 4.0 * float architecture.Dimension))))
