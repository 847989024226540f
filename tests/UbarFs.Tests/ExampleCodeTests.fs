/// The rules and attacks in scenarios/rules: they keep what they promise and do what they say.
module UbarFs.Tests.ExampleCodeTests

open Expecto
open TorchSharp
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Scripting
open UbarFs.Testing
open UbarFs.Testing.Generators
open UbarFs.Testing.Situations

let private path name = CommandProcess.beside $"scenarios/rules/{name}"
let private classes = path "csharp/bin/UbarFs.Examples.dll"
let private history = CodeFile.Script(path "history.fsx")
let private clippedMean = CodeFile.Assembly(classes, "ClippedMean")
let private outlier = CodeFile.Script(path "outlier.fsx")
let private backtrack = CodeFile.Assembly(classes, "Backtrack")

let private chosen arguments (loaded: Result<Loaded<'value>, Diagnostic list>) : 'value =
    match loaded with
    | Ok loaded -> (Component.choose (Map arguments) loaded.Component).Value
    | Error problems -> failtest (problems |> List.map Rendering.plain |> String.concat "")

let private rule arguments file = chosen arguments (UserCode.loadRule file)

let private attack arguments file =
    match chosen arguments (UserCode.loadAttack file) with
    | Attack.Present behaviour -> behaviour
    | Attack.Absent -> failtest "no behaviour"

let private keepsItsClaims name file =
    testCase $"{name} keeps what it claims"
    <| fun () ->
        let rule = rule [] file
        Expect.isNonEmpty rule.Claims "it claims something"
        let only = RuleReport.names rule |> List.except [ RuleReport.costName ]
        let effort = { Effort.standard with Tests = 40; Apart = 0.0 }
        let report = RuleReport.create { Effort = effort; Only = only; Byzantine = 1 } rule
        Expect.isEmpty (RuleReport.failures report) "failures"

/// What history.fsx keeps, and remembers, of senders at some distances from the own estimate.
let private keeps (rule: Rule) iteration memory (received: (int * float) list) =
    let own = torch.zeros (1L, dtype = torch.float64)

    let aggregate =
        Rule.aggregate
            rule
            { View.evenly own (torch.tensor(received |> List.map snd |> Array.ofList).view(-1L, 1L)) with
                Senders = received |> List.map fst |> Array.ofList
                Iteration = iteration
                Memory = memory }

    (List.exactlyOne aggregate.Stages).Kept |> Array.map (fun row -> fst received[row]) |> List.ofArray,
    aggregate.Memory

let private remembering =
    [ testCase "history.fsx prefers who was near for long to who is near now, through silence and poison"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let rule = rule [ "share", Value.Real 0.1 ] history
          let kept, memory = keeps rule 0L Map.empty [ 3, 1.0; 7, 10.0 ]
          Expect.equal kept [ 3 ] "the nearer"
          Expect.equal (fst (keeps rule 1L Map.empty [ 3, 5.0; 7, 1.0 ])) [ 7 ] "without memory"
          Expect.equal (fst (keeps rule 1L memory [ 3, 5.0; 7, 1.0 ])) [ 3 ] "with it"
          let kept, memory = keeps rule 1L memory [ 7, 1.0 ]
          Expect.equal kept [ 7 ] "the other is silent"
          let kept, memory = keeps rule 2L memory [ 3, nan; 7, 1.0 ]
          Expect.equal kept [ 7 ] "the other sends no number"
          Expect.equal (fst (keeps rule 3L memory [ 3, 5.0; 7, 1.0 ])) [ 3 ] "and is known again"

      testCase "history.fsx without weight on the past goes by the present"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let rule = rule [ "share", Value.Real 0.1; "memory", Value.Real 0.0 ] history
          let _, memory = keeps rule 0L Map.empty [ 3, nan; 7, 10.0 ]
          Expect.equal (fst (keeps rule 1L memory [ 3, 5.0; 7, 6.0 ])) [ 3 ] "the nearer now" ]

let private fewer = { FsCheckConfig.defaultConfig with maxTest = 20 }

// Compiled when they are first needed.
let private stretched stretch = lazy letters (attack [ "stretch", Value.Real stretch ] outlier)
let private backtracked = lazy letters (attack [ "factor", Value.Real 3.0 ] backtrack)

let private attacks =
    [ for stretch in [ 1.0; 3.0 ] do
          let sent = stretched stretch

          testPropertyWithConfig fewer $"outlier.fsx sends the farthest benign estimate, {stretch} times as far"
          <| forAll (situations 1) (fun situation ->
              let benign = benignEstimates situation 0
              let mean = mean benign
              let distance = squaredDistance mean
              let farthest = benign |> Array.map distance |> Array.max
              // Of two benign nodes both are the farthest.
              let candidates = benign |> Array.filter (fun estimate -> distance estimate >= farthest * (1.0 - 1e-9))
              let letters = sent.Value situation |> List.last

              candidates
              |> Array.exists (fun estimate ->
                  let expected = along mean (Array.map2 (-) estimate mean) stretch
                  letters |> allSent (fun _ _ -> expected)))

      testPropertyWithConfig fewer "Backtrack sends the own estimate first, and then takes steps back"
      <| forAll (situations 3) (fun situation ->
          let estimate iteration (sender: int) = situation.Moments[iteration].Estimates[sender]

          let expected iteration sender _ =
              let now = estimate iteration sender
              let last = estimate (max 0 (iteration - 1)) sender
              Array.map2 (fun now last -> now - 3.0 * (now - last)) now last

          backtracked.Value situation
          |> List.indexed
          |> List.forall (fun (iteration, letters) -> allSent (expected iteration) letters)) ]

// One at a time: each holds a compiler.
[<Tests>]
let tests =
    testSequenced
    <| testList
        "example code"
        [ keepsItsClaims "history.fsx" history
          keepsItsClaims "ClippedMean" clippedMean
          testList "memory" remembering
          testList "attacks" attacks ]
