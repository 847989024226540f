/// What `ubarfs check` shows: networks and costs, with the settings that set rows apart, on narrow terminals too.
module UbarFs.Tests.ForecastTests

open System
open System.IO
open Expecto
open Spectre.Console
open TorchSharp
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Scenario

let private text =
    """data: { dataset: digits }
network: { benign: 6, byzantine: 0.25, enforce-benign-ratio: false }
training: { iterations: 2 }
sweep:
  model: [softmax, { mlp: { hidden: 20 } }]
  network.topology: [ring, complete, { random: { ratio: 0.9 } }]
  attack: [absent, bit-flip]
  rule: [average, ubar]
"""

let private scenario =
    lazy
        match Scenario.parse "networks.yaml" text [] with
        | Ok(scenario, _) -> scenario
        | Error errors -> failtest (errors |> List.map Rendering.plain |> String.concat "")

let private forecasts =
    lazy
        match Forecast.ofRuns (CostBook(None, torch.CPU, TimeSpan.FromSeconds 1.0)) scenario.Value.Runs with
        | Ok forecasts -> forecasts
        | Error reason -> failtest reason

let private lines width (table: Table) =
    use writer = new StringWriter()

    let console =
        AnsiConsole.Create(AnsiConsoleSettings(Out = AnsiConsoleOutput writer, Ansi = AnsiSupport.No))

    console.Profile.Width <- width
    console.Write table
    writer.ToString().Split '\n' |> Array.map _.TrimEnd() |> List.ofArray

let private networks width = lines width (ForecastTable.networks scenario.Value forecasts.Value)
let private costs width = lines width (ForecastTable.costs forecasts.Value)

let private legend isTimed = (ForecastTable.legend isTimed).Split '\n' |> List.ofArray

let private rowOf (parts: string list) lines =
    lines |> List.filter (fun (line: string) -> parts |> List.forall line.Contains)

[<Tests>]
let tests =
    testSequenced
    <| testList
        "forecast"
        [ testCase "each network is a row that says its settings"
          <| fun () ->
              let lines = networks 100
              Expect.hasLength (lines |> List.filter (fun line -> line.Contains "6+")) 6 "rows"

              for topology in [ "ring"; "complete"; "ratio: 0.9" ] do
                  for attack in [ "absent"; "others" ] do
                      Expect.hasLength (rowOf [ topology; attack ] lines) 1 $"{topology}, {attack}"

          testCase "degrees are those of who takes part, benign nodes and liars apart"
          <| fun () ->
              let cells (line: string) = line.Split('│', StringSplitOptions.TrimEntries) |> List.ofArray
              let figures parts = (rowOf parts (networks 100) |> List.exactlyOne |> cells)[3..6]

              // Of a complete graph of 6 + 2 nodes.
              Expect.equal (figures [ "complete"; "others" ]) [ "6+2"; "28"; "7"; "7" ] "with the liars"
              Expect.equal (figures [ "complete"; "absent" ]) [ "6+0"; "15"; "5"; "–" ] "without them"

          testCase "the costs are told for each model and rule"
          <| fun () ->
              let lines = costs 80

              for model in [ "softmax"; "mlp" ] do
                  for rule in [ "average"; "ubar" ] do
                      Expect.hasLength (rowOf [ model; rule; " 6 " ] lines) 1 $"{model}, {rule}"

          testCase "tables fit a terminal of 80 columns"
          <| fun () ->
              for line in networks 80 @ costs 80 @ legend true @ legend false do
                  Expect.isLessThanOrEqual line.Length 80 line

          testCase "a bound is not said to be a rough figure"
          <| fun () ->
              Expect.equal (ForecastTable.aboutDuration 0.2) "under 1 s" "a bound"
              Expect.equal (ForecastTable.aboutDuration 12.0) "about 12 s" "a figure"

          testCase "a scenario of one network needs no settings"
          <| fun () ->
              let only = [ forecasts.Value.Head ]
              let lines = lines 80 (ForecastTable.networks scenario.Value only)
              Expect.isFalse (lines |> List.exists (fun line -> line.Contains "topology")) "no column" ]
