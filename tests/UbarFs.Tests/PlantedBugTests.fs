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

let private loaded name =
    match RuleScript.loadRule (script name) with
    | Ok loaded -> loaded
    | Error problems -> failtest (problems |> List.map Rendering.plain |> String.concat "")

let private load name : Rule = (Component.choose Map.empty (loaded name).Component).Value

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

/// What goes by something beside the view, and the law that says so.
let private hidden =
    [ for bug in
          [ "every-second"
            "every-third"
            "every-seventh"
            "every-hundredth"
            "second-iteration"
            "count-by-node"
            "random"
            "seeded-random"
            "torch-random"
            "clock"
            "clock-seconds"
            "previous-view" ] -> bug, "determinism"

      for bug in [ "after-a-thousand"; "first-view"; "stale-cache" ] -> bug, "no-history" ]

/// What the battery finds of one law.
let examined (rule: Rule) law =
    let plan = { Effort = Effort.standard; Only = [ law ]; Byzantine = 1 }
    (RuleReport.create plan rule).Laws |> List.exactlyOne

/// A new copy of the rule with a bug, as if no test had asked it anything.
let private planted (loaded: Loaded<Rule>) bug () : Rule =
    match loaded.Anew() with
    | Ok component' -> (Component.choose (Map [ "bug", Value.Word bug ]) component').Value
    | Error problem -> failtest (Rendering.plain problem)

let private isNoticed (loaded: Lazy<Loaded<Rule>>) (bug, law) =
    testCase $"{bug} is found by {law}"
    <| fun () ->
        let anew = planted loaded.Value bug
        let plan = { Effort = Effort.standard; Only = [ law ]; Byzantine = 1 }

        let report =
            RuleReport.ofTested plan { Rule = anew (); Anew = anew; Assuming = None; Watch = fun _ _ -> () }

        match (List.exactlyOne report.Laws).Outcome with
        | Outcome.Falsified _ -> ()
        | other -> failtest $"{law}: {other}"

let private isFound (name, law) =
    testCase $"{name} is found, on at most 3 neighbours in 2 dimensions"
    <| fun () ->
        let rule = load name
        let report = examined rule law
        Expect.notEqual report.Standing Standing.Unclaimed $"{law} is something to keep"

        match report.Outcome with
        | Outcome.Held tests
        | Outcome.Undecided tests -> failtest $"{law} held in {tests} tests"
        | Outcome.Falsified(_, found) ->
            Expect.isLessThanOrEqual (Neighbourhood.count found.View) 3 "neighbours"
            Expect.isLessThanOrEqual (Neighbourhood.dimension found.View) 2 "dimensions"
            Expect.isError (Trial.check report.Trial rule found.View) "it still is a counterexample"

let private hiddenState = lazy (loaded "hidden-state")

// One after another: each is compiled, and some of them remember what they were asked before.
[<Tests>]
let tests =
    testSequenced
    <| testList
        "planted bugs"
        [ yield! List.map isFound bugs
          yield! List.map (isNoticed hiddenState) hidden

          testCase "without a bug the same rule keeps all of it"
          <| fun () ->
              let anew = planted hiddenState.Value "none"

              for law in [ "determinism"; "no-history" ] do
                  let plan = { Effort = Effort.standard; Only = [ law ]; Byzantine = 1 }

                  let report =
                      RuleReport.ofTested plan { Rule = anew (); Anew = anew; Assuming = None; Watch = fun _ _ -> () }

                  Expect.isEmpty (RuleReport.failures report) law ]
