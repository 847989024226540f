namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core
open UbarFs.Kernels

/// Triggers in images.
[<RequireQualifiedAccess>]
module Poisoning =

    // Random images of trials have no mean and deviation.
    let private level (samples: Samples) (value: float) channel =
        let of' (numbers: float[]) usual = numbers |> Array.tryItem channel |> Option.defaultValue usual
        float32 ((value - of' samples.Mean 0.0) / of' samples.Deviation 1.0)

    /// Puts a trigger into some of the images `[b, channels, height, width]`, which must be nobody else's.
    let stamp (samples: Samples) (trigger: Trigger) (places: int[]) (images: torch.Tensor) =
        if places.Length > 0 then
            use scope = torch.NewDisposeScope()
            let channels = int images.shape[1]

            let struct (top, left, rows, columns) =
                Trigger.place (int images.shape[2]) (int images.shape[3]) trigger

            let levels = torch.tensor (Array.init channels (level samples trigger.Value), device = images.device)

            let square =
                levels
                    .view(1L, int64 channels, 1L, 1L)
                    .expand(places.LongLength, int64 channels, int64 rows, int64 columns)

            images
                .narrow(2L, int64 top, int64 rows)
                .narrow(3L, int64 left, int64 columns)
                .index_copy_(0L, Transfers.Send(places, images.device), square)
            |> ignore

    /// The images of a batch that are not of the target's class, with the trigger and the target for their label: the
    /// accuracy on them is the success rate. None where all are of that class.
    let triggered (samples: Samples) (poison: Poison) (batch: Batch) : Batch option =
        let labels = Transfers.Read<int64> batch.Labels

        let others =
            [| for place in 0 .. labels.Length - 1 do
                   if labels[place] <> int64 poison.Target then
                       place |]

        if others.Length = 0 then
            None
        else
            let images = batch.Images.index_select (0L, Transfers.Send(others, batch.Images.device))
            stamp samples poison.Trigger [| 0 .. others.Length - 1 |] images

            Some
                { Images = images
                  Labels = Transfers.Send(Array.create others.Length poison.Target, images.device)
                  Draws = None }
