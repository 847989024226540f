/// `ubarfs run`: scenarios in, results out.
module UbarFs.Cli.RunCommand

open System
open System.Runtime.InteropServices
open System.Threading
open Argu
open FsToolkit.ErrorHandling
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Engine.Data
open UbarFs.Report
open UbarFs.Scenario
open UbarFs.Cli.Arguments

/// A scenario with the store that its results go to.
type private Planned = { Scenario: Scenario; Store: RunStore }

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

/// Cancels at the first Ctrl-C or SIGTERM; a second Ctrl-C ends the process at once.
let private onInterrupt (source: CancellationTokenSource) =
    let stop (context: PosixSignalContext) =
        if not source.IsCancellationRequested then
            context.Cancel <- true
            source.Cancel()
        elif not Console.IsErrorRedirected then
            // Nobody else shows the cursor again that the live view hides.
            eprintf "\u001b[?25h"

    [ PosixSignalRegistration.Create(PosixSignal.SIGINT, stop)
      PosixSignalRegistration.Create(PosixSignal.SIGTERM, stop) ]

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

let private print (arguments: ParseResults<RunArguments>) (results: (Planned * RunResult list) list) =
    let studies = results |> List.choose (fun (planned, _) -> Study.tryLoad planned.Store.Folder)

    for study in studies do
        Studies.writeReport study

        if arguments.Contains RunArguments.Tensorboard then
            Studies.writeTensorBoard study

    if arguments.Contains RunArguments.Json then
        Studies.printJson studies
    else
        Studies.printTables studies

    let all = List.collect snd results
    missing all |> List.distinct |> List.iter Exit.complain
    failures all |> List.iter Exit.complain

/// Serves the report while the runs go on, if that is wanted.
let private watch (arguments: ParseResults<RunArguments>) (planned: Planned list) : Result<IDisposable option, string> =
    match arguments.TryGetResult RunArguments.Watch with
    | None -> Ok None
    | Some port ->
        Watch.start (Option.defaultValue Watch.defaultPort port) (planned |> List.map _.Store.Folder)
        |> Result.map (fun (address, server) ->
            Exit.complain $"the report is at {address} while the runs go on"
            Some server)

let private execute (arguments: ParseResults<RunArguments>) device versions supplies (planned: Planned list) =
    use source = new CancellationTokenSource()
    let registrations = onInterrupt source
    let total = planned |> List.sumBy (fun planned -> planned.Scenario.Runs.Length)

    let session notify =
        { Device = device
          Fresh = arguments.Contains Fresh
          Supply = fun dataset -> Map.find dataset.Value supplies
          Versions = versions
          Notify = notify
          Cancellation = source.Token }

    try
        let results =
            Progress.show (arguments.Contains RunArguments.Quiet) source.Token total (fun notify ->
                planned
                |> List.map (fun planned ->
                    planned, Session.runScenario (session notify) planned.Store planned.Scenario))

        registrations |> List.iter _.Dispose()
        print arguments results
        exitCode source.IsCancellationRequested (List.collect snd results)
    with
    | :? IO.IOException
    | :? UnauthorizedAccessException as error ->
        let reason = error.Message.TrimEnd '.'
        Exit.complain $"the results cannot be written: {reason}. What is complete is not done again."
        Exit.runFailed

let run (arguments: ParseResults<RunArguments>) : int =
    let prepared =
        result {
            let! overrides = Overriding.read (arguments.GetResults RunArguments.Set) |> Result.mapError Exit.refuse

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

            let places = Places.current (arguments.TryGetResult RunArguments.Data)
            let! supplies = supplies device places scenarios |> Result.mapError Exit.refuse
            let out = arguments.GetResult(RunArguments.Out, "runs")

            let! planned =
                scenarios
                |> List.traverseResultM (fun scenario ->
                    RunStore.opened out scenario.Name
                    |> Result.map (fun store -> { Scenario = scenario; Store = store }))
                |> Result.mapError Exit.refuse

            libtorch.Warning |> Option.ofObj |> Option.iter Exit.complain
            let! server = watch arguments planned |> Result.mapError Exit.refuse
            use _ = server |> Option.toObj
            return execute arguments device (Provenance.versions libtorch) supplies planned
        }

    Result.either id id prepared
