/// `ubarfs check`: what scenarios would do, without doing it.
module UbarFs.Cli.CheckCommand

open Argu
open FsToolkit.ErrorHandling
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Scenario
open UbarFs.Cli.Arguments

let private print (scenario: Scenario, forecasts: Forecast list) =
    Tables.print (Tables.console ()) (ForecastTable.create scenario forecasts)

    for path, value in ForecastTable.common forecasts do
        printfn "  %s: %s" path value

    let total = forecasts |> List.sumBy _.Seconds

    let runs =
        if forecasts.Length = 1 then
            "1 run"
        else
            $"{forecasts.Length} runs"

    printfn "%s: %s, about %s" scenario.File runs (ForecastTable.duration total)

let run (arguments: ParseResults<CheckArguments>) : int =
    let checked' =
        result {
            let! overrides = Overriding.read (arguments.GetResults CheckArguments.Set) |> Result.mapError Exit.refuse

            let! scenarios =
                Scenarios.load
                    (not (arguments.Contains CheckArguments.NoScripts))
                    overrides
                    (arguments.GetResult CheckArguments.Files)

            let! _ = LibTorch.load (arguments.TryGetResult CheckArguments.Libtorch) |> Result.mapError Exit.refuse

            let! device =
                Device.parse (arguments.GetResult(CheckArguments.Device, "auto")) |> Result.mapError Exit.refuse

            do! Preflight.all scenarios

            let forecast (scenario: Scenario) =
                Forecast.ofRuns device scenario.Runs
                |> Result.mapError (fun reason -> $"{scenario.File}: {reason}")
                |> Result.map (fun forecasts -> scenario, forecasts)

            return! scenarios |> List.traverseResultM forecast |> Result.mapError Exit.refuse
        }

    match checked' with
    | Ok forecasts ->
        List.iter print forecasts
        printfn "%s" ForecastTable.legend
        Exit.done'
    | Error code -> code
