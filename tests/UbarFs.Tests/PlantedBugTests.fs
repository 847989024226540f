/// Rules with a bug, and what finds it: the battery with its standard effort, on a counterexample of a few numbers.
module UbarFs.Tests.PlantedBugTests

open System
open System.IO
open Expecto
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Scripting
open UbarFs.Testing

let script name = Path.Combine(AppContext.BaseDirectory, "planted", name + ".fsx")

let private load name : Rule =
    match RuleScript.loadRule (script name) with
    | Ok loaded -> (Component.choose Map.empty loaded.Component).Value
    | Error problems -> failtest (problems |> List.map Rendering.plain |> String.concat "")

/// A script, and the law that its bug breaks.
let private bugs =
    [ "stage-1-size", "two-stages"
      "strict-comparison", "two-stages"
      "no-fallback", "same-as"
      "own-included", "mean-of-kept"
      "ties-by-arrival", "same-as"
      "nan-slips-through", "containment"
      "biased-trimming", "mirroring"
      "even-median", "same-as"
      "squared-distance", "scaling"
      "stale-state", "no-history"
      "mutation", "purity"
      "cancellation", "precision" ]

/// What the battery finds of one law.
let examined (rule: Rule) law =
    // As many tests as on a machine that has nothing else to do.
    let effort = { Effort.standard with Patience = infinity }
    let plan = { Effort = effort; Only = [ law ]; Byzantine = 1 }
    (RuleReport.create plan rule).Laws |> List.exactlyOne

let private isFound (name, law) =
    testCase $"{name} is found, on at most 3 neighbours in 2 dimensions"
    <| fun () ->
        let rule = load name
        let report = examined rule law
        Expect.notEqual report.Standing Standing.Unclaimed $"{law} is something to keep"

        match report.Outcome with
        | Outcome.Held tests -> failtest $"{law} held in {tests} tests"
        | Outcome.Falsified(_, found) ->
            Expect.isLessThanOrEqual (Neighbourhood.count found.View) 3 "neighbours"
            Expect.isLessThanOrEqual (Neighbourhood.dimension found.View) 2 "dimensions"
            Expect.isError (Trial.check report.Trial rule found.View) "it still is a counterexample"

// One after another: each is compiled, and one of them remembers what it was asked before.
[<Tests>]
let tests = testSequenced <| testList "planted bugs" (List.map isFound bugs)
