namespace UbarFs.Pictures

open System
open UbarFs.Core

/// Examples of one half of a table: their numbers, channel by channel, and the class of each.
type TablePart =
    { Values: float32[]
      Labels: byte[] }

    member part.Count = part.Labels.Length

/// A file of numbers in memory. The arrays are not to be written to.
type TableData =
    {
        Shape: ImageShape
        Classes: int
        Training: TablePart
        Test: TablePart
        /// Mean and standard deviation of each channel over the training examples. A channel that is the same everywhere has
        /// deviation 1.
        Moments: (float * float) list
    }

[<RequireQualifiedAccess>]
module TableData =

    /// The largest file that is read, in bytes.
    let largestFile = 1 <<< 30

    /// A label is one byte.
    let mostClasses = 256

    // In float64, in two passes: the values of a channel can be far from 0 and close to each other.
    let private moments (shape: ImageShape) (part: TablePart) : (float * float) list =
        let plane = shape.Height * shape.Width
        let count = float (part.Count * plane)

        let sums (value: int -> float32 -> float) =
            let sums = Array.zeroCreate<float> shape.Channels

            for index in 0 .. part.Values.Length - 1 do
                let channel = index / plane % shape.Channels
                sums[channel] <- sums[channel] + value channel part.Values[index]

            sums |> Array.map (fun sum -> sum / count)

        let means = sums (fun _ value -> float value)
        let variances = sums (fun channel value -> (float value - means[channel]) ** 2.0)

        [ for channel in 0 .. shape.Channels - 1 ->
              means[channel],
              (if variances[channel] > 0.0 then
                   sqrt variances[channel]
               else
                   1.0) ]

    let private missing (classes: int) (part: TablePart) =
        let seen = Set.ofSeq part.Labels
        seq { 0 .. classes - 1 } |> Seq.tryFind (fun label -> not (seen.Contains(byte label)))

    /// The table of two parts, whose labels are below the number of classes, or what is wrong with them; `nameOf` says what
    /// a class is called.
    let create
        shape
        classes
        (nameOf: int -> string)
        (training: TablePart)
        (test: TablePart)
        : Result<TableData, string> =
        if training.Count = 0 || test.Count = 0 then
            Error "has no examples for training, or none for testing"
        elif classes < 2 then
            Error $"has only the class {nameOf 0}: there must be two at least"
        elif classes > mostClasses then
            Error $"has {classes} classes; {mostClasses} are the most"
        else
            match missing classes training with
            | Some label -> Error $"has no training examples of the class {nameOf label}"
            | None ->
                Ok
                    { Shape = shape
                      Classes = classes
                      Training = training
                      Test = test
                      Moments = moments shape training }
