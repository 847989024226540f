/// The folder of a run as a whole: whether its files are those that the run wrote.
[<RequireQualifiedAccess>]
module UbarFs.Engine.RunFolder

open System
open System.IO
open System.Security.Cryptography
open UbarFs.Core

/// The file of a run's record.
let recordName = "run.json"

/// The file of a run's final estimates, which not every run keeps.
let modelName = "model.safetensors"

// What every report rests on: it is looked at whenever a complete run is read. A model is so where it is exported.
let private results = [ MetricsFile.name; NodesFile.complete; NetworkFile.name; SharesFile.name ]

let private digest (file: string) : Digest =
    use stream =
        new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read ||| FileShare.Delete, 1)

    { Bytes = stream.Length
      Sha256 = Convert.ToHexStringLower(SHA256.HashData stream) }

// A file of another length need not be read, nor what is no file at all.
let private damageOf (folder: string) (record: RunRecord) (name: string) : string option =
    let file = FileInfo(Path.Combine(folder, name))

    match Map.tryFind name record.Files with
    | None -> None
    | Some _ when not file.Exists -> Some $"{name} is missing"
    | Some written when isNull file.LinkTarget && file.Length <> written.Bytes ->
        Some $"{name} has {file.Length} bytes, and not the {written.Bytes} that the run wrote"
    | Some written ->
        try
            if digest file.FullName = written then
                None
            else
                Some $"{name} is not what the run wrote: its checksum is another"
        with
        | :? IOException
        | :? UnauthorizedAccessException as error -> Some $"{name} cannot be read: {Visible.line error.Message}"

// Older versions recorded no checksums: what the files say has to be right.
let private contentDamage (folder: string) (record: RunRecord) : string option =
    let stages = record.Facts |> Option.map _.Stages |> Option.defaultValue []

    let metrics =
        match MetricsFile.read stages folder with
        | Ok None -> Some $"{MetricsFile.name} is missing"
        | Ok(Some []) -> Some $"{MetricsFile.name} has no evaluation"
        | Ok(Some _) -> None
        | Error reason -> Some $"{MetricsFile.name}: {reason}"

    let said name result =
        match result with
        | Ok _ -> None
        | Error reason -> Some $"{name}: {reason}"

    metrics
    |> Option.orElseWith (fun () -> NetworkFile.read folder |> said NetworkFile.name)
    |> Option.orElseWith (fun () -> NodesFile.read folder |> said NodesFile.complete)
    |> Option.orElseWith (fun () -> SharesFile.read folder |> said SharesFile.name)

/// What is wrong with the files of a complete run: the file, and why.
let private damage (folder: string) (record: RunRecord) : string option =
    if Status.Parse record.Status <> Status.Complete then None
    elif record.Files.IsEmpty then contentDamage folder record
    else List.tryPick (damageOf folder record) results

/// The record without what only whole files vouch for.
let private damaged reason (record: RunRecord) : RunRecord =
    { record with
        Status = string Status.Damaged
        Reason = Some reason
        WorstAccuracy = None
        MeanAccuracy = None
        BestAccuracy = None
        TestLoss = None
        ConsensusError = None
        Diverged = None
        SuccessRate = None
        ValidationAccuracy = None
        AveragedAccuracy = None }

/// What is known of the run of an id in its folder; `Ok None` if it was never begun. A complete run whose files are not
/// those that it wrote is damaged, and the reason says which. No link is followed.
let read (folder: string) (id: string) : Result<RunRecord option, string> =
    if StoreReading.isLink folder then
        Error "its folder is a link, and links are not followed"
    else
        match RunRecord.read (Path.Combine(folder, recordName)) with
        | Ok(Some record) when record.Id <> id -> Error $"it is the record of another run, {record.Id}"
        | Ok(Some record) ->
            match damage folder record with
            | Some reason -> Ok(Some(damaged reason record))
            | None -> Ok(Some record)
        | result -> result

/// The record of a run that has just ended, with what its files are if it is complete. It has failed if somebody took
/// one of them away while it was under way.
let completed (folder: string) (record: RunRecord) : RunRecord =
    let exists name = File.Exists(Path.Combine(folder, name))

    match results |> List.tryFind (exists >> not) with
    | _ when Status.Parse record.Status <> Status.Complete -> record
    | Some missing ->
        { damaged $"{missing} was removed while the run was under way" record with
            Status = string Status.Failed }
    | None ->
        let kept = results @ List.filter exists [ modelName ]

        { record with
            Files = Map.ofList [ for name in kept -> name, digest (Path.Combine(folder, name)) ] }

/// What is wrong with the model in a run's folder as far as its record tells; none where that tells nothing.
let modelDamage (folder: string) : Result<string option, string> =
    RunRecord.read (Path.Combine(folder, recordName))
    |> Result.map (Option.bind (fun record -> damageOf folder record modelName))
