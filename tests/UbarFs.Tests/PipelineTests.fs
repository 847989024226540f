/// Pipelines: rules that see what stages make of what was received.
module UbarFs.Tests.PipelineTests

open System
open System.IO
open Expecto
open FsCheck
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Kernels.Estimates
open UbarFs.Scenario
open UbarFs.Scripting
open UbarFs.Testing
open UbarFs.Tests.Runs

let private read text : Chosen<Rule> =
    match RuleText.read CodeAccess.none text with
    | Ok rule -> rule
    | Error problem -> failtest problem

/// One to three stages with parameters of all kinds, and any rule that can stand behind them.
let private pipelines =
    gen {
        let! count = Gen.choose (1, 3)

        let! stages =
            Gen.elements Catalogue.stages
            |> Gen.bind Generators.chosen
            |> Gen.listOfLength count
            // The own estimate joins once.
            |> Gen.where (fun stages -> (stages |> List.filter _.Value.JoinsOwn).Length < 2)

        let merges = stages |> List.exists _.Value.MergesSenders

        let! rule =
            Gen.elements Runs.rulesOfNodes
            |> Gen.bind Generators.chosen
            |> Gen.where (fun rule -> not (merges && rule.Value.JudgesSenders))

        return stages, rule
    }

let private made = pipelines |> Gen.map (fun (stages, rule) -> Pipeline.ofChosen stages rule)

let private config = { FsCheckConfig.defaultConfig with maxTest = 300 }

let private laws =
    let trials = Trial.universal @ List.map Trial.ofLaw Law.all

    testList
        "laws"
        [ for trial in trials do
              let says (rule: Chosen<Rule>) =
                  trial.Law |> Option.forall (fun law -> List.contains law rule.Value.Claims)

              testPropertyWithConfig config $"what a pipeline claims holds: {trial.Name}"
              <| Prop.forAll (Arb.fromGen (Gen.zip made trial.Views)) (fun (rule, view) ->
                  if says rule then
                      match Trial.check trial rule.Value view with
                      | Ok() -> ()
                      | Error violation -> failtest $"{Chosen.canonical rule}: {Violation.text violation}") ]

let private forms =
    testList
        "forms"
        [ for name, views in
              [ "finite estimates of every kind", Generators.several
                "hostile ones", Generators.mixed ] do
              for where, rows in [ "the CPU", RowOperations.Host; "a device", RowOperations.Device ] do
                  testPropertyWithConfig config $"on {where} a pipeline makes what its reference does of {name}"
                  <| Prop.forAll (Arb.fromGen (Gen.zip made (NetworkFormTests.crowdOf views))) (fun (rule, crowd) ->
                      let form = rule.Value.Network |> Option.defaultWith (fun () -> failtest "no network form")

                      match NetworkForm.agreeBy rows rule.Value form crowd with
                      | Ok() -> ()
                      | Error violation -> failtest $"{Chosen.canonical rule}: {Violation.text violation}")

          testPropertyWithConfig config "it makes no difference how many nodes find room at a time"
          <| Prop.forAll
              (Arb.fromGen (Gen.zip pipelines (NetworkFormTests.crowdOf Generators.several)))
              (fun ((stages, rule), crowd) ->
                  let within most = Pipeline.composeWithin most (stages |> List.map _.Value) rule.Value
                  let estimates rule = NetworkForm.estimates (Option.get (within rule).Network) crowd
                  estimates 1L = estimates Int64.MaxValue) ]

let private numbers text (own: float[]) (received: float[] list) =
    use _ = torch.NewDisposeScope()
    let view = View.evenly (torch.tensor own) (torch.tensor (array2D received))

    (Rule.aggregate (read text).Value view).Estimate.data<float>().ToArray()
    |> Array.map (fun x -> Math.Round(x, 12))

let private values =
    testList
        "values"
        [ testCase "clipping around 0 and around the own estimate"
          <| fun () ->
              Expect.equal
                  (numbers "[{ clip: 5 }, average]" [| 0.0; 1.0 |] [ [| 6.0; 8.0 |] ])
                  [| 3.0; 4.0 |]
                  "to length 5"

              Expect.equal
                  (numbers "[{ clip: { radius: 5, around: own } }, average]" [| 1.0; 1.0 |] [ [| 7.0; 9.0 |] ])
                  [| 4.0; 5.0 |]
                  "to distance 5"

          testCase "arc cuts ⌊(2f/m)(m − f)⌋ of the longest to the next length"
          <| fun () ->
              // f = 1 of m = 4: one is cut, to 3.
              let received = [ [| 1.0 |]; [| 2.0 |]; [| -3.0 |]; [| 100.0 |] ]
              Expect.equal (numbers "[{ arc: 1 }, average]" [| 0.0 |] received) [| 0.75 |] "(1 + 2 − 3 + 3)/4"

          testCase "nnm replaces each by the mean of its nearest"
          <| fun () ->
              // f = 1 of m = 3: 0 and 1 become 0.5, 10 becomes 5.5.
              Expect.equal
                  (numbers "[{ nnm: 1 }, dmedian]" [| 0.0 |] [ [| 0.0 |]; [| 1.0 |]; [| 10.0 |] ])
                  [| 0.5 |]
                  "the middle"

          testCase "with-own puts the own estimate among the received ones"
          <| fun () ->
              Expect.equal (numbers "[with-own, dmedian]" [| 5.0 |] [ [| 0.0 |]; [| 10.0 |] ]) [| 5.0 |] "of three"

          testCase "behind with-own, average has α = 0 and makes the same step as without"
          <| fun () ->
              use _ = torch.NewDisposeScope()

              let view =
                  { View.evenly (torch.tensor [| 1.0 |]) (torch.tensor (array2D [ [ 2.0 ]; [ 7.0 ] ])) with
                      Weights = [| 0.5; 0.2 |]
                      OwnWeight = 0.3 }

              let step text = (fst (Rule.update (read text).Value view)).data<float>().ToArray()[0]
              Expect.floatClose Accuracy.high (step "[with-own, average]") 2.7 "0.3 + 1 + 1.4"
              Expect.floatClose Accuracy.high (step "average") 2.7 "the same"

          testCase "a bucket of all is their mean, and buckets of one are nothing new"
          <| fun () ->
              let received = [ [| 0.0 |]; [| 1.0 |]; [| 5.0 |] ]
              Expect.equal (numbers "[{ bucketing: 3 }, dmedian]" [| 0.0 |] received) [| 2.0 |] "the mean"
              Expect.equal (numbers "[{ bucketing: 1 }, dmedian]" [| 0.0 |] received) [| 1.0 |] "the median"

          testCase "buckets differ from node to node, and from iteration to iteration"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let received = torch.arange(40.0).view(40L, 1L)

              let made random =
                  let view = { View.evenly (torch.tensor [| 0.0f |]) received with Random = random }
                  (Rule.aggregate (read "[{ bucketing: 4 }, dmedian]").Value view).Estimate.data<float32>().ToArray()[0]

              let at node iteration word = Random.stream 1L (Purpose.Aggregation word) node iteration

              let some =
                  [ for node in 0..3 do
                        for iteration in 0L .. 3L -> made (at node iteration) ]

              Expect.isGreaterThan (List.distinct some).Length 8 "sixteen draws"
              Expect.equal (made (at 1 1L)) (made (at 1 1L)) "the same for the same node and iteration"

          testCase "what is selected goes back to those of whom it is made"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let received = torch.tensor (array2D [ [ 0.0 ]; [ 0.1 ]; [ 9.0 ]; [ 9.1 ]; [ 50.0 ] ])
              let view = View.evenly (torch.tensor [| 0.0 |]) received
              let aggregate = Rule.aggregate (read "[with-own, { nnm: 2 }, { dkrum: { assumed: 1 } }]").Value view
              let kept = (List.exactlyOne aggregate.Stages).Kept
              Expect.isTrue (Array.forall (fun place -> place < 4) kept) "not the far one"
              Expect.isGreaterThan kept.Length 1 "a mixture of several"

          testCase "n̂ stays what it is among the neighbours"
          <| fun () ->
              // ρ = 0.4: 2 of 4, which trimmed-mean cuts to 1; with the own one, 2 of 5.
              let received = [ [| 1.0 |]; [| 2.0 |]; [| 6.0 |]; [| 100.0 |] ]
              Expect.equal (numbers "trimmed-mean" [| 0.0 |] received) [| 4.0 |] "of 2 and 6"
              Expect.equal (numbers "[with-own, trimmed-mean]" [| 0.0 |] received) [| 2.0 |] "the middle of five" ]

let private promises =
    testList
        "promises"
        [ testCase "κ behind nnm is 8f/(m − f)·(κ + 1), and none behind with-own"
          <| fun () ->
              let kappa text = (read text).Value.Kappa |> Option.map (fun kappa -> kappa 10 2)
              let plain = kappa "dmedian" |> Option.get
              Expect.floatClose Accuracy.high (Option.get (kappa "[nnm, dmedian]")) (2.0 * (plain + 1.0)) "16/8"
              Expect.isNone (kappa "[with-own, dmedian]") "not known"
              Expect.isNone (kappa "[nnm, ubar]") "ubar has none"
              Expect.isSome (kappa "[{ nnm: 2 }, { trimmed-mean: 2 }]") "both reckon with two"
              Expect.isNone (kappa "[{ nnm: 3 }, { trimmed-mean: 2 }]") "they do not reckon with the same number"
              Expect.isNone (kappa "[nnm, dkrum]") "nor do they under their own caps"

          testCase "no pair of estimates is found that goes beyond the κ of nnm and arc with a median or a trimmed mean"
          <| fun () ->
              for text in
                  [ "[nnm, dmedian]"
                    "[arc, dmedian]"
                    "[nnm, trimmed-mean]"
                    "[arc, nnm, dmedian]" ] do
                  let plan =
                      { Effort = { Effort.standard with Tests = 60 }
                        Only = [ RuleReport.resilienceName ]
                        Byzantine = 1 }

                  let rule = (read text).Value

                  let report =
                      RuleReport.ofTested
                          plan
                          { Rule = rule; Anew = (fun () -> rule); Assuming = None; Watch = fun _ _ -> () }

                  Expect.isSome (report.Resilience |> Option.bind _.Bound) $"{text}: κ is known"
                  Expect.isEmpty (RuleReport.failures report) text

          testCase "the laws of a stage that breaks them are seen to be broken"
          <| fun () ->
              let caught (stage: PipelineStage) name =
                  let rule = Pipeline.compose [ stage ] (read "dmedian").Value
                  let trial = Trial.named name

                  Seeds.sample 200 trial.Views
                  |> Array.exists (fun view -> Result.isError (Trial.check trial rule view))

              let handing change =
                  PipelineStage.preparing (fun view -> change (Prepared.oneByOne (view.Received.clone ())))

              let twice (prepared: Prepared) =
                  { prepared with
                      Origins = prepared.Origins |> Array.map (fun _ -> Provenance.at 0) }

              let first (prepared: Prepared) =
                  { Estimates = prepared.Estimates.narrow (0L, 0L, 1L)
                    Origins = [| Provenance.at 0 |] }

              Expect.isTrue (caught (handing first) "stage-count") "one of many"
              Expect.isTrue (caught (handing twice) "stage-provenance") "all for the first"

              let ordered =
                  handing first
                  |> PipelineStage.counting (fun _ -> 1)
                  |> PipelineStage.claiming [ Law.NeighbourOrder ]

              Expect.isTrue (caught ordered "stage-order") "the first one alone" ]

let private language =
    let label text = Chosen.label (read text)

    testList
        "language"
        [ testCase "a pipeline is written as a list, and its name leaves out what is as usual"
          <| fun () ->
              let chosen = read "[{ clip: 2.5 }, nnm, { trimmed-mean: { assumed: 1 } }]"
              Expect.equal (Chosen.label chosen) "clip (radius: 2.5) + nnm + trimmed-mean (assumed: 1)" "the label"

              Expect.equal
                  (Chosen.canonical chosen)
                  "[{ clip: { radius: 2.5, around: zero } }, { nnm: { assumed: network } }, { trimmed-mean: { assumed: 1, \
                   alpha: 0.5 } }]"
                  "all of it"

              Expect.equal
                  (Chosen.canonical (read (Chosen.canonical chosen)))
                  (Chosen.canonical chosen)
                  "it reads as the same"

          testCase "a label beside the rule is that of the whole"
          <| fun () ->
              Expect.equal (label "[nnm, { dmedian: {}, label: Ours }]") "Ours" "the label"
              let written = Chosen.written (read "[nnm, { dmedian: {}, label: Ours }]")
              Expect.equal (label written) "Ours" "as written"
              Expect.isFalse ((Chosen.canonical (read written)).Contains "Ours") "it is no part of the run"

          testCase "the code of every part counts"
          <| fun () ->
              let prints text = Set.ofList (Chosen.fingerprints (read text))
              Expect.isNonEmpty (prints "dmedian") "the rule's is known"
              Expect.isTrue (Set.isProperSubset (prints "dmedian") (prints "[nnm, dmedian]")) "and the stage's"
              Expect.notEqual (prints "[nnm, dmedian]") (prints "[arc, dmedian]") "another stage"

          testCase "pipelines can be swept, and an F# scenario has them as rules"
          <| fun () ->
              let swept =
                  Build.scenario "pipelines" {
                      dataset "digits"
                      model "softmax"
                      benign 5
                      epochs 1

                      sweep
                          "rule"
                          [ [ Build.Term.Of "nnm"; Build.Term.Of "dmedian" ]
                            [ Build.Term.Of "arc"; Build.Term.Of "ubar" ] ]
                  }

              let single =
                  Build.scenario "pipeline" {
                      dataset "digits"
                      model "softmax"
                      benign 5
                      epochs 1
                      rules [ "nnm"; Build.choose "trimmed-mean" [ Build.(=>) "assumed" 1 ] ]
                  }

              let labels built =
                  match Build.check "test.fsx" built with
                  | Ok(scenario, _) -> scenario.Runs |> List.map Run.ruleLabel
                  | Error problems -> failtest (problems |> List.map Rendering.plain |> String.concat "")

              Expect.equal (labels swept) [ "nnm + dmedian"; "arc + ubar" ] "two of them"
              Expect.equal (labels single) [ "nnm + trimmed-mean (assumed: 1)" ] "one"

          testCase "as JSON it is a list of objects"
          <| fun () ->
              let json = SettingsJson.value "rule" (Chosen.canonical (read "[nnm, { dmedian: 0.25 }]"))

              Expect.equal
                  ((nonNull json).ToJsonString())
                  """[{"name":"nnm","assumed":"network"},{"name":"dmedian","alpha":0.25}]"""
                  "stages and the rule" ]

let private training =
    testList
        "training"
        [ for text in
              [ "[nnm, ubar]"
                "[with-own, arc, { meamed: { alpha: 0 } }]"
                "[{ bucketing: 3 }, rfa]"
                "[{ clip: { radius: 0.1, around: own } }, zeno]" ] do
              testCase $"{text} learns the same either way, and tells what it selected"
              <| fun () ->
                  let rule = read text
                  let run = { digits with Rule = rule; Attacks = [ choose "bit-flip" Catalogue.attacks ] }
                  let reference = { run with Rule = { rule with Value = { rule.Value with Network = None } } }

                  let told run =
                      use _ = torch.NewDisposeScope()
                      let experiment = experiment run

                      let iterate (state: State, _) _ =
                          let iterated = Simulation.iterate experiment state
                          iterated.State, Some(Reading.value iterated.Told)

                      let state, told = Seq.fold iterate (Simulation.start experiment, None) [ 1..6 ]
                      state.Estimates.data<float32>().ToArray(), (Option.get told).Selections

                  let (fast, kept), (slow, keptApart) = told run, told reference
                  Expect.equal kept keptApart "selections"

                  for one, other in Array.zip fast slow do
                      Expect.floatClose { absolute = 1e-5; relative = 1e-4 } (float one) (float other) "estimates" ]

let private stageScript =
    """
let stage =
    settings {
        let! share = Setting.ratio "share" 0.5 "s"
        return PipelineStage.preparing (fun view -> Prepared.oneByOne (view.Received + share * (view.Own - view.Received)))
    }
"""

/// A stage as a class.
type Halved() =
    member val Share = 0.5 with get, set

    interface UbarFs.Api.IPipelineStage with
        member stage.Prepare view = UbarFs.Api.Preparation(Native.scaled stage.Share view.Received)

let private code =
    let inFolder test =
        TinyDataset.inFolder (fun folder ->
            File.WriteAllText(Path.Combine(folder, "mine.fsx"), stageScript)
            test ((UserCode.create ()).Access(Path.Combine(folder, "x.yaml"))))

    let made access text =
        match RuleText.read access text with
        | Error problem -> failtest problem
        | Ok rule ->
            use _ = torch.NewDisposeScope()
            let view = View.evenly (torch.tensor [| 0.0 |]) (torch.tensor (array2D [ [ 4.0 ]; [ 8.0 ] ]))
            (Rule.aggregate rule.Value view).Estimate.data<float>().ToArray()[0]

    testList
        "code"
        [ testCase "a stage can be a script, with parameters"
          <| fun () ->
              inFolder (fun access ->
                  Expect.equal (made access "[{ script: mine.fsx }, average]") 3.0 "half of the way"
                  Expect.equal (made access "[{ script: mine.fsx, with: { share: 0.25 } }, average]") 4.5 "a quarter")

          testCase "a stage can be a class"
          <| fun () ->
              let here = typeof<Halved>.Assembly.Location
              let access = (UserCode.create ()).Access(Path.Combine(Path.GetDirectoryName here |> string, "x.yaml"))
              let code = $"{{ assembly: {Path.GetFileName here}, type: Halved, with: {{ share: 0.25 }} }}"
              Expect.equal (made access $"[{code}, average]") 1.5 "a quarter of 6"

          testCase "a script that breaks its contract is told so"
          <| fun () ->
              TinyDataset.inFolder (fun folder ->
                  let text =
                      "let stage = PipelineStage.preparing (fun view -> Prepared.oneByOne (view.Received.narrow (1L, 0L, 1L)))"

                  File.WriteAllText(Path.Combine(folder, "bad.fsx"), text)
                  let access = (UserCode.create ()).Access(Path.Combine(folder, "x.yaml"))

                  match RuleText.read access "[{ script: bad.fsx }, average]" with
                  | Error problem -> failtest problem
                  | Ok rule ->
                      use _ = torch.NewDisposeScope()
                      let view = View.evenly (torch.tensor [| 0.0; 1.0 |]) (torch.tensor (array2D [ [ 4.0; 1.0 ] ]))

                      Expect.throwsC (fun () -> Rule.aggregate rule.Value view |> ignore) (fun error ->
                          Expect.stringContains error.Message "it must be [1, 2] of Float64" "what it must be")) ]

[<Tests>]
let tests = testList "pipelines" [ laws; forms; values; promises; language; training; code ]
