/// A small dataset in the IDX format, made up for tests of storage and downloads.
module UbarFs.Tests.TinyDataset

open System
open System.IO
open System.IO.Compression
open System.Security.Cryptography
open UbarFs.Core
open UbarFs.Engine.Data

/// A dataset and the raw content of its files, by name.
type Tiny = { Dataset: Chosen<Dataset>; Files: Map<string, byte[]> }

let gzip (raw: byte[]) =
    use compressed = new MemoryStream()

    using (new GZipStream(compressed, CompressionLevel.Fastest, true)) (fun gzip -> gzip.Write(raw, 0, raw.Length))
    compressed.ToArray()

let private names = "train-images", "train-labels", "t10k-images", "t10k-labels"

/// Random images of 20×15 pixels; different seeds give different content under the same file names. The labels are
/// below `labels`, while the dataset always declares 10 classes.
let createWith labels name (seed: int) (mirrors: string list) =
    let random = Random seed
    let trainingSize, testSize = 100, 30

    let elements count limit = Array.init count (fun _ -> byte (random.Next limit))
    let images count = Idx.write [ count; 20; 15 ] (elements (count * 300) 256)
    let labels count = Idx.write [ count ] (elements count labels)
    let trainingImages, trainingLabels, testImages, testLabels = names

    let files =
        [ trainingImages, images trainingSize
          trainingLabels, labels trainingSize
          testImages, images testSize
          testLabels, labels testSize ]
        |> Map.ofList

    let file name =
        { Name = name
          Length = int64 files[name].Length
          Sha256 = Convert.ToHexStringLower(SHA256.HashData files[name])
          Mirrors = mirrors |> List.map (fun mirror -> $"{mirror}{name}.gz") }

    let dataset =
        { Shape = { Channels = 1; Height = 20; Width = 15 }
          Classes = 10
          TrainingSize = trainingSize
          TestSize = testSize
          MaxPixel = 255
          Mean = [ 0.5 ]
          Deviation = [ 0.29 ]
          Storage =
            Storage.Idx(
                { Images = file trainingImages; Labels = file trainingLabels },
                { Images = file testImages; Labels = file testLabels }
            )
          Licence = "none" }

    { Dataset = Setting.none dataset |> Define.Named name |> Component.choose Map.empty
      Files = files }

let create name seed mirrors = createWith 10 name seed mirrors

/// Writes the files into a folder, each as `form` makes its name and content.
let save (form: string * byte[] -> string * byte[]) folder (tiny: Tiny) =
    Directory.CreateDirectory folder |> ignore

    for file in Map.toList tiny.Files do
        let name, content = form file
        File.WriteAllBytes(Path.Combine(folder, name), content)

let raw (name: string, content: byte[]) = name, content
let compressed (name: string, content: byte[]) = name + ".gz", gzip content

/// Runs a test with an empty folder that is removed afterwards.
let inFolder test =
    let folder = Directory.CreateTempSubdirectory "ubarfs-test-"

    try
        test folder.FullName
    finally
        folder.Delete true

/// Only `--data`, as if there were no environment.
let onlyIn folder = Places.find true (fun _ -> None) (Some folder)
