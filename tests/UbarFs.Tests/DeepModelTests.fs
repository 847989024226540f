/// Normalisation, residuals and dropout against plain formulas, and what PyTorch calls their parameters.
module UbarFs.Tests.DeepModelTests

open System
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Testing.Generators

let private shape = { Channels = 4; Height = 5; Width = 3 }

let private architecture layers =
    match Architecture.create shape 10 { Layers = fun _ -> layers } with
    | Ok architecture -> architecture
    | Error reason -> failtest reason

/// Random numbers, in float64.
let private random purpose (sides: int64 list) : torch.Tensor =
    let numbers = Array.zeroCreate<float32>(int (List.fold (*) 1L sides))
    (Random.shared 9L purpose).FillGaussian numbers
    torch.tensor(numbers).view(Array.ofList sides).to_type torch.float64

let private images count = random Purpose.Attack [ int64 count; 4L; 5L; 3L ]
let private rowOf (architecture: Architecture) = random Purpose.Start [ int64 architecture.Dimension ]
let private numbers (tensor: torch.Tensor) = tensor.contiguous().data<float>().ToArray()

let private close name (expected: float[]) (actual: float[]) =
    Expect.equal actual.Length expected.Length name
    Array.iter2 (fun expected actual -> Expect.floatClose Accuracy.high actual expected name) expected actual

/// What a model makes of images before its last, dense layer, which is made to hand values on one by one: 60 of them.
let private valuesOf layers =
    use _ = torch.NewDisposeScope()

    match Architecture.create shape 60 { Layers = fun _ -> layers @ [ Layer.Dense 60 ] } with
    | Error reason -> failtest reason
    | Ok architecture ->
        let row = rowOf architecture
        let blocks = Forward.blocks architecture row
        let weight, bias = blocks[blocks.Length - 2], blocks[blocks.Length - 1]
        weight.copy_ (torch.eye (60L, dtype = torch.float64)) |> ignore
        bias.zero_ () |> ignore
        let images = images 3
        let own = blocks |> List.take (blocks.Length - 2) |> List.map numbers
        numbers images |> Array.chunkBySize 60, own, numbers (Forward.logits architecture blocks images)

/// Mean 0 and variance 1 of the values of each group, which lie side by side.
let private standardised groups (image: float[]) =
    image
    |> Array.splitInto groups
    |> Array.collect (fun group ->
        let mean = Array.average group
        let variance = group |> Array.averageBy (fun x -> (x - mean) ** 2.0)
        group |> Array.map (fun x -> (x - mean) / sqrt (variance + 1e-5)))

let private formulas =
    [ testCase "group-norm standardises groups of channels, and scales and shifts each channel"
      <| fun () ->
          let images, own, made = valuesOf [ Layer.GroupNorm 2 ]

          let expected =
              images
              |> Array.collect (standardised 2 >> Array.mapi (fun i x -> own[0][i / 15] * x + own[1][i / 15]))

          close "values" expected made

      testCase "layer-norm standardises all values of an image, and scales and shifts each"
      <| fun () ->
          let images, own, made = valuesOf [ Layer.LayerNorm ]

          let expected =
              images |> Array.collect (standardised 1 >> Array.mapi (fun i x -> own[0][i] * x + own[1][i]))

          close "values" expected made

      testCase "a residual adds its input"
      <| fun () ->
          let images, _, made = valuesOf [ Layer.Residual [ Layer.Tanh; Layer.Residual [ Layer.Relu ] ] ]
          let expected = images |> Array.concat |> Array.map (fun x -> x + tanh x + max 0.0 (tanh x))
          close "values" expected made

      testCase "a residual with more channels and fewer pixels adds some pixels, between zeros"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          // A convolution whose weights are 0 leaves the shortcut and its biases: 4×5×3 becomes 7×3×2.
          let layers =
              [ Layer.Residual [ Layer.StridedConvolution(7, 3, 1, 2, true) ]
                Layer.Dense 42 ]

          match Architecture.create shape 42 { Layers = fun _ -> layers } with
          | Error reason -> failtest reason
          | Ok architecture ->
              let row = torch.zeros (int64 architecture.Dimension, dtype = torch.float64)
              let blocks = Forward.blocks architecture row
              blocks[1].copy_(torch.arange (7L, dtype = torch.float64)) |> ignore
              blocks[2].copy_(torch.eye (42L, dtype = torch.float64)) |> ignore
              let images = images 2
              let given = numbers images

              let expected =
                  [| for image in 0..1 do
                         for channel in 0..6 do
                             for y in 0..2 do
                                 for x in 0..1 do
                                     // Three channels are missing: one before, two behind.
                                     let own = channel - 1

                                     float channel
                                     + (if own >= 0 && own < 4 then
                                            given[((image * 4 + own) * 5 + 2 * y) * 3 + 2 * x]
                                        else
                                            0.0) |]

              close "values" expected (numbers (Forward.logits architecture blocks images))

      testCase "global-avg-pool is the mean of each channel"
      <| fun () ->
          use _ = torch.NewDisposeScope()

          match Architecture.create shape 4 { Layers = fun _ -> [ Layer.GlobalAveragePool; Layer.Dense 4 ] } with
          | Error reason -> failtest reason
          | Ok architecture ->
              let row = torch.zeros (int64 architecture.Dimension, dtype = torch.float64)
              let blocks = Forward.blocks architecture row
              blocks[0].copy_(torch.eye (4L, dtype = torch.float64)) |> ignore
              let images = images 3
              let expected = numbers images |> Array.chunkBySize 15 |> Array.map Array.average
              close "values" expected (numbers (Forward.logits architecture blocks images)) ]

let private deep =
    [ Layer.Convolution(4, 3, 1)
      Layer.GroupNorm 2
      Layer.Dropout 0.4
      Layer.Residual
          [ Layer.StridedConvolution(6, 3, 1, 2, false)
            Layer.LayerNorm
            Layer.Dropout 0.3
            Layer.Tanh ]
      Layer.Flatten
      Layer.LayerNorm
      Layer.Dense 10 ]

let private batch draws : Batch =
    { Images = images 5
      Labels = torch.tensor [| 0L; 3L; 9L; 2L; 3L |]
      Draws = draws }

let private dropout =
    let factors rate layer draws = (Draws.factors rate [| 100L; 100L |] layer draws).data<float32>().ToArray()

    [ testCase "dropout leaves out its share, and keeps the mean"
      <| fun () ->
          use _ = torch.NewDisposeScope()

          for rate in [ 0.0; 0.2; 0.5; 0.9 ] do
              let made = factors rate 0 (Draws.ofStep 1L 2 3L)
              let out = made |> Array.filter ((=) 0.0f) |> Array.length
              Expect.isLessThan (abs (float out / 10000.0 - rate)) 0.02 $"the share that is out at {rate}"
              Expect.allEqual (made |> Array.filter ((<>) 0.0f)) (float32 (1.0 / (1.0 - rate))) "the rest"

      testCase "what is left out follows from the seed, the node, the step and the layer alone"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let told seed node step layer = factors 0.5 layer (Draws.ofStep seed node step)
          Expect.equal (told 1L 2 3L 0) (told 1L 2 3L 0) "again"

          let all =
              [ told 1L 2 3L 0
                told 2L 2 3L 0
                told 1L 3 3L 0
                told 1L 2 4L 0
                told 1L 2 3L 1 ]

          Expect.equal (List.distinct all).Length 5 "each otherwise"

      testCase "the mean over many draws of what a model gives is what it gives in tests"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let architecture = architecture [ Layer.Dropout 0.5; Layer.Dense 10 ]
          let blocks = Forward.blocks architecture (rowOf architecture)
          let images = images 2
          let told draws = Forward.logitsDrawing draws architecture blocks images
          let plain = Forward.logits architecture blocks images

          let mean =
              torch.stack([| for step in 1L .. 4000L -> told (Some(Draws.ofStep 1L 0 step)) |]).mean [| 0L |]
          // A logit has a standard deviation of about 8.
          Expect.isTrue (mean.allclose (plain, 0.0, 0.8)) $"{mean - plain}"
          Expect.isFalse ((told (Some(Draws.ofStep 1L 0 1L))).allclose plain) "one draw is no mean"

      testCase "tests leave nothing out"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let architecture, without = architecture deep, deep |> List.filter (not << _.IsDropout)
          let row = rowOf architecture

          Expect.equal
              (Objective.tested Loss.CrossEntropy architecture [ batch None ] row).Loss
              (Objective.loss Loss.CrossEntropy architecture (batch None) row)
              "loss"

          Expect.notEqual
              (Objective.loss Loss.CrossEntropy architecture (batch (Some(Draws.ofStep 1L 0 0L))) row)
              (Objective.loss Loss.CrossEntropy architecture (batch None) row)
              "training does"

          Expect.equal without.Length (deep.Length - 1) "a layer"

      for draws in [ None; Some(Draws.ofStep 4L 1 2L) ] do
          testCase $"the gradient is the slope of the loss, drawing {draws.IsSome}"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let architecture = architecture deep
              let row, batch = rowOf architecture, batch draws
              let gradient = torch.zeros_like row
              let lossAt row = Objective.loss Loss.CrossEntropy architecture batch row
              let loss = Objective.gradient Loss.CrossEntropy architecture batch row gradient
              Expect.equal (lossAt row) loss "the loss"

              for direction in 0..4 do
                  let direction = Native.scaled 1e-5 (random (Purpose.Dropout direction) [ row.shape[0] ])
                  let slope = (lossAt (Native.sum row direction) - lossAt (row - direction)) / 2.0
                  let expected = (gradient * direction).sum() |> Native.read
                  Expect.floatClose { absolute = 1e-10; relative = 1e-5 } slope expected "slope" ]

let private exports =
    [ testCase "parameters have the names that PyTorch gives them"
      <| fun () ->
          let dict = StateDict.ofArchitecture (architecture deep)

          Expect.equal
              dict.Module
              ("nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.Dropout(0.4), "
               + "Residual(nn.Conv2d(4, 6, 3, padding=1, stride=2, bias=False), nn.LayerNorm([6, 3, 2]), nn.Dropout(0.3), "
               + "nn.Tanh()), nn.Flatten(), nn.LayerNorm([36]), nn.Linear(36, 10))")
              "the module"

          Expect.equal
              (dict.Parameters |> List.map (fun (name, block) -> name, block.Shape))
              [ "0.weight", [ 4L; 4L; 3L; 3L ]
                "0.bias", [ 4L ]
                "1.weight", [ 4L ]
                "1.bias", [ 4L ]
                "3.0.weight", [ 6L; 4L; 3L; 3L ]
                "3.1.weight", [ 6L; 3L; 2L ]
                "3.1.bias", [ 6L; 3L; 2L ]
                "5.weight", [ 36L ]
                "5.bias", [ 36L ]
                "6.weight", [ 10L; 36L ]
                "6.bias", [ 10L ] ]
              "names and shapes"

          Expect.isTrue (StateDict.hasResiduals dict.Module) "it needs a definition"

      testCase "a row of one pixel is normalised flat, and an image after a row is made one again"
      <| fun () ->
          let layers = [ Layer.GlobalAveragePool; Layer.LayerNorm; Layer.Convolution(10, 1, 0) ]
          let dict = StateDict.ofArchitecture (architecture layers)

          Expect.equal
              dict.Module
              ("nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm([4]), nn.Unflatten(1, (4, 1, 1)), "
               + "nn.Conv2d(4, 10, 1, padding=0), nn.Flatten())")
              "the module" ]

let private starts =
    testCase "normalisations start as nothing, wherever else estimates start"
    <| fun () ->
        use _ = torch.NewDisposeScope()
        let architecture = architecture deep

        for start in [ Start.Shared; Start.Own; Start.Normal 0.5 ] do
            let row = (Initial.estimates architecture 1L start 2)[1L]

            for block, values in Seq.zip architecture.Blocks (Forward.blocks architecture row) do
                let values = values.contiguous().data<float32>().ToArray()

                match block.Start with
                | Some start -> Expect.allEqual values (float32 start) block.Name
                | None -> Expect.isGreaterThan (Array.distinct values).Length (values.Length / 2) block.Name

[<Tests>]
let tests =
    testList
        "deep models"
        [ testList "formulas" formulas
          testList "dropout" dropout
          testList "exports" exports
          starts ]
