/// The run folders of a store, as people and programs read of them.
module UbarFs.Cli.StoredRuns

open System
open System.IO
open System.Text.Json
open System.Text.Json.Nodes
open UbarFs.Engine
open UbarFs.Report

/// A folder of a run, and what a report knows of it.
type Listed = { Stored: StoredRun; Run: StudyRun option }

let columnsOf (listed: Listed) =
    match listed.Run with
    | Some run -> run.Settings @ [ "seed", string run.Identity.Seed ]
    | None -> []

/// Why a folder's sweep is not read, as a sentence.
let unreadable (folder: string) (reason: string) =
    $"'{Path.Combine(folder, SweepFile.name)}' cannot be read: {reason}. 'ubarfs run' of its scenario writes it anew"

/// Every run folder of a store; fails if the folder is none. What cannot be read is said on standard error.
let listed (folder: string) : Result<Listed list, string> =
    match Contents.current folder, Study.loadAll folder with
    | _, Error reason -> Error(unreadable folder reason)
    | Some current, Ok(Some study) ->
        Summary.problems study |> List.iter Exit.complain

        for link in Contents.links folder do
            Exit.complain $"'{link}' is a link, and links are not followed: it is left alone"

        let known = study.Runs |> List.map (fun run -> run.Identity.Id, run) |> Map.ofList

        Contents.runs folder current
        |> List.map (fun stored -> { Stored = stored; Run = Map.tryFind stored.Id known })
        |> Ok
    | _ when not (Directory.Exists folder) -> Error $"there is no folder '{folder}'"
    | _ -> Error $"'{folder}' is no run store: it has no sweep.json. 'ubarfs run' writes it"

let size (bytes: int64) =
    match float bytes with
    | bytes when bytes >= 1e9 -> $"%.1f{bytes / 1e9} GB"
    | bytes when bytes >= 1e6 -> $"%.1f{bytes / 1e6} MB"
    | bytes -> $"%.0f{ceil (bytes / 1e3)} kB"

let time (stored: StoredRun) =
    let time = stored.Record |> Option.map _.Started.UtcDateTime |> Option.defaultValue stored.Changed

    time.ToLocalTime().ToString "yyyy-MM-dd HH:mm"

let status (stored: StoredRun) =
    match stored.Record with
    | Some record -> record.Status
    | None -> "no record"

let worst (stored: StoredRun) =
    match stored.Record |> Option.bind _.WorstAccuracy with
    | Some worst -> $"%.1f{100.0 * worst}"
    | None -> ""

let node (value: 'value) : JsonNode | null = JsonValue.Create value

let json (fields: (string * (JsonNode | null)) list) : JsonNode =
    let json = JsonObject()

    for name, value in fields do
        json.Add(name, value)

    json

let array (items: JsonNode seq) =
    let array = JsonArray()
    items |> Seq.iter array.Add
    array

let print (document: JsonNode) =
    printfn "%s" (document.ToJsonString(JsonSerializerOptions(WriteIndented = true)))

let toJson (listed: Listed) : (string * (JsonNode | null)) list =
    let stored = listed.Stored

    [ "run", node stored.Id
      "status", node (status stored)
      "current", node stored.IsCurrent
      "started",
      stored.Record
      |> Option.map (fun record -> node (record.Started.ToString "o"))
      |> Option.defaultValue null
      "bytes", node stored.Bytes
      "worst_accuracy",
      stored.Record
      |> Option.bind _.WorstAccuracy
      |> Option.filter Double.IsFinite
      |> Option.map node
      |> Option.defaultValue null
      "sets_apart", json [ for path, value in columnsOf listed -> path, node value ] ]
