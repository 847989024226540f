namespace UbarFs.Engine

open System.Collections.Concurrent
open System.Diagnostics
open System.IO
open UbarFs.Core

/// A campaign's runs in one store, as all processes that work there know them, and its `results.csv`, which is only
/// ever made of their records.
type Ledger(store: RunStore, campaign: Campaign) =
    let locks = Locks.ofStore store.Folder
    let ids = campaign.Runs |> List.map RunStore.id
    let complete = ConcurrentDictionary<string, RunRecord>()
    let mutable savedAt = 0L
    let mutable savingSeconds = 0.0

    // What is complete stays so; everything else can have changed since it was last read.
    let read run id =
        match complete.TryGetValue id with
        | true, record -> Some record
        | false, _ ->
            let record = RunStore.tryRecord store run

            record
            |> Option.filter (fun record -> record.Status = string Status.Complete)
            |> Option.iter (fun record -> complete[id] <- record)

            record

    let result run id =
        match read run id with
        | Some record -> { Run = run; Status = Status.Parse record.Status; Record = Some record }
        | None -> { Run = run; Status = Status.Pending; Record = None }

    member _.Store = store
    member _.Locks = locks
    member _.Campaign = campaign

    /// What the store knows of each run.
    member _.Results() : RunResult list = List.map2 result campaign.Runs ids

    /// What the store knows of a run at this moment.
    member _.Now(run: Run) : RunResult =
        let id = RunStore.id run
        complete.TryRemove id |> ignore
        result run id

    /// Writes `results.csv`. Processes do so one after the other, so that the last one to end leaves it complete.
    member ledger.Save() =
        let clock = Stopwatch.StartNew()

        Locks.exclusively (Path.Combine(store.Folder, ".results.lock")) (fun () ->
            Durable.sweepOf (Path.Combine(store.Folder, "results.csv"))

            ledger.Results()
            |> List.map (fun result -> result.Run, result.Status, result.Record)
            |> RunStore.saveResults store campaign.Names)

        savingSeconds <- clock.Elapsed.TotalSeconds
        savedAt <- Stopwatch.GetTimestamp()

    /// Writes it if it is old: the time for this must not grow with the square of the runs.
    member ledger.SaveSometimes() =
        if Stopwatch.GetElapsedTime(savedAt).TotalSeconds > max 1.0 (20.0 * savingSeconds) then
            ledger.Save()
