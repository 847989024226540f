/// `other-runs.csv`: the results that a store holds beside those of its scenario as it is now. `results.csv` has only
/// these, so that whoever reads it never mixes what was computed before an edit with what was computed after it.
[<RequireQualifiedAccess>]
module UbarFs.Engine.OtherRuns

open System.IO
open UbarFs.Core

/// The name of the file.
let name = "other-runs.csv"

let private unknown = Map.empty<string, string>

let private settings (run: StoredRun) =
    run.Record |> Option.map (_.Canonical >> Map.remove "seed") |> Option.defaultValue unknown

/// The paths in which runs differ, from each other or from the scenario's.
let private differing (current: Map<string, string> list) (others: StoredRun list) =
    let all = current @ List.map settings others |> List.filter (Map.isEmpty >> not) |> Prints.onlyTelling

    let paths = all |> List.collect (Map.keys >> List.ofSeq) |> List.distinct
    paths |> List.filter (fun path -> (all |> List.distinctBy (Map.tryFind path)).Length > 1)

let private row paths (run: StoredRun) =
    let record value = run.Record |> Option.bind value |> Option.defaultValue ""
    let fact value = record (_.Facts >> Option.map value)
    let number value = record (value >> Option.map Csv.number)
    let own = settings run

    [ run.Id
      record (fun record -> Some record.Status)
      record (fun record -> record.Canonical |> Map.tryFind "seed")
      fact _.Dataset
      fact _.Model
      fact _.Rule
      fact _.Attack ]
    @ (paths |> List.map (fun path -> Map.tryFind path own |> Csv.optional Csv.setting))
    @ [ number _.WorstAccuracy
        number _.MeanAccuracy
        number _.BestAccuracy
        number _.TestLoss
        number _.ConsensusError
        record (_.Seconds >> Option.map Csv.seconds)
        record (_.Diverged >> Option.map Csv.truth)
        record (fun record -> Some(record.Started.ToString "o"))
        record (fun record -> Map.tryFind "code" record.Versions) ]

/// The table of some runs; the settings of the scenario's say what is worth a column.
let table (current: Map<string, string> list) (others: StoredRun list) : string list list =
    let paths = differing current others

    ([ "run"; "status"; "seed"; "dataset"; "model"; "rule"; "attack" ]
     @ (paths
        |> List.map (fun path ->
            if path = "rule" || path = "attack" || path = "model" then
                path + ".settings"
            else
                path))
     @ [ "worst_accuracy"
         "mean_accuracy"
         "best_accuracy"
         "test_loss"
         "consensus_error"
         "seconds"
         "diverged"
         "started"
         "ubarfs" ])
    :: List.map (row paths) others

/// Writes the file into a store, or removes it if there is nothing to list.
let write (store: string) =
    match SweepFile.tryRead store with
    | None -> ()
    | Some sweep ->
        let file = Path.Combine(store, name)

        let others =
            Contents.others store (sweep.Runs |> Seq.map _.Id |> Set.ofSeq)
            |> List.filter (fun run -> Contents.isBegun (DirectoryInfo run.Folder))

        match others with
        | [] -> File.Delete file
        | others ->
            let current = sweep.Runs |> Seq.map _.Settings |> Seq.distinct |> List.ofSeq
            let lines = table current others |> List.map Csv.line
            Durable.writeText file (String.concat "\n" lines + "\n")
