/// Laws of images that are held out: who has them, and how reports choose settings by them.
module UbarFs.Tests.ValidationTests

open System.IO
open System.Text.Json.Nodes
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Scenario
open UbarFs.Testing.Generators

let private holding validation : Run = { Runs.digits with Validation = validation } |> Runs.settled

let private holdouts =
    gen {
        let! seed = Gen.choose64 (0L, 1000L)
        let! count = Gen.choose (1, 1200)
        let! percent = Gen.choose (1, 80)
        let! holdout = Gen.elements [ Holdout.Images count; Holdout.Share(float percent / 100.0) ]
        let! partition = Gen.elements [ "iid"; "dirichlet"; "similarity"; "shards" ]

        return
            { holding (Some holdout) with
                Seed = seed
                Partition = Runs.choose partition Catalogue.partitions }
    }

let private heldOut =
    [ testProperty "nobody has an image that is held out, and all others are divided as if there were no more"
      <| forAll holdouts (fun run ->
          let size = run.Dataset.Value.TrainingSize

          match Experiment.create Runs.samples.Value run with
          | Error _ ->
              // Some partitions cannot be had of few images.
              Run.trainingImages run < 12 * run.Training.Batch
          | Ok experiment ->
              let shared = experiment.Shares |> Array.concat

              experiment.HeldOut.Length = Run.heldOut run size
              && Array.length (Array.distinct (Array.append shared experiment.HeldOut)) = size
              && shared.Length + experiment.HeldOut.Length = size)

      testProperty "another seed holds out others, and the same seed the same"
      <| forAll (Gen.choose64 (0L, 1000L)) (fun seed ->
          let images seed =
              (Runs.experiment { holding (Some(Holdout.Images 50)) with Seed = seed }).HeldOut

          images seed = images seed && images seed <> images (seed + 1L))

      testCase "the accuracy on them is measured, and that on the test images stays as it is"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let experiment = Runs.experiment (holding (Some(Holdout.Images 100)))
          let estimates = (Simulation.start experiment).Estimates
          let tested = Passes.tested experiment estimates [| 0; 1; 2 |]
          let chunks = Samples.chosen experiment.Samples experiment.HeldOut

          let expected =
              Objective.tested experiment.Run.Training.Loss experiment.Architecture chunks estimates[1L]

          Expect.equal tested[1].Validation (Some expected.Accuracy) "validation"
          let plain = Passes.tested (Runs.experiment Runs.digits) estimates [| 0; 1; 2 |]
          Expect.equal (tested |> Array.map _.Accuracy) (plain |> Array.map _.Accuracy) "test images"

      testCase "what is held out is written as in a scenario"
      <| fun () ->
          let read text =
              let scenario = LanguageSamples.minimal + $"measure: {{ validation: {text} }}\n"

              match Scenario.parse "example.yaml" scenario [] with
              | Ok(scenario, _) -> scenario.Runs.Head.Validation |> Option.map string
              | Error errors -> failtest $"{errors}"

          Expect.equal (read "none") None "none"
          Expect.equal (read "100") (Some "100") "a number"
          Expect.equal (read "10%") (Some "10%") "a percentage"
          Expect.equal (read "12.5%") (Some "12.5%") "a fraction of one"

      testCase "what cannot be held out is refused"
      <| fun () ->
          let problem text =
              match Scenario.parse "example.yaml" (LanguageSamples.minimal + text) [] with
              | Ok _ -> failtest $"{text} should be refused"
              | Error errors -> errors |> List.map _.Message |> String.concat " "

          let images text = problem $"measure: {{ validation: {text} }}\n"
          Expect.stringContains (images "1438") "1438 images are to be held out, but 'digits' has 1438" "all of them"
          Expect.stringContains (images "1435") "only 3 training images beside those" "nearly all"
          Expect.stringContains (images "100%") "expected a number of images" "all in per cent"
          Expect.stringContains (images "0") "expected a number of images" "none in numbers" ]

// ---- What reports choose

/// A run of a rule at a rate, whose accuracy on the held-out images is given beside that on the test images.
let private ran rate rule attack seed (validation, test) : StudyRun =
    let run = Studies.run rule attack seed test

    { run with
        StudyRun.Identity.Id = $"{run.Identity.Id}-{rate}"
        StudyRun.Resolved = run.Resolved |> Map.add "training.rate" rate |> Map.add "measure.validation" "100"
        StudyRun.Settings = [ "training.rate", rate; "attack", attack; "rule", rule ]
        StudyRun.Outcome.Validation = validation }

let private ofSeeds rate rule attack results =
    results |> List.mapi (fun index result -> ran rate rule attack (int64 index + 1L) result)

let private choicesOf runs = Choices.ofGroups (Summary.groups { Studies.usual with Runs = runs })

// The lower rate is better on the images held out, and worse on the test images.
let private deceptive =
    ofSeeds "0.1" "ubar" "bit-flip" [ Some 0.8, 0.6; Some 0.7, 0.7 ]
    @ ofSeeds "0.2" "ubar" "bit-flip" [ Some 0.6, 0.9; Some 0.8, 0.95 ]

let private chosen =
    [ testCase "a setting is chosen by the images held out, and the test images have no say"
      <| fun () ->
          let choice = choicesOf deceptive |> List.exactlyOne
          Expect.equal choice.Picked.Value.Setting [ "training.rate", "0.1" ] "the setting"
          Expect.floatClose Accuracy.high choice.Picked.Value.Validation 0.75 "the mean over the seeds"
          Expect.floatClose Accuracy.high choice.Picked.Value.Test.Mean 0.65 "its own test accuracy"
          Expect.hasLength choice.Tried 2 "how many were tried"
          Expect.equal choice.Seeds [ 1L; 2L ] "seeds"
          Expect.isEmpty choice.Remarks "whole"

      testProperty "no test accuracy changes what is chosen"
      <| forAll (Gen.arrayOfLength 4 (Gen.choose (10, 100))) (fun tests ->
          let runs =
              deceptive
              |> List.mapi (fun index run -> { run with StudyRun.Outcome.Worst = Some(float tests[index] / 100.0) })

          (choicesOf runs |> List.exactlyOne).Picked.Value.Setting = [ "training.rate", "0.1" ])

      testCase "each rule is chosen for by itself under each attack"
      <| fun () ->
          let runs =
              deceptive
              @ ofSeeds "0.1" "average" "bit-flip" [ Some 0.1, 0.1 ]
              @ ofSeeds "0.2" "average" "bit-flip" [ Some 0.2, 0.2 ]
              @ ofSeeds "0.1" "ubar" "gaussian" [ Some 0.5, 0.5 ]
              @ ofSeeds "0.2" "ubar" "gaussian" [ Some 0.9, 0.9 ]

          let found = [ for choice in choicesOf runs -> choice.Rule, choice.Picked.Value.Setting |> List.map snd ]

          Expect.equal found [ "ubar", [ "0.1" ]; "average", [ "0.2" ]; "ubar", [ "0.2" ] ] "rules and rates"

      testCase "parameters of the rule are chosen, too"
      <| fun () ->
          let named label (run: StudyRun) =
              { run with
                  StudyRun.Identity.Rule = label
                  StudyRun.Identity.Id = $"{run.Identity.Id}-{label}"
                  StudyRun.Resolved = run.Resolved |> Map.add "rule" label }

          let runs =
              (ofSeeds "0.1" "ubar" "bit-flip" [ Some 0.5, 0.5 ] |> List.map (named "ubar"))
              @ (ofSeeds "0.1" "ubar" "bit-flip" [ Some 0.6, 0.4 ] |> List.map (named "ubar (rho: 0.3)"))

          let choice = choicesOf runs |> List.exactlyOne
          Expect.equal (ChoiceTable.setting choice.Picked.Value) "ubar (rho: 0.3)" "in words"

      testCase "without images held out, or without anything to choose, there is no table"
      <| fun () ->
          let blind = deceptive |> List.map (fun run -> { run with StudyRun.Outcome.Validation = None })
          Expect.isEmpty (choicesOf blind) "no images"
          Expect.isEmpty (choicesOf (ofSeeds "0.1" "ubar" "bit-flip" [ Some 0.8, 0.6 ])) "nothing to choose"
          Expect.isEmpty (ChoiceTable.lines (Summary.groups Studies.usual)) "on a terminal"

      testCase "what is incomplete is said"
      <| fun () ->
          let fewer = ofSeeds "0.3" "ubar" "bit-flip" [ Some 0.1, 0.1 ]
          let without = ofSeeds "0.4" "ubar" "bit-flip" [ None, 0.1 ]
          let choice = choicesOf (deceptive @ fewer @ without) |> List.exactlyOne
          Expect.equal choice.Remarks [ "1 setting without a result"; "only 1 seed complete under all settings" ] "both"
          Expect.equal choice.Seeds [ 1L ] "what counts"
          Expect.equal choice.Tried.Length 4 "all were tried"

      testCase "of settings that do as well the first is taken, and that is said"
      <| fun () ->
          let tie = ofSeeds "0.2" "ubar" "bit-flip" [ Some 0.8, 0.9; Some 0.7, 0.9 ]
          let choice = choicesOf (List.truncate 2 deceptive @ tie) |> List.exactlyOne
          Expect.equal choice.AsGood 1 "another one"
          Expect.equal choice.Picked.Value.Setting [ "training.rate", "0.1" ] "the first"
          let table = ChoiceTable.paper [ choice ]
          Expect.equal table.Rows[0] [ "ubar"; "rate 0.1 (+1)"; "2"; "75.0"; "65.0 ± 7.1" ] "the row"

      testCase "the page, the files and the JSON have it"
      <| fun () ->
          let study = { Studies.usual with Runs = deceptive }
          Expect.stringContains (UbarFs.Report.Page.create study) "At the settings chosen on validation images" "page"
          let json: JsonNode = ResultsJson.create [ study ]
          let first = ((json["scenarios"] |> nonNull)[0] |> nonNull)["chosen_on_validation"] |> nonNull
          Expect.equal (((first[0] |> nonNull)["tried"] |> nonNull).GetValue<int>()) 2 "JSON"
          let plain = (ResultsJson.create [ Studies.usual ]).ToJsonString()
          Expect.isFalse (plain.Contains "chosen_on_validation") "and nothing of it elsewhere" ]

[<Tests>]
let tests = testList "validation" (heldOut @ chosen)
