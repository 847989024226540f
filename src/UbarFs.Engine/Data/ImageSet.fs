namespace UbarFs.Engine.Data

open FsToolkit.ErrorHandling
open UbarFs.Core

/// Labelled images. The arrays are not to be written to.
type ImageSet =
    {
        /// Raw pixels in 0..`Dataset.MaxPixel`: images × channels × height × width, the last changing fastest.
        Pixels: byte[]
        /// The class of each image, in 0..`Dataset.Classes` − 1.
        Labels: byte[]
    }

    member set.Count = set.Labels.Length

/// A dataset in memory.
type LoadedDataset =
    {
        Name: string
        Dataset: Dataset
        /// The folder it was read from; none if it is shipped inside the program.
        Folder: string option
        Training: ImageSet
        Test: ImageSet
        /// Of a file of numbers, these of both parts, which have labels and no pixels then.
        Numbers: (float32[] * float32[]) option
        /// Identifies the content, however it was compressed, as lower-case hexadecimal: the SHA-256 of the raw content
        /// of an embedded dataset; of the files' own SHA-256 digests (training images, training labels, test images,
        /// test labels; 32 bytes each) one after another; of decoded images; or of a file of numbers.
        Checksum: string
        /// What happened on the way that the user may want to know.
        Notices: string list
    }

[<RequireQualifiedAccess>]
module ImageSet =

    /// Whether every pixel and every label is in the dataset's range. The error completes a sentence about the images.
    let check (dataset: Dataset) (set: ImageSet) =
        let above limit what (values: byte[]) =
            // No byte is above 255: large datasets need not be searched.
            let found =
                if limit >= 255 then
                    None
                else
                    values |> Array.tryFindIndex (fun value -> int value > limit)

            match found with
            | None -> Ok()
            | Some index -> Error $"{what} number {index} is {values[index]}; expected 0 to {limit}"

        result {
            do! above (dataset.Classes - 1) "label" set.Labels
            do! above dataset.MaxPixel "pixel" set.Pixels
        }

[<RequireQualifiedAccess>]
module Pixels =

    /// What the networks see: (p / MaxPixel − mean) / deviation, channel by channel, in the order of the raw pixels.
    let normalised (dataset: Dataset) (set: ImageSet) : float32[] =
        let table mean deviation =
            Array.init 256 (fun pixel -> float32 ((float pixel / float dataset.MaxPixel - mean) / deviation))

        let tables = List.map2 table dataset.Mean dataset.Deviation |> Array.ofList
        let plane = dataset.Shape.Height * dataset.Shape.Width
        let result = Array.zeroCreate<float32> set.Pixels.Length

        for start in 0..plane .. set.Pixels.Length - 1 do
            let table = tables[start / plane % tables.Length]

            for index in start .. start + plane - 1 do
                result[index] <- table[int set.Pixels[index]]

        result

    /// The same of numbers that are no pixels: (v − mean) / deviation.
    let standardised (dataset: Dataset) (numbers: float32[]) : float32[] =
        let means, deviations = Array.ofList dataset.Mean, Array.ofList dataset.Deviation
        let plane = dataset.Shape.Height * dataset.Shape.Width

        numbers
        |> Array.mapi (fun index value ->
            let channel = index / plane % means.Length
            float32 ((float value - means[channel]) / deviations[channel]))
