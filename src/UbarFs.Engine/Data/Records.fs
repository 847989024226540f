/// The binary format of CIFAR-10 and CIFAR-100: each record begins with bytes of which the last is the label, and then has
/// the pixels channel by channel.
[<RequireQualifiedAccess>]
module UbarFs.Engine.Data.Records

open System
open UbarFs.Core

/// The records of the images in their order, with one byte before the pixels.
let write (set: ImageSet) : byte[] =
    let pixels = if set.Count = 0 then 0 else set.Pixels.Length / set.Count
    let content = Array.zeroCreate<byte>(set.Count * (1 + pixels))

    for index in 0 .. set.Count - 1 do
        content[index * (1 + pixels)] <- set.Labels[index]
        Array.Copy(set.Pixels, index * pixels, content, index * (1 + pixels) + 1, pixels)

    content

/// The images of a content that must have exactly `count` records, with labels below `classes`. The error completes a
/// sentence about the file.
let parse (shape: ImageShape) labelBytes classes count (content: byte[]) : Result<ImageSet, string> =
    let record = labelBytes + shape.Pixels

    if int64 content.Length <> int64 count * int64 record then
        Error $"has {content.Length} bytes; expected {int64 count * int64 record}, {count} records of {record}"
    else
        let labels = Array.init count (fun index -> content[index * record + labelBytes - 1])

        match labels |> Array.tryFindIndex (fun label -> int label >= classes) with
        | Some index -> Error $"has the label {labels[index]} in record {index}; expected 0 to {classes - 1}"
        | None ->
            let pixels = Array.zeroCreate<byte>(count * shape.Pixels)

            for index in 0 .. count - 1 do
                Array.Copy(content, index * record + labelBytes, pixels, index * shape.Pixels, shape.Pixels)

            Ok { Pixels = pixels; Labels = labels }

/// Several sets as one.
let concat (sets: ImageSet list) : ImageSet =
    { Pixels = sets |> List.map _.Pixels |> Array.concat
      Labels = sets |> List.map _.Labels |> Array.concat }

/// The names of a dataset's files with the number of records in each, those of the training images first.
let files (dataset: Dataset) (files: RecordFiles) : (string * int) list =
    [ for name in files.Training do
          name, dataset.TrainingSize / files.Training.Length
      files.Test, dataset.TestSize ]

/// Both parts of a dataset, from a function that reads a file of it. The error is about the file that it names.
let load (dataset: Dataset) (records: RecordFiles) (read: string -> Result<byte[], string>) =
    let parse (name, count) =
        read name
        |> Result.bind (parse dataset.Shape records.LabelBytes records.ClassNames.Length count)
        |> Result.mapError (fun reason -> name, reason)

    let rec parseAll parsed remaining =
        match remaining with
        | [] -> Ok(List.rev parsed)
        | file :: rest -> parse file |> Result.bind (fun set -> parseAll (set :: parsed) rest)

    parseAll [] (files dataset records)
    |> Result.map (fun sets ->
        let training, test = List.splitAt records.Training.Length sets
        concat training, concat test)
