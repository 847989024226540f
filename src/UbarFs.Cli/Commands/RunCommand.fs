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

/// Says which runs lack data and which failed, and how they are done again.
let tellFailures (session: Session) (results: RunResult list) =
    missing results |> List.distinct |> List.iter Exit.complain
    failures results |> List.iter Exit.complain

    if failures results <> [] && not session.Retry then
        Exit.complain "--retry runs again what has failed"

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
    tellFailures session all

    if
        session.Cancellation.IsCancellationRequested
        && all |> List.exists (fun result -> result.Status = Status.Interrupted)
    then
        Exit.complain "interrupted: the same command goes on from here"

    elsewhere session all

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

/// What the first Ctrl-C leads to.
let stopping = "stopping after the iterations under way; Ctrl-C again stops at once"

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

/// What the processes that run code of the user's own are allowed.
let allowance (arguments: ParseResults<RunArguments>) : Result<Allowance, string> =
    result {
        let! jobs = RunPlan.jobs arguments

        let! patience =
            let text = arguments.GetResult(RunArguments.RuleTimeout, "5min")

            match Cadence.parse text with
            | Ok Cadence.Never -> Ok None
            | Ok(Cadence.Seconds seconds) -> Ok(Some(TimeSpan.FromSeconds seconds))
            | Ok(Cadence.Iterations _)
            | Error _ -> Error $"--rule-timeout is '{text}': expected a time such as 30s or 10min, or 'never'"

        let! memory =
            match arguments.TryGetResult RunArguments.RuleMemory with
            | Some gibibytes when gibibytes > 0.0 -> Ok(gibibytes * 1024.0 ** 3.0)
            | Some gibibytes -> Error $"--rule-memory is {gibibytes}: expected a number of GiB above 0"
            | None -> Ok(Admission.usable * Admission.freeMemory () / float jobs)

        return { Patience = patience; Memory = int64 memory }
    }

/// What another process needs to be told to do runs of this command.
let forWorkers (arguments: ParseResults<RunArguments>) : string list =
    arguments.GetAllResults()
    |> List.filter (function
        | RunArguments.Watch _
        | RunArguments.Tensorboard
        | RunArguments.Json
        | RunArguments.Quiet
        | Fresh
        | RunArguments.RuleTimeout _
        | RunArguments.RuleMemory _ -> false
        | _ -> true)
    |> arguments.Parser.PrintCommandLineArguments
    |> List.ofArray

let run (arguments: ParseResults<RunArguments>) : int =
    let prepared =
        result {
            let! allowance = allowance arguments |> Result.mapError Exit.refuse
            use workers = new Workers(forWorkers arguments, allowance)
            let! plan = RunPlan.ofArguments workers.Permit arguments
            let session = { plan.Session with Delegate = Some workers }

            let tracker =
                plan.Planned
                |> List.collect (fun planned -> Session.runs session planned.Campaign)
                |> Progress.Tracker

            let! server = watch arguments tracker plan.Planned |> Result.mapError Exit.refuse
            use _ = server |> Option.toObj
            return execute arguments session tracker plan.Planned
        }

    Result.either id id prepared
