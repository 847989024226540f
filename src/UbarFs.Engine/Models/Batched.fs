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
        | Flow.Images images -> images.view(images.shape[0], models, -1L).transpose(0L, 1L)

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

    let private through models (flow, blocks: torch.Tensor list) layer =
        match layer, blocks with
        | Layer.Relu, _ -> onValues torch.nn.functional.relu flow, blocks
        | Layer.Tanh, _ -> onValues torch.nn.functional.tanh flow, blocks
        | Layer.Sigmoid, _ -> onValues torch.nn.functional.sigmoid flow, blocks
        | Layer.Flatten, _ -> Flow.Vectors(asVectors models flow), blocks
        | Layer.MaxPool size, _ -> Flow.Images(torch.nn.functional.max_pool2d (asImages flow, int64 size)), blocks
        | Layer.AveragePool size, _ -> Flow.Images(torch.nn.functional.avg_pool2d (asImages flow, int64 size)), blocks
        | Layer.Convolution(_, _, padding), weight :: bias :: rest ->
            let padding = int64 padding

            Flow.Images(
                torch.nn.functional.conv2d (
                    asImages flow,
                    weight.flatten (0L, 1L),
                    bias.flatten (),
                    padding = [| padding; padding |],
                    groups = models
                )
            ),
            rest
        | Layer.Dense _, weight :: bias :: rest ->
            Flow.Vectors(Native.sum (torch.bmm (asVectors models flow, weight.transpose (1L, 2L))) (bias.unsqueeze 1L)),
            rest
        | (Layer.Convolution _ | Layer.Dense _), _ ->
            invalidOp "an architecture has a weight and a bias for each such layer"

    /// Logits `[m, b, classes]` of images `[m, b, channels, height, width]` under the rows of `[m, d]`.
    let logits (architecture: Architecture) (rows: torch.Tensor) (images: torch.Tensor) =
        let models, batch = rows.shape[0], images.shape[1]
        let shape = architecture.Input

        let sideBySide =
            images
                .transpose(0L, 1L)
                .reshape(batch, models * int64 shape.Channels, int64 shape.Height, int64 shape.Width)

        List.fold (through models) (Flow.Images sideBySide, blocks architecture rows) architecture.Layers
        |> fst
        |> asVectors models

    /// Each model's mean loss, `[m]`, on images `[m, b, channels, height, width]` with labels `[m, b]`.
    let losses loss architecture (rows: torch.Tensor) (images: torch.Tensor) (labels: torch.Tensor) : torch.Tensor =
        let logits = logits architecture rows images
        (Objective.ofImages loss (logits.flatten (0L, 1L)) (labels.flatten ())).view(rows.shape[0], -1L).mean [| 1L |]

    /// Each model's loss, `[m]`, and the gradients there, `[m, d]`.
    let gradients loss architecture (rows: torch.Tensor) images labels : torch.Tensor * torch.Tensor =
        let rows = rows.detach().requires_grad_()
        let losses = losses loss architecture rows images labels
        // A row has a part in its own loss alone.
        let gradients = torch.autograd.grad ([| losses.sum () |], [| rows |])
        losses.detach (), gradients[0]

    /// How many of each model's answers are right on images and labels that all share, and the sum of its losses, in
    /// float64: `[2, m]`.
    let judged loss architecture (rows: torch.Tensor) (batch: Batch) : torch.Tensor =
        let models = rows.shape[0]
        let images = batch.Images.unsqueeze(0L).expand(Array.append [| models |] batch.Images.shape)
        Objective.judged loss (logits architecture rows images) batch.Labels

    /// Bytes that as many models may take at a time.
    let private most = 4.0 * 1024.0 ** 3.0

    /// How many models go together on batches of so many images: a part of the device's memory has to hold what their
    /// layers make and as much again on the way back, and their parameters as rows and as blocks with the gradients of
    /// both.
    let together (architecture: Architecture) batch =
        let values = architecture.Shapes |> List.sumBy (fun shape -> float shape.Pixels)
        max 1 (int (most / (4.0 * (2.0 * values * float batch + 4.0 * float architecture.Dimension))))
