/// Laws of what an evaluation measures: consensus error and test loss.
module UbarFs.Tests.MeasurementTests

open System
open System.IO
open System.Threading
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Kernels.Images
open UbarFs.Scenario
open UbarFs.Testing.Generators

let private vectors =
    gen {
        let! count, width = Gen.zip (Gen.choose (1, 7)) (Gen.choose (1, 9))

        let! rows =
            Gen.choose (-900, 900) |> Gen.map (fun n -> float n / 64.0) |> Gen.arrayOfLength (count * width)

        return rows |> Array.chunkBySize width
    }

/// The definition, one number after the other.
let private plainly (rows: float[][]) =
    let mean = rows |> Array.transpose |> Array.map Array.average

    rows
    |> Array.averageBy (fun row -> Array.map2 (fun one middle -> (one - middle) ** 2.0) row mean |> Array.sum)

let private tensor (rows: float[][]) =
    torch.tensor(Array.concat rows, dtype = torch.float32).view(rows.LongLength, -1L)

let private error (rows: float[][]) =
    use _ = torch.NewDisposeScope()
    Consensus.error (tensor rows) [| 0 .. rows.Length - 1 |]

let private consensus =
    testList
        "consensus error"
        [ testProperty "is the mean squared distance from the mean"
          <| forAll vectors (fun rows ->
              let expected = plainly rows
              abs (error rows - expected) <= 1e-9 * (1.0 + expected))

          testProperty "does not change when all estimates move alike, and grows with the square of their size"
          <| forAll vectors (fun rows ->
              let moved, doubled = rows |> Array.map (Array.map ((+) 3.0)), rows |> Array.map (Array.map ((*) 2.0))
              let near one other = abs (one - other) <= 1e-9 * (1.0 + abs other)
              near (error moved) (error rows) && near (error doubled) (4.0 * error rows))

          testProperty "is zero where all estimates are the same"
          <| forAll vectors (fun rows -> error (Array.create 5 rows[0]) = 0.0)

          testCase "is of the nodes that are asked for, in estimates wider than one portion"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let width = 300_001L
              let estimates = torch.zeros (4L, width)
              estimates[1L] <- torch.ones width
              estimates[3L] <- torch.full ([| width |], 1e20.ToScalar())
              // Halfway between the two, on either side.
              Expect.equal (Consensus.error estimates [| 0; 1 |]) (float width / 4.0) "two nodes"
              Expect.equal (Consensus.error estimates [| 0; 2 |]) 0.0 "two that agree"

          testCase "small differences of large estimates are not lost"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              // Neighbours in float32 near 1000: 2⁻¹⁴ apart.
              let step = float (MathF.BitIncrement 1000.0f) - 1000.0
              let close = tensor [| [| 1000.0 |]; [| 1000.0 + step |] |]
              Expect.floatClose Accuracy.veryHigh (Consensus.error close [| 0; 1 |]) (step * step / 4.0) "in float64"

          testCase "is not finite once a benign estimate is not"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let estimates = tensor [| [| 1.0 |]; [| infinity |]; [| nan |] |]
              Expect.isFalse (Double.IsFinite(Consensus.error estimates [| 0; 1 |])) "infinite"
              Expect.isTrue (Double.IsNaN(Consensus.error estimates [| 0; 2 |])) "NaN"
              Expect.equal (Consensus.error estimates [| 0 |]) 0.0 "nobody asked for them" ]

/// Loss and accuracy on the whole test set in one piece, in float64.
let private inOnePiece (experiment: Experiment) (row: torch.Tensor) =
    let images = experiment.Samples.Test |> List.map _.Images |> Array.ofList |> torch.cat
    let labels = experiment.Samples.Test |> List.map _.Labels |> Array.ofList |> torch.cat
    let row = row.to_type torch.float64

    let logits =
        Forward.logits
            experiment.Architecture
            (Forward.blocks experiment.Architecture row)
            (images.to_type torch.float64)

    let right = logits.argmax(1L).eq(labels).to_type(torch.float64).mean() |> Native.read
    let loss = (Objective.ofImages experiment.Run.Training.Loss logits labels).mean() |> Native.read
    right, loss

// Ties, infinities and NaN among ordinary numbers.
let private logits =
    gen {
        let! images, classes = Gen.zip (Gen.choose (1, 40)) (Gen.choose (1, 12))
        let ordinary = Gen.choose (-80, 80) |> Gen.map (fun eighths -> float32 eighths / 8.0f)
        let odd = Gen.elements [ nanf; infinityf; -infinityf; 0.0f; -0.0f; 1e30f; -1e30f ]
        let! share = Gen.elements [ 0; 0; 1 ]
        let! values = Gen.frequency [ 12, ordinary; share, odd ] |> Gen.arrayOfLength (images * classes)
        let! labels = Gen.choose (0, classes - 1) |> Gen.map int64 |> Gen.arrayOfLength images
        return values, labels
    }

let private judged =
    testProperty "logits are judged in one pass as libtorch does it in several"
    <| forAll (Gen.zip logits (Gen.elements [ Loss.CrossEntropy; Loss.Hinge ])) (fun ((values, labels), loss) ->
        use _ = torch.NewDisposeScope()
        let logits = torch.tensor(values).view(labels.LongLength, -1L)
        let labels = torch.tensor labels
        let sums = (Objective.judged loss logits labels).data<float>().ToArray()

        let ours =
            match loss with
            | Loss.CrossEntropy -> Answers.CrossEntropy(logits, labels)
            | Loss.Hinge -> Answers.Hinge(logits, labels)

        let near (one: float) (other: float) = one.Equals other || abs (one - other) <= 1e-5 * (1.0 + abs other)

        Answers.Takes logits && float ours.Right = sums[0] && near ours.Loss sums[1])

let private testLoss =
    [ for loss in [ Loss.CrossEntropy; Loss.Hinge ] do
          testCase $"the test loss is the mean of the {loss} over the test images, whatever the chunks"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let experiment = Runs.experiment { Runs.digits with Training.Loss = loss }
              let estimates = torch.rand (8L, int64 experiment.Architecture.Dimension) - torch.tensor 0.5f
              let tested = Simulation.evaluate experiment estimates

              for node, tested in Array.zip (Network.benign experiment.Network) tested do
                  let accuracy, loss = inOnePiece experiment estimates[int64 node]
                  Expect.floatClose Accuracy.high tested.Accuracy accuracy "accuracy"
                  Expect.floatClose Accuracy.medium tested.Loss loss "loss" ]

let private sweepOf (run: Run) : Scenario =
    { Name = "measured"
      Description = ""
      File = "measured.yaml"
      Runs = [ run ]
      Places = []
      Baseline = "average"
      Definition = Node.scalar (Span.at (Source.create Origin.CommandLine "") 0) "" }

let private store folder =
    match RunStore.opened folder "measured" with
    | Ok store -> store
    | Error reason -> failtest reason

let private session: Session =
    SessionDefaults.create torch.CPU (fun _ -> Supply.Available(Runs.samples.Value, "digits"))

let private files =
    [ testCase "metrics.csv, nodes.parquet, run.json and results.csv agree on what was measured at the end"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let store = store folder
              let result = Session.run session store (Campaign.ofScenario (sweepOf Runs.digits)) |> List.exactlyOne
              let run = RunStore.folderOf store Runs.digits
              let last = Csv.read (Path.Combine(run, "metrics.csv")) |> List.last
              let results = Csv.read (Path.Combine(store.Folder, "results.csv")) |> List.exactlyOne
              let nodes = (NodesFile.read run |> Result.defaultWith failtest)
              let final = nodes |> Array.filter (fun node -> node.Iteration = last.Whole "iteration")
              let record = result.Record.Value
              Expect.equal (final |> Array.averageBy _.TestLoss.Value) (last.Number "test_loss") "mean over the nodes"
              Expect.equal (Some(last.Number "test_loss")) record.TestLoss "run.json"
              Expect.equal (Some(last.Number "consensus_error")) record.ConsensusError "likewise"
              Expect.equal (results.Number "test_loss") (last.Number "test_loss") "results.csv"
              Expect.equal (results.Number "consensus_error") (last.Number "consensus_error") "likewise"
              Expect.isGreaterThan (last.Number "consensus_error") 0.0 "they do not agree wholly"
              let first = Csv.read (Path.Combine(run, "metrics.csv")) |> List.head
              Expect.equal (first.Number "consensus_error") 0.0 "all start from one estimate")

      testCase "a run that diverges is recorded with what it measured"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let run =
                  { Runs.digits with
                      Model = Runs.choose "mlp" Catalogue.models
                      Rule = Runs.choose "average" Catalogue.rules
                      Training.Rate = { Initial = 1e38; Decay = Decay.None } }

              let store = store folder
              let result = Session.run session store (Campaign.ofScenario (sweepOf run)) |> List.exactlyOne
              let record = (RunStore.tryRecord store run).Value
              Expect.equal (record.Status, record.Diverged) ("complete", Some true) "diverged"
              Expect.equal (string record.TestLoss) (string result.Record.Value.TestLoss) "read back"
              Expect.isFalse (Double.IsFinite record.TestLoss.Value) "not finite")

      testCase "a node's file of an older version has no test loss"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let lines = [ "epoch,iteration,node,accuracy,loss"; "1,5,2,0.5,1.25" ]
              File.WriteAllLines(Path.Combine(folder, "nodes.csv"), lines)
              let node = NodesFile.read folder |> Result.defaultWith failtest |> Array.exactlyOne
              Expect.equal (node.Accuracy, node.TestLoss, node.Loss) (0.5, None, Some 1.25) "the rest is there") ]

[<Tests>]
let tests = testList "measurements" (consensus :: judged :: testLoss @ files)
