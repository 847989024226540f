/// Laws of what a run records beside its accuracies.
module UbarFs.Tests.ObservationTests

open System
open System.IO
open System.Threading
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Testing
open UbarFs.Testing.Generators

let private stages = [ "stage 1"; "stage 2" ]

/// Three benign nodes and a Byzantine one (3), all connected.
let private network =
    Network.create (Array.init 4 (fun node -> [| 0..3 |] |> Array.except [ node ])) [| false; false; false; true |]

let private kept first second = [ { Name = "stage 1"; Kept = first }; { Name = "stage 2"; Kept = second } ]

let private observed stages =
    Selections.observed stages network [| 0..3 |] (fun node -> network.Neighbours[node])

let private counts =
    testCase "what the benign nodes kept is counted, and what of it came from Byzantine nodes"
    <| fun () ->
        // The Byzantine node is everyone's last neighbour; its own selection does not count.
        let kept =
            [| kept [| 0; 2 |] [| 0 |]
               kept [| 2 |] [| 2 |]
               kept [||] [||]
               kept [| 0; 1; 2 |] [| 0 |] |]

        let selections = observed stages kept
        Expect.equal selections.Received { All = 9L; Byzantine = 3L } "three each, one of them Byzantine"
        Expect.equal selections.Kept [ { All = 3L; Byzantine = 2L }; { All = 2L; Byzantine = 1L } ] "by stage"
        Expect.equal (selections.MeanSize selections.Kept[0]) (Some 1.0) "mean over three nodes"
        Expect.equal (selections.ByzantineShare selections.Kept[1]) (Some(1.0 / 3.0)) "of what was received"

let private sums =
    testProperty "iterations add up"
    <| forAll (Gen.listOf (Gen.listOf (Gen.choose (0, 2)))) (fun iterations ->
        let selections =
            iterations
            |> List.map (fun places ->
                let places = places |> List.distinct |> Array.ofList
                observed stages (Array.create 4 (kept places places)))

        let sum = List.fold (+) (Selections.none stages) selections
        let all = iterations |> List.sumBy (List.distinct >> List.length)

        sum.Count = 3L * int64 iterations.Length
        && sum.Kept |> List.forall (fun kept -> kept.All = 3L * int64 all))

let private nothing =
    testCase "before any iteration there is no mean and no share"
    <| fun () ->
        let none = Selections.none stages
        Expect.isNone (none.MeanSize none.Received) "no mean"
        Expect.isNone (none.ByzantineShare none.Kept.Head) "no share"

let private agreement =
    testCase "the form for all nodes observes what the form for one node does"
    <| fun () ->
        use _ = torch.NewDisposeScope()

        let selections (rule: Rule) =
            let run =
                { Runs.digits with
                    Rule = { Runs.digits.Rule with Value = rule }
                    Attacks = [ Runs.choose "bit-flip" Catalogue.attacks ] }

            let experiment = Runs.experiment run
            (Reading.value (Simulation.iterate experiment (Simulation.start experiment)).Told).Selections

        let rule = Runs.digits.Rule.Value
        let together, alone = selections rule, selections { rule with Network = None }
        Expect.equal together alone "as many, and as many Byzantine"
        Expect.isGreaterThan together.Received.Byzantine 0L "there are some"

let private tested accuracy loss : UbarFs.Engine.Tested =
    { Accuracy = accuracy
      Loss = loss
      Success = Some(accuracy / 2.0)
      Validation = Some(accuracy / 3.0) }

let private evaluation node iteration : Evaluation =
    { Iterations = iteration
      Epochs = float iteration / 3.0
      Rate = 0.1
      Tested =
        [| tested 0.1 1e-300
           tested (1.0 / float (node + 2)) infinity
           tested 0.3 nan |]
      ConsensusError = 0.25
      Averaged = Some 0.2
      Losses = if iteration = 0 then [||] else [| 1.5; nan; 1e-7 |]
      Selections = Selections.none []
      Diverged = false
      Times = PhaseTimes.Zero
      EvaluationSeconds = 0.0
      Elapsed = 0.0 }

// A run that measures all that runs can measure, and one that measures nothing beyond accuracy and loss.
let private measuring =
    { Runs.digits with
        Attacks = [ Runs.choose "backdoor" Catalogue.attacks ]
        Validation = Some(Holdout.Images 10)
        Averaged = true }

let private expected (run: Run) evaluations =
    [| for evaluation: Evaluation in evaluations do
           for node in 0..2 do
               { Epoch = evaluation.Epochs
                 Iteration = evaluation.Iterations
                 Node = node
                 Accuracy = evaluation.Tested[node].Accuracy
                 TestLoss = Some evaluation.Tested[node].Loss
                 Loss = Array.tryItem node evaluation.Losses
                 SuccessRate = evaluation.Tested[node].Success |> Option.filter (fun _ -> run.Validation.IsSome)
                 Validation = evaluation.Tested[node].Validation |> Option.filter (fun _ -> run.Validation.IsSome) } |]

// NaN differs from itself.
let private text (rows: NodeMeasurement[]) = rows |> Array.map (sprintf "%A")

let private nodesIn folder = NodesFile.read folder |> Result.defaultWith failtest

let private nodes =
    [ for what, run in
          [ "what all runs measure", Runs.digits
            "everything that runs can measure", measuring ] do
          testCase $"nodes.parquet says {what}, bit for bit"
          <| fun () ->
              TinyDataset.inFolder (fun folder ->
                  let evaluations = List.mapi evaluation [ 0; 5; 10 ]
                  let writer, write = NodesFile.openFor folder run network false
                  List.iter write evaluations
                  Expect.equal (text (nodesIn folder)) (text (expected run evaluations)) "while the run lasts"
                  writer.Dispose()
                  NodesFile.finish folder
                  Expect.equal (text (nodesIn folder)) (text (expected run evaluations)) "and afterwards"
                  Expect.isFalse (File.Exists(Path.Combine(folder, "nodes.csv"))) "in one file")

      testCase "what only some runs measure has no column in others"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let writer, _ = NodesFile.openFor folder Runs.digits network false
              writer.Dispose()
              let header = File.ReadAllText(Path.Combine(folder, "nodes.csv"))
              Expect.equal header "epoch,iteration,node,accuracy,test_loss,loss\n" "nodes"
              Expect.isEmpty (MetricsFile.further Runs.digits) "evaluations"

              Expect.equal
                  (MetricsFile.further measuring |> List.map fst)
                  [ "success_rate"; "worst_validation_accuracy"; "averaged_accuracy" ]
                  "where it is measured")

      testCase "of a file without even its head nothing is known yet"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              for beginning in [ ""; "epoch,it"; "epoch,iteration,node,accuracy,test_loss,loss\n" ] do
                  File.WriteAllText(Path.Combine(folder, "nodes.csv"), beginning)
                  Expect.isEmpty (nodesIn folder) $"'{beginning}'")

      testCase "a process that dies while it writes loses no more than the line at hand"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let evaluations = [ evaluation 0 5 ]
              let writer, write = NodesFile.openFor folder Runs.digits network false
              List.iter write evaluations
              writer.Write "1.5,10,0,0."
              writer.Dispose()
              Expect.equal (text (nodesIn folder)) (text (expected Runs.digits evaluations)) "whole lines") ]

let private files =
    testCase "a run leaves its network, its nodes and what its rule selected"
    <| fun () ->
        TinyDataset.inFolder (fun folder ->
            let run = { Runs.digits with Attacks = [ Runs.choose "bit-flip" Catalogue.attacks ] }
            let file (store: RunStore) name = Path.Combine(RunStore.folderOf store run, name)

            let sweep: Scenario =
                { Name = "sweep"
                  Description = "text"
                  File = "sweep.yaml"
                  Baseline = "average"
                  Runs = [ run ]
                  Places = []
                  Definition = Node.scalar (Span.at (Source.create Origin.CommandLine "") 0) "" }

            match RunStore.opened folder sweep.Name with
            | Error reason -> failtest reason
            | Ok store ->
                let session: Session =
                    SessionDefaults.create TorchSharp.torch.CPU (fun _ ->
                        Supply.Available(Runs.samples.Value, "digits"))

                Session.run session store (Campaign.ofScenario sweep) |> ignore
                let network = (NetworkFile.read (RunStore.folderOf store run) |> Result.defaultWith failtest).Value
                Expect.equal (network.Benign.Length, network.Byzantine.Length) (6, 2) "all nodes"
                let rows = nodesIn (RunStore.folderOf store run)
                Expect.hasLength rows (4 * 6) "four evaluations of the benign nodes"
                Expect.isTrue (rows |> Array.forall (fun row -> row.Loss.IsSome = (row.Iteration > 0))) "losses"
                let lines = File.ReadAllLines(file store "metrics.csv") |> Array.map _.Split(',')
                let cell name (line: string[]) = line[Array.IndexOf(lines[0], name)]
                Expect.equal (cell "stage_1_size" lines[1]) "" "nothing before the first iteration"
                let last name = float (cell name (Array.last lines))
                Expect.isGreaterThan (last "received") (last "stage_1_size") "fewer"
                Expect.equal (last "stage_2_byzantine_share") 0.0 "bit-flips have a greater loss"

                Expect.equal
                    (SweepFile.tryRead store.Folder)
                    (Some(SweepFile.ofCampaign (Campaign.ofScenario sweep)))
                    "sweep.json")

let private documented =
    testCase "the page on results names every column"
    <| fun () ->
        let page = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "docs", "results.md"))

        let columns =
            MetricsFile.header [ "STAGE" ]
            |> List.map (fun column -> column.Replace("stage_", "STAGE_"))
            |> List.append [ "node"; "accuracy" ]
            |> List.append
                [ "run"
                  "status"
                  "seed"
                  "dataset"
                  "model"
                  "rule"
                  "attack"
                  "seconds"
                  "diverged" ]
            |> List.append
                [ "byzantine"
                  "stage"
                  "size"
                  "byzantine_share"
                  "stretches"
                  "runs"
                  "seeds" ]

        for column in columns do
            Expect.stringContains page $"`{column}`" column

[<Tests>]
let tests = testList "observation" ([ counts; sums; nothing; agreement; files; documented ] @ nodes)
