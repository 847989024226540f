/// The battery of laws: what it says of the catalogue, and what it hands back when a law is broken.
module UbarFs.Tests.TestRuleTests

open System
open System.IO
open Expecto
open FSharp.Compiler.Interactive.Shell
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Testing

let private utf8 (text: string) = Text.Encoding.UTF8.GetBytes text

let private defaults (component': Component<Rule>) = (Component.choose Map.empty component').Value

let private plan tests : Plan =
    { Effort = { Effort.standard with Tests = tests; Apart = 0.0 }
      Only = []
      Byzantine = 1 }

/// Everything but the clock.
let private withoutCost rule plan =
    { plan with
        Only = RuleReport.names rule |> List.except [ RuleReport.costName ] }

let private ubar = defaults Ubar.rule

/// What breaks a law that ubar does not claim.
let private ownApart = lazy (PlantedBugTests.examined ubar "own-apart")

let private counterexample (report: LawReport) =
    match report.Outcome with
    | Outcome.Falsified(_, found) -> found
    | Outcome.Held _
    | Outcome.Undecided _ -> failtest $"{report.Trial.Name} held"

let private catalogue =
    [ for rule in Catalogue.rules ->
          testCase $"{rule.Name} keeps what it claims, and its κ"
          <| fun () ->
              let rule = defaults rule
              let report = RuleReport.create (withoutCost rule (plan 20)) rule
              Expect.isEmpty (RuleReport.failures report) "failures" ]

let private reports =
    [ testCase "a seed has one report"
      <| fun () ->
          let report () =
              let report = RuleReport.create (withoutCost ubar (plan 15)) ubar
              report.Laws |> List.map (fun law -> law.Trial.Name, law.Outcome), report.Resilience |> Option.map _.Worst

          Expect.equal (report ()) (report ()) "the same twice"

      testCase "averaging is farther from the honest mean than any κ, and its witness shows it"
      <| fun () ->
          let rule =
              { defaults Average.rule with
                  Kappa = Some(fun _ _ -> 1.0)
                  Tolerance = fun _ _ -> 1 }

          let report = RuleReport.create { plan 50 with Only = [ RuleReport.resilienceName ] } rule
          Expect.equal (RuleReport.failures report) [ RuleReport.resilienceName ] "it fails"
          let resilience = Option.get report.Resilience
          let again = Resilience.ratioOf rule resilience.Setting.Byzantine resilience.Worst.View
          Expect.isGreaterThan again 1.0 "the witness's ratio"

      testCase "a rule that claims a law it breaks fails, and one that does not claim it does not"
      <| fun () ->
          let claiming = ubar |> Rule.claiming [ Law.OwnApart ]

          let failures rule =
              RuleReport.failures (RuleReport.create { plan 100 with Only = [ "own-apart" ] } rule)

          Expect.equal (failures claiming) [ "own-apart" ] "claimed"
          Expect.isEmpty (failures ubar) "not claimed"

      testCase "what a rule throws is a counterexample"
      <| fun () ->
          let failing = Rule.aggregating 0.5 (fun _ -> invalidOp "out of order") |> Rule.claiming [ Law.Fixpoint ]
          let found = counterexample (PlantedBugTests.examined failing "fixpoint")
          Expect.stringContains found.Violation.Got "out of order" "the message"

      testCase "every estimate has the demanded dimension"
      <| fun () ->
          let dimensions = ResizeArray()

          let watched =
              Rule.aggregating 0.5 (fun view ->
                  dimensions.Add(int view.Own.shape[0])
                  Aggregate.ofEstimate (Estimate.mean view.Received))

          let plan = plan 10
          let effort = { plan.Effort with Dimension = Some 7 }

          RuleReport.create { plan with Effort = effort; Only = [ "determinism"; "translation" ] } watched
          |> ignore

          Expect.equal (Seq.distinct dimensions |> List.ofSeq) [ 7 ] "dimensions" ]

let private limits =
    let outcomes limit =
        let effort = { Effort.standard with TimeLimit = limit; Tests = 20; Apart = 0.0 }

        let slow =
            Rule.aggregating 0.5 (fun view ->
                System.Threading.Thread.Sleep 2
                Aggregate.ofEstimate (Estimate.mean view.Received))

        RuleReport.create { Effort = effort; Only = [ "purity"; "resilience" ]; Byzantine = 1 } slow

    [ testCase "a slow rule has all its tests"
      <| fun () ->
          let report = outcomes None
          Expect.equal (report.Laws |> List.map _.Outcome) [ Outcome.Held 20 ] "as many as were asked for"
          Expect.isEmpty (RuleReport.undecided report) "nothing is left open"

      testCase "what a time limit cuts off is undecided"
      <| fun () ->
          // No clock is so slow.
          let report = outcomes (Some 1e-6)
          Expect.equal (report.Laws |> List.map _.Outcome) [ Outcome.Undecided 0 ] "the law"
          Expect.equal (RuleReport.undecided report) [ "purity"; "resilience" ] "and the measurement" ]

let private growths =
    [ testCase "the growth of x³ is 3"
      <| fun () ->
          let points = [ 2.0; 4.0; 8.0 ] |> List.map (fun x -> x, 5.0 * x ** 3.0)
          Expect.floatClose Accuracy.high (CostFit.slope points) 3.0 "slope"

      testCase "a class is exceeded by another, not by noise"
      <| fun () ->
          let neighbours growth = CostFit.exceeds Cost.Linear { Neighbours = growth; Parameters = 1.0 }
          Expect.equal (List.map neighbours [ 0.3; 2.0; 3.0 ]) [ false; false; true ] "with the neighbours"
          let parameters growth = CostFit.exceeds Cost.Quadratic { Neighbours = 2.0; Parameters = growth }
          Expect.equal (List.map parameters [ 0.3; 1.3; 2.0 ]) [ false; false; true ] "with the parameters" ]

let private smaller =
    [ testCase "shrinking ends at something that fails and is simple"
      <| fun () ->
          let view: Neighbourhood =
              { Own = [| 3.375; -12.5 |]
                Received = [| [| 1.5; 2.0 |]; [| nan; 7.0 |]; [| -81.25; 1e30 |]; [| 4.0; 4.0 |] |]
                OwnLoss = 0.75
                Losses = [| 0.25; 0.75; 1.5; 1.0 |]
                BenignRatio = 0.6 }

          let fails (view: Neighbourhood) = view.Received |> Array.exists (Array.exists (fun number -> number < 0.0))

          let smallest, _ = Shrinking.smallest 2000 fails view

          Expect.equal
              smallest
              { Own = [| 0.0 |]
                Received = [| [| -1.0 |] |]
                OwnLoss = 0.0
                Losses = [| 0.0 |]
                BenignRatio = 1.0 }
              "the smallest" ]

/// Evaluates F# code that uses the library; what it throws, if it compiles.
let private evaluated (code: string) =
    use output = new StringWriter()

    let references =
        [ typeof<Rule>.Assembly
          typeof<TorchSharp.torch>.Assembly
          typeof<Trial>.Assembly
          typeof<FsCheck.Config>.Assembly ]
        |> List.map (fun assembly -> $"-r:{assembly.Location}")

    use session =
        FsiEvaluationSession.Create(
            FsiEvaluationSession.GetDefaultConfiguration(),
            Array.ofList ([ "fsi"; "--noninteractive"; "--nologo"; "--quiet" ] @ references),
            new StringReader "",
            output,
            output,
            collectible = true
        )

    let result, messages = session.EvalInteractionNonThrowing code
    let errors = messages |> Array.filter (fun message -> message.Severity.IsError)
    Expect.isEmpty errors (String.Join("\n", errors |> Array.map _.Message))

    match result with
    | Choice1Of2 _ -> None
    | Choice2Of2 error -> Some(string error)

let private named name : RuleSource = { Origin = RuleOrigin.Catalogue name; Arguments = [] }

let private takenAlong =
    [ testCase "the case of a counterexample is one for 'ubarfs apply', which gives what came"
      <| fun () ->
          let report = ownApart.Value
          let found = counterexample report

          match
              Case.parse (RuleText.read CodeAccess.none) (utf8 ((Pasted.cases (named "ubar") found).ToJsonString()))
          with
          | Error reason -> failtest reason
          | Ok(One _) -> failtest "what was asked first, and after the change"
          | Ok(Many cases) ->
              let results = cases |> List.map (fun case -> Case.apply case |> _.Result |> Written.numbers)
              Expect.equal results [ found.Violation.Expected; found.Violation.Got ] "results"

      testCase "numbers that JSON lacks arrive in the case"
      <| fun () ->
          let view: Neighbourhood =
              { Own = [| 0.0 |]
                Received = [| [| nan |]; [| -infinity |] |]
                OwnLoss = nan
                Losses = [| 1.0; infinity |]
                BenignRatio = 1.0 }

          match
              Case.parse (RuleText.read CodeAccess.none) (utf8 ((Pasted.case (named "dkrum") view).ToJsonString()))
          with
          | Ok(One case) -> Expect.equal (Array.map Written.numbers case.Neighbours) [| "[NaN]"; "[-∞]" |] "numbers"
          | other -> failtest $"%A{other}"

      testCase "a case can give a rule parameters"
      <| fun () ->
          let text =
              """{ "rule": { "ubar": { "rho": 1, "stages": "distance" } }, "own": [0], "neighbours": [[2], [4]] }"""

          match Case.parse (RuleText.read CodeAccess.none) (utf8 text) with
          | Ok(One case) -> Expect.equal (Case.apply case).Result [| 3.0 |] "both neighbours' mean"
          | other -> failtest $"%A{other}"

      testCase "the test to paste compiles, and fails on the counterexample"
      <| fun () ->
          let report = ownApart.Value
          let thrown = evaluated (Pasted.test (named "ubar") report.Trial (counterexample report))
          Expect.stringContains (Option.defaultValue "nothing was thrown" thrown) "Falsifiable" "FsCheck's verdict" ]

let private page = lazy File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "test-rule.md"))

let private documentation =
    [ for trial in Trial.universal @ List.map Trial.ofLaw (Law.all @ [ Law.SameAs "NAME" ]) ->
          testCase $"the page on test-rule says what {trial.Name} says"
          <| fun () -> Expect.stringContains page.Value $"| `{trial.Name}` | {trial.Says} |" "a row of the table" ]

[<Tests>]
let tests =
    testList
        "test-rule"
        [ testList "catalogue" catalogue
          testList "reports" reports
          testList "limits" limits
          testList "growth" growths
          testList "shrinking" smaller
          testSequenced (testList "taken along" takenAlong)
          testList "documentation" documentation ]
