namespace UbarFs.Engine

open System
open System.Diagnostics
open System.IO
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels

/// Another process took this one for dead, and has the run now.
type LostException(run: Run) =
    inherit Exception($"{Run.label run}: another machine took this process for dead, and goes on with the run")

/// `log.txt` of a run: what happened to it, with the time.
[<RequireQualifiedAccess>]
module RunLog =

    let write (folder: string) (text: string) =
        Directory.CreateDirectory folder |> ignore
        let time = DateTimeOffset.UtcNow.ToString "yyyy-MM-ddTHH:mm:ssZ"
        Durable.writing (fun () -> File.AppendAllText(Path.Combine(folder, "log.txt"), $"{time} {text}\n"))

/// What a run uses of time and memory, from its beginning.
type Meter(seconds: float, cpuSeconds: float) =
    let clock = Stopwatch.StartNew()
    let cpu () = using (Process.GetCurrentProcess()) _.TotalProcessorTime.TotalSeconds
    let highest () = using (Process.GetCurrentProcess()) _.PeakWorkingSet64
    let before = cpu ()
    let highestBefore = highest ()
    let mutable sampled = Environment.WorkingSet

    member _.Seconds = seconds + clock.Elapsed.TotalSeconds
    member _.CpuSeconds = cpuSeconds + cpu () - before

    member _.Sample() = sampled <- max sampled Environment.WorkingSet

    /// The most memory, in bytes: what the system says if the process has never had more, or else what samples say.
    member _.Peak = if highest () > highestBefore then highest () else sampled

/// One run, from its checkpoint or anew, by whoever has its lock.
[<RequireQualifiedAccess>]
module Execution =

    /// How a sitting ended.
    type private Outcome =
        { Status: Status
          Reason: string option
          Breach: Breach option
          Last: Evaluation option }

    let private failed reason = { Status = Status.Failed; Reason = Some reason; Breach = None; Last = None }

    let private sitting session (from: Checkpoint option) : Sitting =
        { Started = DateTimeOffset.UtcNow
          FromIteration = from |> Option.map _.Midway.State.Iteration |> Option.defaultValue 0
          FromSeconds = from |> Option.map _.Midway.Elapsed |> Option.defaultValue 0.0
          Host = Environment.MachineName
          Device = Device.name session.Device
          Threads = Workers.Count }

    /// The record of a run that begins, or goes on after earlier sittings.
    let private begun session (run: Run) checksum (earlier: Sitting list) (now: Sitting) : RunRecord =
        let first = earlier |> List.tryHead |> Option.defaultValue now

        { Id = RunStore.id run
          Identity = Identity.ofRun run
          Scenario = run.Scenario
          Status = string Status.Interrupted
          Reason = None
          Breach = None
          Canonical = Map.ofList (Run.canonical run)
          Facts = Some(RunFacts.ofRun run)
          WorstAccuracy = None
          MeanAccuracy = None
          BestAccuracy = None
          TestLoss = None
          ConsensusError = None
          Diverged = None
          SuccessRate = None
          ValidationAccuracy = None
          AveragedAccuracy = None
          Seconds = None
          CpuSeconds = None
          PeakMemory = None
          Started = first.Started
          Finished = None
          Device = now.Device
          Threads = now.Threads
          Jobs = session.Jobs
          DataChecksum = checksum
          Versions = session.Versions |> Map.add "code" (Identity.code.Substring(0, 12))
          Sittings = earlier @ [ now ]
          Files = Map.empty }

    let private ended (meter: Meter) outcome (record: RunRecord) =
        { record with
            Status = string outcome.Status
            Reason = outcome.Reason
            Breach = outcome.Breach
            WorstAccuracy = outcome.Last |> Option.map _.Worst
            MeanAccuracy = outcome.Last |> Option.map _.Mean
            BestAccuracy = outcome.Last |> Option.map _.Best
            TestLoss = outcome.Last |> Option.map _.TestLoss
            ConsensusError = outcome.Last |> Option.map _.ConsensusError
            Diverged = outcome.Last |> Option.map _.Diverged
            SuccessRate = outcome.Last |> Option.bind _.Success
            ValidationAccuracy = outcome.Last |> Option.bind _.Validation
            AveragedAccuracy = outcome.Last |> Option.bind _.Averaged
            Seconds = Some meter.Seconds
            CpuSeconds = Some meter.CpuSeconds
            PeakMemory = Some meter.Peak
            Finished = Some DateTimeOffset.UtcNow }

    let private outcomeOf (iteration: int) (error: exn) =
        match error with
        | :? BreachException as breach ->
            { failed breach.Message with
                Breach = Some { Node = breach.Node; Iteration = breach.Iteration } }
        | error when Guard.isOutOfMemory error ->
            failed
                $"out of memory in iteration {iteration + 1}: use fewer --jobs, a smaller batch or fewer nodes \
                  ({error.Message.Split('\n')[0]})"
        | error -> failed $"iteration {iteration + 1}: {error.GetType().Name}: {error.Message}"

    /// Decides when a run is saved, and saves it.
    type private Saver(session: Session, folder: string, run: Run, meter: Meter, held: HeldLock) =
        let id = RunStore.id run
        let mutable savedAt = Stopwatch.GetTimestamp()
        let mutable cost = 0.0

        let isDue iteration =
            match session.Checkpoints with
            | Cadence.Iterations count -> iteration % count = 0
            | Cadence.Seconds seconds -> Stopwatch.GetElapsedTime(savedAt).TotalSeconds > max seconds (100.0 * cost)
            | Cadence.Never -> false

        member _.Reached(stopping: bool, midway: Midway) =
            if isDue midway.State.Iteration || (stopping && session.Checkpoints <> Cadence.Never) then
                if held.IsLost then
                    raise (LostException run)

                let clock = Stopwatch.StartNew()
                Checkpoint.save folder id { Midway = midway; CpuSeconds = meter.CpuSeconds }
                cost <- clock.Elapsed.TotalSeconds
                savedAt <- Stopwatch.GetTimestamp()

    let private finish
        (session: Session)
        folder
        experiment
        (metrics: StreamWriter)
        (nodes: StreamWriter)
        (midway: Midway)
        =
        RunStore.settleMetrics metrics
        nodes.Dispose()
        NodesFile.finish folder

        if session.KeepModels then
            ModelFile.write folder experiment midway.State.Estimates

    let private train (session: Session) store held run meter (checkpoint: Checkpoint option) (experiment: Experiment) =
        let folder, goOn = RunStore.folderOf store run, checkpoint.IsSome
        use metrics = RunStore.metrics store run goOn
        let nodes, writeNodes = NodesFile.openFor folder run experiment.Network goOn
        use _ = nodes
        let saver = Saver(session, folder, run, meter, held)
        let total = experiment.Schedule.Iterations

        let mutable iteration = checkpoint |> Option.map _.Midway.State.Iteration |> Option.defaultValue 0

        let observer =
            { Iterated =
                fun iterations ->
                    iteration <- iterations
                    session.Notify(Event.Iterated(run, iterations))
              Evaluated =
                fun evaluation ->
                    Durable.writing (fun () ->
                        RunStore.writeMetrics run metrics evaluation
                        writeNodes evaluation)

                    meter.Sample()
                    session.Notify(Event.Evaluated(run, experiment.Schedule, evaluation.Iterations, evaluation.Worst))
              Reached =
                fun stopping midway ->
                    if midway.State.Iteration = total then
                        finish session folder experiment metrics nodes midway
                    else
                        saver.Reached(stopping, midway) }

        try
            match Training.resume observer session.Cancellation (checkpoint |> Option.map _.Midway) experiment with
            | Ending.Finished last -> { Status = Status.Complete; Reason = None; Breach = None; Last = Some last }
            | Ending.Interrupted -> { Status = Status.Interrupted; Reason = None; Breach = None; Last = None }
        with
        | :? IOException
        | :? UnauthorizedAccessException
        | :? LostException -> reraise ()
        | error ->
            RunLog.write folder (string error)
            outcomeOf (min iteration (total - 1)) error

    // The index of a GPU does not matter.
    let private kind (sitting: Sitting) = sitting.Device.Split(':')[0]

    let private changes (earlier: Sitting list) (now: Sitting) =
        match List.tryLast earlier with
        | Some last when kind last <> kind now ->
            Some
                $"goes on with {now.Device} what {last.Device} began: the last digits can differ from those of an \
                  undisturbed run"
        | _ -> None

    // From the newest checkpoint, or anew; the record says so before the first iteration.
    let private sit (session: Session) save store held run tell checksum (experiment: Experiment) =
        use _ = torch.NewDisposeScope()
        let folder, id = RunStore.folderOf store run, RunStore.id run

        let before =
            match RunStore.record store run with
            | Ok before -> before
            | Error reason ->
                tell $"its {RunFolder.recordName} cannot be read, {reason}: the run starts anew"
                None

        let fits = before |> Option.exists (fun record -> record.DataChecksum = checksum)

        if not fits then
            Checkpoint.discard folder

        let checkpoint = Checkpoint.latest tell folder id experiment
        let from = checkpoint |> Option.map _.Midway.State.Iteration |> Option.defaultValue 0
        let earlier = if from = 0 then [] else before.Value.Sittings
        let now = sitting session checkpoint
        let record = begun session run checksum earlier now
        save record
        NetworkFile.write folder experiment
        SharesFile.write folder experiment
        changes earlier now |> Option.iter tell
        session.Notify(Event.Started(run, experiment.Schedule, from))

        RunLog.write
            folder
            (if from = 0 then
                 "begins"
             else
                 $"goes on after iteration {from}")

        let meter =
            match checkpoint with
            | Some checkpoint -> Meter(checkpoint.Midway.Elapsed, checkpoint.CpuSeconds)
            | None -> Meter(0.0, 0.0)

        ended meter (train session store held run meter checkpoint experiment) record

    let private without session run checksum outcome =
        ended (Meter(0.0, 0.0)) outcome (begun session run checksum [] (sitting session None))

    /// Writes down that a run failed in another process, which cannot do so any more. For whoever has its lock.
    let broken (session: Session) json store (run: Run) (reason: string) : RunResult =
        let checksum =
            match session.Supply run.Dataset with
            | Supply.Available(_, checksum) -> checksum
            | Supply.Missing _ -> ""

        let record =
            match RunStore.tryRecord store run with
            | Some begun ->
                { begun with
                    Status = string Status.Failed
                    Reason = Some reason
                    Breach = None
                    Finished = Some DateTimeOffset.UtcNow }
            | None -> without session run checksum (failed reason)

        RunStore.save json store run record
        RunLog.write (RunStore.folderOf store run) (record.Status + ": " + reason)
        { Run = run; Status = Status.Failed; Record = Some record }

    /// Whether the folder of a complete run has files that only runs under way need.
    let isUntidy (folder: string) =
        Checkpoint.exists folder
        || Locks.names |> List.exists (fun name -> File.Exists(Path.Combine(folder, name)))

    /// Removes them.
    let tidy store (held: HeldLock) run =
        let folder = RunStore.folderOf store run
        Checkpoint.discard folder
        Durable.sweep folder
        held.Finish()

    /// Does a run that is not complete yet. Whatever fails in it is its own failure, not the sweep's, unless its results
    /// cannot be written: then no other's can. `json` makes the values of its settings (`Campaign.Json`). Fails with
    /// a LostException if another process has taken it over.
    let execute (session: Session) json store (held: HeldLock) (run: Run) : RunResult =
        let folder = RunStore.folderOf store run
        Directory.CreateDirectory folder |> ignore
        Durable.sweep folder

        let save = RunStore.save json store run

        let tell text =
            RunLog.write folder text
            session.Notify(Event.Noticed(run, text))

        let record =
            match session.Supply run.Dataset with
            | Supply.Missing reason -> without session run "" { failed reason with Status = Status.MissingData }
            | Supply.Available(samples, checksum) ->
                match Experiment.create samples run with
                | Error reason -> without session run checksum (failed reason)
                | Ok experiment -> sit session save store held run tell checksum experiment

        if held.IsLost then
            raise (LostException run)

        let record = RunFolder.completed folder record
        save record
        let reason = record.Reason |> Option.map (fun reason -> ": " + reason) |> Option.defaultValue ""
        RunLog.write folder (record.Status + reason)

        if record.Status = string Status.Complete then
            tidy store held run

        { Run = run; Status = Status.Parse record.Status; Record = Some record }
