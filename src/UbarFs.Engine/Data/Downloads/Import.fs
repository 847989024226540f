namespace UbarFs.Engine.Data

open System
open System.Collections.Generic
open System.IO
open System.IO.Compression
open System.Threading
open FsToolkit.ErrorHandling
open UbarFs.Core

/// Why nothing was imported. What was there before is untouched.
[<RequireQualifiedAccess>]
type ImportProblem =
    /// The dataset is in the program, or is used where it lies.
    | NotNeeded of dataset: string
    | NoPlace of dataset: string
    | NoSource of path: string
    /// The reason completes a sentence about the source.
    | Refused of source: string * reason: string
    | Unwritable of path: string * reason: string
    | Cancelled

[<RequireQualifiedAccess>]
module ImportProblem =

    let describe problem =
        match problem with
        | ImportProblem.NotNeeded dataset -> $"'{dataset}' is in the program: there is nothing to import"
        | ImportProblem.NoPlace dataset -> DownloadProblem.describe (DownloadProblem.NoPlace dataset)
        | ImportProblem.NoSource path -> $"there is no file or folder {path}"
        | ImportProblem.Refused(source, reason) -> $"{source} {reason}"
        | ImportProblem.Unwritable(path, reason) -> $"{path} cannot be written: {reason}"
        | ImportProblem.Cancelled -> "the import was stopped; nothing was changed"

/// `ubarfs data import`: takes a dataset out of an archive or a folder.
[<RequireQualifiedAccess>]
module Import =

    /// A file to write, with the function that writes it.
    type private Output = { Path: string; Write: string -> unit }

    let private decoded (dataset: Chosen<Dataset>) records visit run folder =
        Gathered.ofVisit dataset.Value records visit run
        |> Result.map (fun images ->
            // No source stays that it could be compared with.
            [ { Path = Places.decoded dataset.Name folder
                Write = fun path -> Decoded.write path (String('0', 64)) images } ])

    let private compress (content: byte[]) (path: string) =
        use stream = File.Create path
        use gzip = new GZipStream(stream, CompressionLevel.Optimal)
        gzip.Write(content, 0, content.Length)

    /// The published files, wherever they lie in the source, verified.
    let private published (dataset: Chosen<Dataset>) visit run folder =
        let files = Published.files dataset.Value
        let contents = Dictionary<string, byte[]>()
        let nameOf (path: string) = (Path.GetFileName path |> string).Replace(".gz", "")
        let known path = files |> List.tryFind (fun file -> file.File.Name = nameOf path)

        let take path content =
            match known path with
            | None -> Ok()
            | Some file ->
                use stream = new MemoryStream(content: byte[])

                Published.read Store.known file stream
                |> Result.mapError (fun reason -> $"cannot be used: {reason}")
                |> Result.map (fun elements -> contents[file.File.Name] <- Idx.write file.Dimensions elements)

        result {
            do! run { visit with Wanted = known >> Option.isSome; Take = take }

            match files |> List.filter (fun file -> not (contents.ContainsKey file.File.Name)) with
            | [] ->
                return
                    [ for file in files do
                          { Path = Path.Combine(folder, file.File.Name + ".gz")
                            Write = compress contents[file.File.Name] } ]
            | lacking ->
                let names = lacking |> List.map _.File.Name |> String.concat ", "
                return! Error $"lacks {names}"
        }

    /// Writes everything beside its place before anything gets its name.
    let private place (outputs: Output list) =
        let parts = outputs |> List.map (fun output -> output, $"{output.Path}.{Guid.NewGuid():N}.part")

        try
            for output, part in parts do
                Directory.CreateDirectory(Path.GetDirectoryName output.Path |> string) |> ignore
                output.Write part

            for output, part in parts do
                File.Move(part, output.Path, true)
        finally
            parts |> List.map snd |> List.filter File.Exists |> List.iter File.Delete

        outputs |> List.map _.Path

    let private into (dataset: Chosen<Dataset>) visit (source: string) folder =
        let run visit =
            if Directory.Exists source then
                Archive.visitFolder visit source
            else
                Archive.visit visit source

        try
            let outputs =
                match dataset.Value.Storage with
                | Storage.Records records -> decoded dataset records visit run folder
                | _ -> published dataset visit run folder

            outputs
            |> Result.mapError (fun reason -> ImportProblem.Refused(source, reason))
            |> Result.map (fun outputs ->
                visit.Cancellation.ThrowIfCancellationRequested()
                place outputs)
        with
        | :? OperationCanceledException -> Error ImportProblem.Cancelled
        | :? IOException
        | :? UnauthorizedAccessException as problem -> Error(ImportProblem.Unwritable(folder, problem.Message))

    /// Imports a dataset from an archive or a folder into its own folder in the first writable place, and returns the
    /// paths that were written. Images are decoded on the way and kept in one file. `progress` hears how much of the
    /// source is done, and of how much.
    let run
        (limits: ArchiveLimits)
        (progress: int64 -> int64 -> unit)
        (cancellation: CancellationToken)
        (places: Place list)
        (dataset: Chosen<Dataset>)
        (source: string)
        : Result<string list, ImportProblem> =
        let visit =
            { Limits = limits
              Cancellation = cancellation
              Progress = progress
              Wanted = fun _ -> false
              Take = fun _ _ -> Ok() }

        match dataset.Value.Storage, Places.destination dataset.Name places with
        | (Storage.Embedded | Storage.Unread _ | Storage.Images _ | Storage.UnreadTable _ | Storage.Table _), _ ->
            Error(ImportProblem.NotNeeded dataset.Name)
        | _, None -> Error(ImportProblem.NoPlace dataset.Name)
        | _ when not (File.Exists source || Directory.Exists source) -> Error(ImportProblem.NoSource source)
        | _, Some folder -> into dataset visit source folder
