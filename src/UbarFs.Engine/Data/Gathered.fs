namespace UbarFs.Engine.Data

open System.Collections.Generic
open System.IO
open System.Threading
open System.Threading.Tasks
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Pictures

/// The images of a dataset, gathered from files that come in any order: records, or single images in a tree.
[<RequireQualifiedAccess>]
module Gathered =

    let private isRecord (records: RecordFiles) (path: string) =
        let name = Path.GetFileName path
        name = records.Test || List.contains name records.Training

    let private matching (records: RecordFiles) (tree: ImageTree) =
        if tree.Classes = List.sort records.ClassNames then
            Ok()
        else
            let expected = String.concat ", " records.ClassNames
            let found = tree.Classes |> List.truncate 12 |> String.concat ", "
            Error $"has the classes {found}; expected {expected}"

    // The classes of a tree are sorted by name; the dataset's own order may be another.
    let private label (classNames: string list) (tree: ImageTree) =
        let labels = tree.Classes |> List.map (fun name -> List.findIndex ((=) name) classNames) |> Array.ofList
        fun (file: LabelledFile) -> byte labels[file.Label]

    let private fits (shape: ImageShape) (files: LabelledFile list) =
        int64 files.Length * int64 shape.Pixels <= int64 System.Array.MaxLength

    /// The images of one part, decoded by `pixels` on all cores. The error is about the first file that is wrong.
    let private part (cancellation: CancellationToken) (shape: ImageShape) label pixels (files: LabelledFile list) =
        if not (fits shape files) then
            Error $"has {files.Length} images of {shape}, more than fit into memory"
        else
            let files = Array.ofList files
            let all = Array.zeroCreate<byte>(files.Length * shape.Pixels)
            let wrong = Array.create<string option> files.Length None

            Parallel.For(
                0,
                files.Length,
                ParallelOptions(CancellationToken = cancellation),
                fun index ->
                    match pixels files[index].File with
                    | Ok(bytes: byte[]) -> bytes.CopyTo(all, index * shape.Pixels)
                    | Error reason -> wrong[index] <- Some $"holds '{files[index].File}', which {reason}"
            )
            |> ignore

            match Array.tryPick id wrong with
            | Some reason -> Error reason
            | None -> Ok { Pixels = all; Labels = Array.map label files }

    /// The images of a tree in the order of their labels and names, each read by `pixels` from its path.
    let ofTree cancellation (shape: ImageShape) classNames pixels (tree: ImageTree) : Result<DecodedImages, string> =
        let part files = part cancellation shape (label classNames tree) pixels files

        result {
            let! training = part tree.Training
            let! test = part tree.Test
            return { Shape = shape; Training = training; Test = test }
        }

    let private counted (dataset: Dataset) (images: DecodedImages) =
        if images.Training.Count = dataset.TrainingSize && images.Test.Count = dataset.TestSize then
            Ok images
        else
            Error
                $"has {images.Training.Count} training and {images.Test.Count} test images; expected \
                  {dataset.TrainingSize} and {dataset.TestSize}"

    /// The images of a tree that must be those of a dataset with names for its classes.
    let ofKnownTree cancellation (dataset: Dataset) (records: RecordFiles) pixels (tree: ImageTree) =
        matching records tree
        |> Result.bind (fun () -> ofTree cancellation dataset.Shape records.ClassNames pixels tree)
        |> Result.bind (counted dataset)

    let private ofRecords (dataset: Dataset) records (contents: Dictionary<string, byte[]>) =
        let read name =
            match contents.TryGetValue name with
            | true, content -> Ok content
            | false, _ -> Error "is not there"

        Records.load dataset records read
        |> Result.mapError (fun (name, reason) -> $"holds '{name}', which {reason}")
        |> Result.map (fun (training, test) -> { Shape = dataset.Shape; Training = training; Test = test })

    /// The images of a dataset out of a visit to an archive or a folder: its files of records wherever they lie, or
    /// else a tree of images. Images are decoded as they come. The error completes a sentence about the source.
    let ofVisit (dataset: Dataset) (records: RecordFiles) (visit: Visit) (run: Visit -> Result<unit, string>) =
        let contents = Dictionary<string, byte[]>()
        let decoded = Dictionary<string, byte[]>()

        let take (path: string) (content: byte[]) =
            let name = Path.GetFileName path |> string

            if isRecord records path then
                if contents.TryAdd(name, content) then
                    Ok()
                else
                    Error "is there in two folders"
            else
                Picture.decode dataset.Shape content |> Result.map (fun pixels -> decoded[path] <- pixels)

        result {
            do!
                run
                    { visit with
                        Wanted = fun path -> isRecord records path || ImageTree.isImage path
                        Take = take }

            if contents.Count > 0 then
                return! ofRecords dataset records contents
            else
                let! tree = ImageTree.arrange decoded.Keys
                return! ofKnownTree visit.Cancellation dataset records (fun path -> Ok decoded[path]) tree
        }
