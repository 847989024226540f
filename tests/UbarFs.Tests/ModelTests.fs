module UbarFs.Tests.ModelTests

open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Testing.Generators

let private model name =
    Catalogue.models
    |> List.find (fun model -> model.Name = name)
    |> Component.choose Map.empty
    |> _.Value

let private architecture shape name =
    match Architecture.create shape 10 (model name) with
    | Ok architecture -> architecture
    | Error reason -> failtest reason

let private mnist = { Channels = 1; Height = 28; Width = 28 }
let private cifar = { Channels = 3; Height = 32; Width = 32 }

let private batchOf (shape: ImageShape) size : Batch =
    let pixels = Array.zeroCreate<float32>(size * shape.Pixels)
    (Random.shared 5L Purpose.Attack).FillGaussian pixels

    { Images =
        torch.tensor(pixels).view(int64 size, int64 shape.Channels, int64 shape.Height, int64 shape.Width).to_type
            torch.float64
      Labels = torch.tensor [| for image in 0 .. size - 1 -> int64 (image % 10) |]
      Draws = None }

let private rowOf architecture = (torch.tensor (Initial.row architecture 3L 0)).to_type torch.float64

let private laws shape name =
    let architecture = architecture shape name
    let place = $"{name} on {shape}"

    [ testCase $"{place}: how images lie in memory changes neither loss nor gradient"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let batch, row = batchOf shape 12, rowOf architecture
          let laidOut = { batch with Images = Forward.laidOut architecture batch.Images }
          Expect.isTrue (laidOut.Images.Equals batch.Images) "the same images"

          let learnt (batch: Batch) =
              let gradient = torch.zeros_like row
              let loss = Objective.gradient Loss.CrossEntropy architecture batch row gradient
              loss, gradient

          let (loss, gradient), (expectedLoss, expected) = learnt laidOut, learnt batch
          Expect.floatClose Accuracy.high loss expectedLoss "loss"
          Expect.isTrue (gradient.allclose (expected, 1e-9, 1e-12)) "gradient"

      testCase $"{place}: the blocks fill the row without gaps"
      <| fun () ->
          let ends = architecture.Blocks |> List.scan (fun next block -> next + block.Length) 0
          Expect.equal (architecture.Blocks |> List.map _.Offset) (List.take architecture.Blocks.Length ends) "offsets"
          Expect.equal (List.last ends) architecture.Dimension "d"

      for objective in [ Loss.CrossEntropy; Loss.Hinge ] do
          testCase $"{place}: the gradient is the slope of the {objective} loss"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let batch, row = batchOf shape 12, rowOf architecture
              let gradient = torch.zeros_like row
              let loss = Objective.gradient objective architecture batch row gradient
              Expect.equal (Objective.loss objective architecture batch row) loss "the same loss"
              let direction = (torch.tensor (Initial.row architecture 4L 1)).to_type torch.float64
              let step = 1e-5
              let change = Native.scaled step direction
              let lossAt row = Objective.loss objective architecture batch row
              let slope = (lossAt (Native.sum row change) - lossAt (row - change)) / (2.0 * step)
              let expected = (gradient * direction).sum() |> Native.read
              Expect.floatClose { absolute = 1e-7; relative = 1e-4 } slope expected "directional derivative"

      testCase $"{place}: float32 computes what float64 does"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let batch, row = batchOf shape 12, rowOf architecture

          let learnt (dtype: torch.ScalarType) =
              let batch = { batch with Images = batch.Images.to_type dtype }
              let row = row.to_type dtype
              let gradient = torch.zeros_like row
              let loss = Objective.gradient Loss.CrossEntropy architecture batch row gradient

              Expect.equal
                  (Objective.loss Loss.CrossEntropy architecture batch row)
                  loss
                  "the same loss without gradients"

              loss, gradient.to_type torch.float64

          let (loss, gradient), (expectedLoss, expected) = learnt torch.float32, learnt torch.float64
          Expect.floatClose { absolute = 1e-6; relative = 1e-5 } loss expectedLoss "loss"
          Expect.isTrue (gradient.allclose (expected, 1e-3, 1e-6)) "gradient"

      testCase $"{place}: following the gradient learns a batch by heart"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let batch, row = batchOf shape 12, rowOf architecture
          let gradient = torch.zeros_like row

          for _ in 1..150 do
              Objective.gradient Loss.CrossEntropy architecture batch row gradient |> ignore
              row.sub_ (Native.scaled 0.2 gradient) |> ignore

          let tested = Objective.tested Loss.CrossEntropy architecture [ batch; batch ] row
          Expect.equal tested.Accuracy 1.0 "all labels"

          Expect.floatClose
              Accuracy.high
              tested.Loss
              (Objective.loss Loss.CrossEntropy architecture batch row)
              "the mean over chunks" ]

/// A layer's definition, with nothing left out.
let private plainly (flow: torch.Tensor, blocks: torch.Tensor list) layer =
    match layer, blocks with
    | Layer.Convolution(_, _, padding), weight :: bias :: rest ->
        torch.nn.functional.conv2d (flow, weight, bias, padding = [| int64 padding; int64 padding |]), rest
    | Layer.Dense _, weight :: bias :: rest -> torch.nn.functional.linear (flow.flatten 1L, weight, bias), rest
    | Layer.MaxPool size, _ -> torch.nn.functional.max_pool2d (flow, int64 size), blocks
    | Layer.AveragePool size, _ -> torch.nn.functional.avg_pool2d (flow, int64 size), blocks
    | Layer.Tanh, _ -> flow.tanh (), blocks
    | _ -> flow.relu (), blocks

let private pyramids: FsCheck.Gen<ImageShape * Layer list> =
    let layers =
        gen {
            let! channels, kernel, padding = Gen.zip3 (Gen.choose (1, 3)) (Gen.choose (1, 4)) (Gen.choose (0, 3))
            let! activation = Gen.elements [ []; [ Layer.Relu ]; [ Layer.Tanh ]; [ Layer.Relu; Layer.Tanh ] ]
            let! pooling = Gen.elements [ []; [ Layer.MaxPool 2 ]; [ Layer.MaxPool 3 ]; [ Layer.AveragePool 2 ] ]
            return Layer.Convolution(channels, kernel, padding) :: activation @ pooling
        }

    gen {
        let! height, width = Gen.two (Gen.choose (9, 14))
        let! first, second = Gen.two layers
        return { Channels = 2; Height = height; Width = width }, first @ second @ [ Layer.Dense 10 ]
    }

/// Loss and gradient of a pass that turns blocks into logits.
let private slope pass (architecture: Architecture) (row: torch.Tensor) (labels: torch.Tensor) =
    let row = row.detach().requires_grad_()
    let loss = torch.nn.functional.cross_entropy (pass (Forward.blocks architecture row), labels)
    loss, (torch.autograd.grad ([| loss |], [| row |]))[0]

let private shortcuts =
    testProperty "skipping what a pooling drops and pooling before ReLU change neither loss nor gradient"
    <| forAll pyramids (fun (shape, layers) ->
        use _ = torch.NewDisposeScope()

        match Architecture.create shape 10 { Layers = fun _ -> layers } with
        | Error _ -> true
        | Ok architecture ->
            let batch, row = batchOf shape 4, rowOf architecture
            let plain blocks = List.fold plainly (batch.Images, blocks) layers |> fst
            let expectedLoss, expected = slope plain architecture row batch.Labels
            let ours blocks = Forward.logits architecture blocks batch.Images
            let loss, gradient = slope ours architecture row batch.Labels
            loss.allclose (expectedLoss, 1e-12, 1e-12) && gradient.allclose (expected, 1e-9, 1e-12))

[<Tests>]
let tests =
    testList
        "model"
        [ shortcuts
          yield! laws mnist "softmax"
          yield! laws mnist "mlp"
          yield! laws mnist "cnn"
          yield! laws { Channels = 1; Height = 8; Width = 8 } "resnet8"

          testCase "the hinge loss is how far the best other logit comes within 1 of the label's"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              // Zero weights leave the biases as logits: 0 for nine classes and 2 for the last.
              let architecture = architecture mnist "softmax"
              let row = torch.zeros (int64 architecture.Dimension, dtype = torch.float64)
              row[int64 architecture.Dimension - 1L] <- torch.tensor 2.0
              // Labels 0 to 9: nine images with 1 + 2 − 0, one with max(0, 1 + 0 − 2).
              let loss = Objective.loss Loss.Hinge architecture (batchOf mnist 10) row
              Expect.floatClose Accuracy.veryHigh loss (9.0 * 3.0 / 10.0) "the mean"

          testCase "the paper's network on CIFAR-10 has 191,434 parameters"
          <| fun () -> Expect.equal (architecture cifar "cnn").Dimension 191434 "d"

          testCase
              "the residual networks have as many parameters on CIFAR-10 as their authors' (0.27 million of 20 layers)"
          <| fun () ->
              Expect.equal (architecture cifar "resnet8").Dimension 75290 "8 layers"
              Expect.equal (architecture cifar "resnet20").Dimension 269722 "20 layers"

          testCase "a network that does not fit the images names the layer"
          <| fun () ->
              match Architecture.create { Channels = 1; Height = 8; Width = 8 } 10 (model "cnn") with
              | Ok _ -> failtest "8×8 pixels are too few"
              | Error reason ->
                  Expect.stringContains reason "layer 6" "what comes before leaves one pixel for max-pool 4"

          testCase "all nodes start from one row, or each from its own"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let architecture = architecture mnist "softmax"

              let distinct start =
                  let estimates = Initial.estimates architecture 1L start 4

                  List.init 4 (fun node -> estimates[int64 node].data<float32>().ToArray())
                  |> List.distinct
                  |> List.length

              Expect.equal (distinct Start.Shared) 1 "shared"
              Expect.equal (distinct Start.Own) 4 "own" ]
