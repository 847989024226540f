namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Engine.Data

/// A dataset as tensors on one device, decoded and normalised once.
type Samples =
    {
        /// The training images, `[count, channels, height, width]`.
        Images: torch.Tensor
        /// Their labels.
        Labels: int[]
        /// The test images in chunks that fit the caches.
        Test: Batch list
        /// Mean and standard deviation of each channel, with pixels scaled to [0, 1]: the images are (p − mean)/deviation.
        Mean: float[]
        Deviation: float[]
    }

[<RequireQualifiedAccess>]
module Samples =

    let private chunk = 1000

    // A picture of a camera is large: fewer of them do.
    let private mostPixels = 8_000_000

    /// Random images with labels, for trials: as many for training and testing as asked for, or fewer if they are large.
    let random device (dataset: Dataset) training test : Samples =
        let fitting = max 1 (mostPixels / dataset.Shape.Pixels)
        let count = max training test |> min fitting
        let pixels = Array.zeroCreate<float32>(count * dataset.Shape.Pixels)
        (Random.shared 0L Purpose.Batches).FillGaussian pixels
        let shape = dataset.Shape
        let label image = image % dataset.Classes
        let tested = min test count

        let images =
            torch
                .tensor(pixels, device = device)
                .view(int64 count, int64 shape.Channels, int64 shape.Height, int64 shape.Width)

        { Images = images.narrow (0L, 0L, int64 (min training count))
          Labels = Array.init training label
          Test =
            [ { Images = images.narrow (0L, 0L, int64 tested)
                Labels = torch.tensor (Array.init tested (label >> int64), device = device)
                Draws = None } ]
          Mean = [||]
          Deviation = [||] }

    /// So many of the test images, spread evenly over all, in chunks of the surrounding dispose scope.
    let spread (count: int) (test: Batch list) : Batch list =
        let starts = test |> List.scan (fun start chunk -> start + chunk.Labels.shape[0]) 0L
        let total = List.last starts
        let positions = [| for image in 0L .. int64 count - 1L -> image * total / int64 count |]

        let selected (start, chunk: Batch) : Batch =
            let ofChunk =
                positions
                |> Array.map (fun position -> position - start)
                |> Array.filter (fun position -> 0L <= position && position < chunk.Labels.shape[0])

            use indices = torch.tensor (ofChunk, device = chunk.Images.device)

            { Images = chunk.Images.index_select (0L, indices)
              Labels = chunk.Labels.index_select (0L, indices)
              Draws = None }

        if int64 count >= total then
            test
        else
            List.zip (List.take test.Length starts) test
            |> List.map selected
            |> List.filter (fun chunk -> chunk.Labels.shape[0] > 0L)

    /// Some of the training images, in chunks of the surrounding dispose scope.
    let chosen (samples: Samples) (numbers: int[]) : Batch list =
        [ for numbers in Array.chunkBySize chunk numbers ->
              use indices = Transfers.Send(numbers, samples.Images.device)

              { Images = samples.Images.index_select (0L, indices)
                Labels = Transfers.Send(numbers |> Array.map (Array.get samples.Labels), samples.Images.device)
                Draws = None } ]

    let private images (device: torch.Device) (dataset: Dataset) (numbers: float32[] option) (set: ImageSet) =
        let shape = dataset.Shape

        let values =
            match numbers with
            | Some numbers -> Pixels.standardised dataset numbers
            | None -> Pixels.normalised dataset set

        use flat = torch.tensor values

        flat
            .view(int64 set.Count, int64 shape.Channels, int64 shape.Height, int64 shape.Width)
            .``to``(device, copy = true)

    /// Puts a loaded dataset on a device. The tensors are in no dispose scope: they serve many runs.
    let create (device: torch.Device) (loaded: LoadedDataset) : Samples =
        use test = images device loaded.Dataset (Option.map snd loaded.Numbers) loaded.Test

        let chunkFrom first : Batch =
            let length = min chunk (loaded.Test.Count - first)
            let labels = loaded.Test.Labels[first .. first + length - 1] |> Array.map int64

            use part = test.narrow (0L, int64 first, int64 length)

            { Images = part.clone().DetachFromDisposeScope()
              Labels = torch.tensor(labels, device = device).DetachFromDisposeScope()
              Draws = None }

        { Images =
            (images device loaded.Dataset (Option.map fst loaded.Numbers) loaded.Training).DetachFromDisposeScope()
          Labels = Array.map int loaded.Training.Labels
          Test = [ for first in 0..chunk .. loaded.Test.Count - 1 -> chunkFrom first ]
          Mean = Array.ofList loaded.Dataset.Mean
          Deviation = Array.ofList loaded.Dataset.Deviation }
