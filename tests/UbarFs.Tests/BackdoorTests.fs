/// Laws of backdoors: what is poisoned, what is sent, and how their success is measured.
module UbarFs.Tests.BackdoorTests

open System.Threading
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Kernels
open UbarFs.Report
open UbarFs.Testing.Generators

let private backdoor arguments = Runs.chooseWith arguments "backdoor" Catalogue.attacks

let private under arguments : Run = { Runs.digits with Attacks = [ backdoor arguments ] } |> Runs.settled

let private floats (tensor: torch.Tensor) = Transfers.Read<float32>(tensor.flatten ())
let private labels (batch: Batch) = Transfers.Read<int64> batch.Labels

let private triggers =
    gen {
        let! side = Gen.choose (1, 7)

        let! corner = Gen.elements [ Corner.TopLeft; Corner.TopRight; Corner.BottomLeft; Corner.BottomRight ]

        let! value = Gen.elements [ 0.0; 0.5; 1.0; -2.0 ]
        return { Side = side; Corner = corner; Value = value }
    }

/// The images, `[b, 1, 8, 8]`, one number after the other, with the trigger.
let private plainly (samples: Samples) (trigger: Trigger) (places: int[]) (images: float32[][]) =
    let struct (top, left, rows, columns) = Trigger.place 8 8 trigger
    let level = float32 ((trigger.Value - samples.Mean[0]) / samples.Deviation[0])

    images
    |> Array.mapi (fun image pixels ->
        pixels
        |> Array.mapi (fun pixel value ->
            let row, column = pixel / 8, pixel % 8

            if
                Array.contains image places
                && row >= top
                && row < top + rows
                && column >= left
                && column < left + columns
            then
                level
            else
                value))

let private byzantine (experiment: Experiment) =
    experiment.Participants |> Array.filter (fun node -> experiment.Network.Byzantine[node])

let private trained run =
    match
        Training.run { Iterated = ignore; Evaluated = ignore; Reached = fun _ _ -> () } CancellationToken.None run
    with
    | Ending.Finished last -> last
    | Ending.Interrupted -> failtest "interrupted"

let private data =
    [ testProperty "a trigger changes the pixels of its square in the chosen images, and no others"
      <| forAll (Gen.zip triggers (Gen.subListOf [ 0..4 ])) (fun (trigger, places) ->
          use _ = torch.NewDisposeScope()
          let samples, places = Runs.samples.Value, Array.ofList places
          let images = samples.Images.narrow(0L, 0L, 5L).clone()
          let expected = floats images |> Array.chunkBySize 64 |> plainly samples trigger places
          Poisoning.stamp samples trigger places images
          floats images = Array.concat expected)

      testProperty "the share of a batch is rounded up, but never for binary fractions"
      <| forAll (Gen.zip (Gen.choose (0, 100)) (Gen.choose (1, 400))) (fun (percent, images) ->
          let poison =
              { Trigger = { Side = 3; Corner = Corner.TopLeft; Value = 1.0 }
                Target = 0
                Share = float percent / 100.0 }

          Poison.count images poison = (percent * images + 99) / 100)

      testProperty "a Byzantine node's batch is poisoned where its labels are, and the rest is as it was"
      <| forAll (Gen.zip (Gen.choose64 (0L, 200L)) (Gen.elements [ 0.0; 0.3; 1.0 ])) (fun (step, share) ->
          use _ = torch.NewDisposeScope()
          let run = under [ "share", Value.Real share; "target", Value.Whole 7L ]
          let experiment, honest = Runs.experiment run, Runs.experiment Runs.digits
          let poison = (Run.poison run).Value

          byzantine experiment
          |> Array.forall (fun node ->
              let batch, before = Experiment.batch experiment step node, Experiment.batch honest step node
              let size = (labels before).Length

              let places = Experiment.poisoned experiment step node size |> Option.map snd |> Option.defaultValue [||]

              let images = floats before.Images |> Array.chunkBySize 64
              let expected = plainly experiment.Samples poison.Trigger places images

              places.Length = Poison.count size poison
              && floats batch.Images = Array.concat expected
              && labels batch
                 |> Array.indexed
                 |> Array.forall (fun (place, label) ->
                     label =
                         (if Array.contains place places then
                              7L
                          else
                              (labels before)[place]))))

      testCase "benign nodes train on what they have, and another step is poisoned elsewhere"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let experiment, honest = Runs.experiment (under []), Runs.experiment Runs.digits
          let batch experiment = Experiment.batch experiment 3L 0
          Expect.equal (floats (batch experiment).Images) (floats (batch honest).Images) "images"
          Expect.isNone (Experiment.poisoned experiment 3L 0 16) "nothing"
          let node = (byzantine experiment)[0]
          let places step = Experiment.poisoned experiment step node 16 |> Option.map snd
          Expect.notEqual [ for step in 0L .. 4L -> places step ] (List.replicate 5 (places 0L)) "drawn anew"

      testCase "the form for devices poisons the same images"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let experiment = Runs.experiment (under [])
          let nodes = experiment.Participants

          for stack in DevicePasses.batches { experiment with AllAtOnce = true } 5L nodes do
              for line, place in Array.indexed stack.Members do
                  let batch = Experiment.batch experiment 5L nodes[place]
                  Expect.equal (floats stack.Images[int64 line]) (floats batch.Images) $"images of node {nodes[place]}"
                  let stacked = Transfers.Read<int64>(stack.Labels[int64 line])
                  Expect.equal stacked (labels batch) $"labels of node {nodes[place]}"

      testCase "nothing is poisoned outside the attack's epochs"
      <| fun () ->
          let experiment = Runs.experiment (under [ "from", Value.Whole 1L ])
          let node, perEpoch = (byzantine experiment)[0], int64 (Run.perEpoch experiment.Run)
          Expect.isNone (Experiment.poisoned experiment (perEpoch - 1L) node 16) "before"
          Expect.isSome (Experiment.poisoned experiment perEpoch node 16) "from then on" ]

let private state boost (estimate: torch.Tensor) (gradient: torch.Tensor) =
    let own =
        { Node = 3
          Iteration = 2L
          Estimate = estimate
          Messages = MessageKind.Estimates
          Gradient = gradient
          Rate = 0.5
          Random = Random.stream 1L Purpose.Attack 3 2L
          Memory = Map.empty }

    match (backdoor [ "boost", Value.Real boost ]).Value with
    | Attack.Present { Strategy = Strategy.OwnState adversary } ->
        match adversary.Send () own with
        | Sent.Everyone vector -> Transfers.Read<float32> vector
        | _ -> failtest "one vector for all"
    | _ -> failtest "a node that knows itself"

let private messages =
    testCase "boosting makes the step as many times as long, and 1 leaves the message as it is"
    <| fun () ->
        use _ = torch.NewDisposeScope()
        let estimate, gradient = torch.tensor [| 1.0f; -2.0f |], torch.tensor [| 4.0f; 0.5f |]
        Expect.equal (state 1.0 estimate gradient) [| 1.0f; -2.0f |] "as it is"
        Expect.equal (state 3.0 estimate gradient) [| -3.0f; -2.5f |] "x − 2·0.5·∇l"

let private success =
    [ testCase "the success rate counts test images that are not of the target's class"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let run = under [ "target", Value.Whole 4L; "value", Value.Real 1.0 ]
          let experiment = Runs.experiment run
          let samples, poison = experiment.Samples, (Run.poison run).Value
          // Softmax regression with weights of 0 takes everything for the class with the largest bias.
          let estimates target =
              let estimates = torch.zeros ([| 8L; int64 experiment.Architecture.Dimension |])
              let biases = estimates.narrow (1L, int64 experiment.Architecture.Dimension - 10L, 10L)
              biases.narrow(1L, int64 target, 1L).fill_(1.0.ToScalar()) |> ignore
              estimates

          let rates target = Passes.tested experiment (estimates target) [| 0; 1 |] |> Array.map _.Success
          Expect.equal (rates 4) [| Some 1.0; Some 1.0 |] "all are taken for the target"
          Expect.equal (rates 5) [| Some 0.0; Some 0.0 |] "none is"

          let others = samples.Test |> List.choose (Poisoning.triggered samples poison)
          let all = samples.Test |> List.sumBy (fun batch -> labels batch |> Seq.filter ((<>) 4L) |> Seq.length)
          Expect.equal (others |> List.sumBy (labels >> Array.length)) all "as many as are of other classes"

          let atOnce = Passes.tested { experiment with AllAtOnce = true } (estimates 4) [| 0; 1 |]
          Expect.equal (atOnce |> Array.map _.Success) [| Some 1.0; Some 1.0 |] "on devices"

      testCase "without a backdoor nothing is measured, and accuracies are the same"
      <| fun () ->
          use _ = torch.NewDisposeScope()

          let tested run =
              let experiment = Runs.experiment run
              Passes.tested experiment (Simulation.start experiment).Estimates [| 0; 1 |]

          let plain, poisoned = tested Runs.digits, tested (under [])
          Expect.all plain (fun tested -> tested.Success.IsNone && tested.Validation.IsNone) "nothing"
          Expect.equal (plain |> Array.map _.Accuracy) (poisoned |> Array.map _.Accuracy) "accuracies"

      testCase "a share of 0 trains as without an attack, and averaging lets a backdoor in that keeps the accuracy"
      <| fun () ->
          let average = Runs.choose "average" Catalogue.rules

          let ended attack share =
              { under [ "share", Value.Real share ] with
                  Rule = average
                  Training.Length = Duration.Epochs 15 }
              |> fun run -> { run with Attacks = defaultArg attack run.Attacks }
              |> Runs.settled
              |> Runs.experiment
              |> trained

          let none = ended (Some Runs.digits.Attacks) 0.0
          let idle, planted = ended None 0.0, ended None 0.5
          Expect.equal idle.Accuracies none.Accuracies "bit for bit"
          let before, after = idle.Success.Value, planted.Success.Value
          Expect.isLessThan before 0.3 "without poison"
          Expect.isGreaterThan after (before + 0.3) "with poison"
          Expect.isGreaterThan planted.Worst (idle.Worst - 0.1) "the accuracy" ]

let private refused =
    [ testCase "a backdoor that does not fit the images is refused"
      <| fun () ->
          let reason arguments =
              Poison.misfit { Channels = 1; Height = 8; Width = 8 } 10 (Run.poison (under arguments)).Value
              |> Option.defaultValue ""

          Expect.stringContains (reason [ "target", Value.Whole 10L ]) "target 10 is no class" "target"
          Expect.stringContains (reason [ "trigger", Value.Whole 8L ]) "covers the images" "trigger"
          Expect.equal (reason [ "trigger", Value.Whole 7L ]) "" "what fits"

      testCase "of plain features a trigger takes those at one end"
      <| fun () ->
          let place corner = Trigger.place 1 20 { Side = 3; Corner = corner; Value = 1.0 }
          Expect.equal (place Corner.BottomRight) (struct (0, 17, 1, 3)) "the last three"
          Expect.equal (place Corner.TopLeft) (struct (0, 0, 1, 3)) "the first three"

      testCase "a run has one trigger and one target"
      <| fun () ->
          let mixed targets =
              Run.mixed [ for target in targets -> backdoor [ "target", Value.Whole target ] ]

          Expect.isOk (mixed [ 3L; 3L ]) "the same"
          Expect.isError (mixed [ 3L; 4L ]) "others" ]

// ---- What reports say

/// A study in which nothing but the success rate under an attack is given; none: nobody measures it.
let private studied (rate: float option) : Study =
    let run attack rule seed =
        let run = Studies.run rule attack seed 0.9
        let success = if attack = "backdoor" then rate else None

        { run with
            StudyRun.Outcome.Success = success
            StudyRun.Points = run.Points |> List.map (fun point -> { point with Success = success }) }

    { Studies.usual with
        Runs =
            [ for attack in [ "absent"; "backdoor" ] do
                  for rule in [ "average"; "ubar" ] do
                      for seed in 1L .. 5L -> run attack rule seed ] }

let private judgedIn study = Judgement.ofGroups (Summary.groups study)

let private said study =
    judgedIn study
    |> List.filter (fun judged -> judged.Group.Attack = "backdoor")
    |> List.map VerdictText.shortOf
    |> List.distinct

let private told =
    [ testCase "a verdict on the accuracy does not stand alone where most triggers work"
      <| fun () ->
          Expect.equal (said (studied (Some 0.9))) [ "● as good, backdoored" ] "most"
          Expect.equal (said (studied (Some 0.5))) [ "● as good, backdoored" ] "half"
          Expect.equal (said (studied (Some 0.49))) [ "● as good" ] "fewer"
          Expect.equal (said (studied None)) [ "● as good" ] "not measured"

      testCase "what is measured has its columns, and other studies have the same as before"
      <| fun () ->
          let texts study =
              let judged = judgedIn study

              [ fst (VerdictTable.csv judged) |> String.concat ","
                fst (VerdictTable.text judged) |> String.concat ","
                VerdictNotes.lines judged |> String.concat " "
                (ResultsJson.create [ study ]).ToJsonString()
                UbarFs.Report.Page.create study ]

          for text in texts (studied (Some 0.9)) do
              Expect.isMatch text "(?i)success.rate|Success:" "it is there"

          for text in texts (studied None) do
              Expect.isFalse (text.Contains "success_rate" || text.Contains "Success:") "it is not"

      testCase "curves show the success rate of those who measure it"
      <| fun () ->
          let groups = Summary.groups (studied (Some 0.9))
          let metric = (Metric.tryFind "success-rate").Value
          let multiples = Curves.ofMetric metric 100 groups groups
          Expect.equal (multiples.Panels |> List.map _.Title) [ "backdoor" ] "one panel"
          Expect.all multiples.Panels (fun panel -> panel.Level.IsNone) "nobody guesses a trigger"
          let plain = Summary.groups (studied None)
          Expect.isFalse (Metric.measuredIn plain |> List.exists (fun one -> one.Name = metric.Name)) "none elsewhere" ]

[<Tests>]
let tests = testList "backdoor" (data @ [ messages ] @ success @ refused @ told)
