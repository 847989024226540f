/// `ubarfs check`: what scenarios would do, without doing it.
module UbarFs.Cli.CheckCommand

open System
open Argu
open FsToolkit.ErrorHandling
open Spectre.Console
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Cli.Arguments

let private print (scenario: Scenario, forecasts: Forecast list) =
    let console = Tables.console ()
    Tables.print console (ForecastTable.networks scenario forecasts)
    Tables.print console (ForecastTable.costs forecasts)

    for path, value in ForecastTable.common forecasts do
        printfn "  %s: %s" path value

    let columns =
        if Console.IsOutputRedirected then
            100
        else
            (Terminal.size ()).Columns - 1

    for line in ShareChecks.lines columns scenario do
        printfn "%s" line

    for line in Assumptions.lines scenario do
        Say.linef "  %s" line

    let total = forecasts |> List.sumBy _.Seconds

    let runs =
        if forecasts.Length = 1 then
            "1 run"
        else
            $"{forecasts.Length} runs"

    printfn "%s: %s, %s" scenario.File runs (ForecastTable.aboutDuration total)

/// How long costs are measured that are not known yet; from then on, those of similar runs stand for them.
let private measuring = TimeSpan.FromSeconds 1.5

let private book device =
    let file = UserCache.current "costs" |> Option.map (fun folder -> IO.Path.Combine(folder, "costs.json"))
    CostBook(file, device, measuring)

/// Times every combination, and shows on a terminal how far it is.
let private trials device (scenario: Scenario) =
    if Console.IsErrorRedirected then
        Forecast.byTrials (fun _ _ -> ()) device scenario.Runs
    else
        let console = AnsiConsole.Create(AnsiConsoleSettings(Out = AnsiConsoleOutput Console.Error))

        console
            .Progress(AutoClear = true, HideCompleted = true)
            .Start(fun context ->
                let task = context.AddTask(Markup.Escape $"trials of {scenario.Name}")

                let progress finished all =
                    task.MaxValue <- float (max 1 all)
                    task.Value <- float finished

                Forecast.byTrials progress device scenario.Runs)

let run (arguments: ParseResults<CheckArguments>) : int =
    let checked' =
        result {
            let! overrides = Overriding.read (arguments.GetResults CheckArguments.Set) |> Result.mapError Exit.refuse

            let! scenarios =
                Scenarios.load
                    (not (arguments.Contains CheckArguments.NoScripts))
                    Scenarios.unasked
                    overrides
                    (arguments.GetResult CheckArguments.Files)

            let! _ = LibTorch.load (arguments.TryGetResult CheckArguments.Libtorch) |> Result.mapError Exit.refuse

            let! device =
                Device.parse (arguments.GetResult(CheckArguments.Device, "auto")) |> Result.mapError Exit.refuse

            do! Preflight.all true scenarios

            let forecast (scenario: Scenario) =
                (if arguments.Contains CheckArguments.Time then
                     trials device scenario
                 else
                     Forecast.ofRuns (book device) scenario.Runs)
                |> Result.mapError (fun reason -> $"{scenario.File}: {reason}")
                |> Result.map (fun forecasts -> scenario, forecasts)

            return! scenarios |> List.traverseResultM forecast |> Result.mapError Exit.refuse
        }

    match checked' with
    | Ok forecasts ->
        List.iter print forecasts
        printfn "%s" (ForecastTable.legend (arguments.Contains CheckArguments.Time))
        Exit.done'
    | Error code -> code
