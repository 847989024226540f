namespace UbarFs.Engine

open System
open System.Diagnostics
open System.IO
open System.Threading
open UbarFs.Core
open UbarFs.Scenario

/// A run with what came of it.
type RunResult =
    {
        Run: Run
        Status: Status
        /// None while it is pending.
        Record: RunRecord option
    }

/// What happens while scenarios run, for whoever shows it.
[<RequireQualifiedAccess>]
type Event =
    /// A run that is not complete yet has its turn.
    | Started of Run * Schedule
    | Iterated of Run * int
    | Evaluated of Run * Schedule * Evaluation
    | Ended of RunResult
    /// It was complete before: nothing was done.
    | Reused of RunResult

/// The data of a run, or why there are none.
[<RequireQualifiedAccess>]
type Supply =
    | Available of Samples * checksum: string
    /// The files are not on this machine; the text says where they belong and how to get them.
    | Missing of string

/// How scenarios are executed: everything that is not in the scenario itself.
type Session =
    {
        Device: TorchSharp.torch.Device
        /// Run again what is already complete.
        Fresh: bool
        Supply: Chosen<Dataset> -> Supply
        Versions: Map<string, string>
        Notify: Event -> unit
        Cancellation: CancellationToken
    }

/// Executes scenarios run by run and keeps their store up to date.
[<RequireQualifiedAccess>]
module Session =

    let private begun session (run: Run) checksum : RunRecord =
        { Id = RunStore.id run
          Scenario = run.Scenario
          Status = string Status.Interrupted
          Reason = None
          Settings = Map.ofList (Run.canonical run)
          WorstAccuracy = None
          MeanAccuracy = None
          BestAccuracy = None
          Seconds = None
          Started = DateTimeOffset.UtcNow
          Finished = None
          Device = Device.name session.Device
          DataChecksum = checksum
          Versions = session.Versions }

    let private ended status reason (seconds: float) (evaluation: Evaluation option) (record: RunRecord) =
        { record with
            Status = string status
            Reason = reason
            WorstAccuracy = evaluation |> Option.map _.Worst
            MeanAccuracy = evaluation |> Option.map _.Mean
            BestAccuracy = evaluation |> Option.map _.Best
            Seconds = Some seconds
            Finished = Some DateTimeOffset.UtcNow }

    // How it ended: the status, the reason if it is not complete, and the last evaluation if it is.
    let private train session store run samples =
        match Experiment.create samples run with
        | Error reason -> Status.Failed, Some reason, None
        | Ok experiment ->
            let folder = RunStore.folderOf store run
            NetworkFile.write folder experiment
            use metrics = RunStore.metrics store run
            let nodes, writeNodes = NodesFile.create folder experiment.Network
            use _ = nodes

            let observer =
                { Iterated = fun iterations -> session.Notify(Event.Iterated(run, iterations))
                  Evaluated =
                    fun evaluation ->
                        RunStore.writeMetrics metrics evaluation
                        writeNodes evaluation
                        session.Notify(Event.Evaluated(run, experiment.Schedule, evaluation)) }

            match Training.run observer session.Cancellation experiment with
            | Ending.Finished last ->
                nodes.Dispose()
                NodesFile.finish folder
                Status.Complete, None, Some last
            | Ending.Interrupted -> Status.Interrupted, None, None

    /// One run that is not complete yet. Whatever it throws is its own failure, not the sweep's, unless its results
    /// cannot be written: then no other's can.
    let private execute session store run =
        session.Notify(Event.Started(run, Schedule.create run))
        let clock = Stopwatch.StartNew()

        let record, (status, reason, evaluation) =
            match session.Supply run.Dataset with
            | Supply.Missing reason -> begun session run "", (Status.MissingData, Some reason, None)
            | Supply.Available(samples, checksum) ->
                let record = begun session run checksum
                RunStore.save store run record

                try
                    record, train session store run samples
                with
                | :? IOException
                | :? UnauthorizedAccessException -> reraise ()
                | error -> record, (Status.Failed, Some error.Message, None)

        let record = ended status reason clock.Elapsed.TotalSeconds evaluation record
        RunStore.save store run record
        { Run = run; Status = status; Record = Some record }

    let private known store run =
        match RunStore.tryRecord store run with
        | Some record -> { Run = run; Status = Status.Parse record.Status; Record = Some record }
        | None -> { Run = run; Status = Status.Pending; Record = None }

    /// Runs those of a scenario's runs that are not complete, in order. After a cancellation the rest stays as it is.
    /// Fails with an IOException or an UnauthorizedAccessException if the store cannot be written.
    let runScenario session (store: RunStore) (scenario: Scenario) : RunResult list =
        if session.Fresh then
            scenario.Runs |> List.iter (RunStore.forget store)

        let results = scenario.Runs |> List.map (known store) |> Array.ofList

        // Two copies of a dataset can differ, and a folder's images can change.
        let hasSameData (result: RunResult) =
            match session.Supply result.Run.Dataset, result.Record with
            | Supply.Available(_, checksum), Some record -> checksum = record.DataChecksum
            | _ -> true


        let save () =
            results
            |> Seq.map (fun result -> result.Run, result.Status, result.Record)
            |> List.ofSeq
            |> RunStore.saveResults store

        save ()
        SweepFile.write store scenario

        for index in 0 .. results.Length - 1 do
            // Asked again: an equal run earlier in the sweep may have been done just now.
            match known store results[index].Run with
            | complete when complete.Status = Status.Complete && hasSameData complete ->
                results[index] <- complete
                session.Notify(Event.Reused complete)
            | _ when session.Cancellation.IsCancellationRequested -> ()
            | known ->
                // What a killed process leaves behind says so.
                results[index] <- { known with Status = Status.Interrupted }
                save ()
                results[index] <- execute session store known.Run
                save ()
                session.Notify(Event.Ended results[index])

        save ()
        List.ofArray results
