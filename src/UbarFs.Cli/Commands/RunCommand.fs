/// `ubarfs run`: scenarios in, results out.
module UbarFs.Cli.RunCommand

open System
open Argu
open FsToolkit.ErrorHandling
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Engine.Data
open UbarFs.Report
open UbarFs.Scenario
open UbarFs.Cli.Arguments

/// The runs of a scenario with the store that their results go to.
type private Planned = { Campaign: Campaign; Store: RunStore }

/// Every dataset that the scenarios name, loaded once. Damaged files refuse the whole command; missing ones only
/// the runs that need them.
let private supplies device (places: UbarFs.Engine.Data.Place list) (scenarios: Scenario list) =
    let supply (dataset: Chosen<Dataset>) =
        match Store.load places dataset with
        | Ok loaded ->
            loaded.Notices |> List.iter Exit.complain
            Ok(dataset.Value, Supply.Available(Samples.create device loaded, loaded.Checksum))
        | Error(DataProblem.Missing _ as missing) -> Ok(dataset.Value, Supply.Missing(DataProblem.describe missing))
        | Error damaged -> Error(DataProblem.describe damaged)

    scenarios
    |> List.collect _.Runs
    |> List.map _.Dataset
    |> List.distinctBy _.Value
    |> List.traverseResultM supply
    |> Result.map Map.ofList

let private missing (results: RunResult list) =
    results
    |> List.filter (fun result -> result.Status = Status.MissingData)
    |> List.choose (fun result -> result.Record |> Option.bind _.Reason)

let private failures (results: RunResult list) =
    results
    |> List.filter (fun result -> result.Status = Status.Failed)
    |> List.map (fun result ->
        let reason = result.Record |> Option.bind _.Reason |> Option.defaultValue "no reason given"
        $"{result.Run.Scenario}: {Run.label result.Run}: {reason}")

let private exitCode interrupted (results: RunResult list) =
    if results |> List.forall (fun result -> result.Status = Status.Complete) then
        Exit.done'
    elif interrupted then
        Exit.interrupted
    else
        Exit.runFailed

let private kind (device: string) = device.Split(':')[0]

/// Says what was computed elsewhere, if it was not here.
let private elsewhere (session: Session) (results: RunResult list) =
    let here = Device.name session.Device |> kind

    let others =
        results
        |> List.choose (fun result ->
            result.Record
            |> Option.filter (fun record -> result.Status = Status.Complete && kind record.Device <> here))

    if not others.IsEmpty then
        let devices = others |> List.map _.Device |> List.distinct |> String.concat ", "

        Exit.complain
            $"{others.Length} of the runs were computed on {devices}, which rounds otherwise than {here}: --fresh does \
              them again"

let private print
    (arguments: ParseResults<RunArguments>)
    (session: Session)
    (results: (Planned * RunResult list) list)
    =
    let studies = results |> List.choose (fun (planned, _) -> Study.tryLoad planned.Store.Folder)

    for study in studies do
        Studies.writeReport study

        if arguments.Contains RunArguments.Tensorboard then
            Studies.writeTensorBoard study

    if arguments.Contains RunArguments.Json then
        Studies.printJson studies
    else
        Studies.printTables ResultsTable.legendOfResults studies

        for study in studies do
            for file in [ "results.csv"; "report.html" ] do
                printfn "%s" (IO.Path.Combine(study.Folders.Head, file))

    Studies.tellMore studies
    let all = List.collect snd results
    missing all |> List.distinct |> List.iter Exit.complain
    failures all |> List.iter Exit.complain

    if failures all <> [] && not session.Retry then
        Exit.complain "--retry runs again what has failed"

    if
        session.Cancellation.IsCancellationRequested
        && all |> List.exists (fun result -> result.Status = Status.Interrupted)
    then
        Exit.complain "interrupted: the same command goes on from here"

    elsewhere session all

/// What of a session the command line says.
let private session (arguments: ParseResults<RunArguments>) device supply : Result<Session, string> =
    result {
        let! jobs =
            match arguments.GetResult(Jobs, 1) with
            | jobs when jobs < 1 -> Error $"--jobs is {jobs}: expected 1 or more"
            | jobs -> Ok jobs

        let! shard =
            match arguments.TryGetResult RunArguments.Shard with
            | Some text -> Shard.parse text
            | None -> Ok Shard.whole

        let! cadence =
            match arguments.TryGetResult CheckpointEvery with
            | Some text -> Cadence.parse text
            | None -> Ok Cadence.standard

        return
            { SessionDefaults.create device supply with
                Fresh = arguments.Contains Fresh
                Retry = arguments.Contains Retry
                Shard = shard
                Jobs = jobs
                Checkpoints = cadence
                KeepModels = not (arguments.Contains NoModels) }
    }

let private own session (planned: Planned, results: RunResult list) =
    let ids = Session.runs session planned.Campaign |> List.map RunStore.id |> Set.ofList
    results |> List.filter (fun result -> ids.Contains(RunStore.id result.Run))

/// Serves the report while the runs go on, if that is wanted.
let private watch
    (arguments: ParseResults<RunArguments>)
    (tracker: Progress.Tracker)
    (planned: Planned list)
    : Result<IDisposable option, string> =
    match arguments.TryGetResult RunArguments.Watch with
    | None -> Ok None
    | Some port ->
        Watch.start (Option.defaultValue Watch.defaultPort port) tracker (planned |> List.map _.Store.Folder)
        |> Result.map (fun (address, server) ->
            Exit.complain $"the report is at {address} while the runs go on"
            Some server)

let private stopping = "stopping after the iterations under way; Ctrl-C again stops at once"

let private execute
    (arguments: ParseResults<RunArguments>)
    (session: Session)
    (tracker: Progress.Tracker)
    (planned: Planned list)
    =
    let stores = planned |> List.map (fun planned -> planned.Store, planned.Campaign)

    try
        let isInterrupted, results =
            Interruption.stoppable stopping (fun cancellation ->
                Progress.show (arguments.Contains RunArguments.Quiet) tracker (fun notify ->
                    let session = { session with Notify = notify; Cancellation = cancellation }
                    let results = Session.runAll session stores
                    cancellation.IsCancellationRequested, List.zip planned results))

        print arguments session results
        exitCode isInterrupted (List.collect (own session) results)
    with
    | :? IO.IOException
    | :? UnauthorizedAccessException as error ->
        let reason = error.Message.TrimEnd '.'
        Exit.complain $"the results cannot be written: {reason}. What is complete is not done again."
        Exit.runFailed

let private opened out (scenario: Scenario) =
    RunStore.opened out scenario.Name
    |> Result.map (fun store -> { Campaign = Campaign.ofScenario scenario; Store = store })

let run (arguments: ParseResults<RunArguments>) : int =
    let prepared =
        result {
            let! overrides = Overriding.read (arguments.GetResults RunArguments.Set) |> Result.mapError Exit.refuse
            let! places = Places.named (arguments.TryGetResult RunArguments.Data) |> Result.mapError Exit.refuse

            let! scenarios =
                Scenarios.load
                    (not (arguments.Contains RunArguments.NoScripts))
                    overrides
                    (arguments.GetResult RunArguments.Files)

            let! libtorch =
                LibTorch.load (arguments.TryGetResult RunArguments.Libtorch) |> Result.mapError Exit.refuse

            let! device =
                Device.parse (arguments.GetResult(RunArguments.Device, "auto")) |> Result.mapError Exit.refuse

            do! Preflight.all scenarios
            let! supplies = supplies device places scenarios |> Result.mapError Exit.refuse
            let supply (dataset: Chosen<Dataset>) = Map.find dataset.Value supplies
            let! session = session arguments device supply |> Result.mapError Exit.refuse
            let out = arguments.GetResult(RunArguments.Out, "runs")
            let! planned = scenarios |> List.traverseResultM (opened out) |> Result.mapError Exit.refuse
            libtorch.Warning |> Option.ofObj |> Option.iter Exit.complain

            let tracker =
                planned |> List.collect (fun planned -> Session.runs session planned.Campaign) |> Progress.Tracker

            let! server = watch arguments tracker planned |> Result.mapError Exit.refuse
            use _ = server |> Option.toObj
            return execute arguments { session with Versions = Provenance.versions libtorch } tracker planned
        }

    Result.either id id prepared
