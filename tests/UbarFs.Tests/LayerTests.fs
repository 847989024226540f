/// Models that are written as lists of layers.
module UbarFs.Tests.LayerTests

open Expecto
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Tests.LanguageSamples

let private withModel model = minimal.Replace("model: softmax", $"model: {model}")

let private run model = (runs (withModel model) []).Head

let private layersOf model = (run model).Model.Value.Layers 10

let private refused model expected =
    testCase $"{model} is refused at its place"
    <| fun () ->
        let text = errors (withModel model) [] |> List.map Rendering.plain |> String.concat ""
        Expect.stringContains text expected "the message"

let private language =
    testList
        "the language"
        [ testCase "the paper's network can be written out"
          <| fun () ->
              let paper =
                  "[{ conv: { channels: 16, kernel: 3 } }, relu, { max-pool: 3 }, "
                  + "{ conv: { channels: 64, kernel: 4, padding: 1 } }, relu, { max-pool: 4 }, "
                  + "{ dense: 384 }, relu, { dense: 192 }, relu, dense]"

              let text = (withModel paper).Replace("digits", "mnist")

              Expect.equal
                  ((runs text []).Head.Model.Value.Layers 10)
                  ((Runs.choose "cnn" Catalogue.models).Value.Layers 10)
                  "the layers"

          testCase "every layer of the catalogue can be written, with 'classes' or a number for the last"
          <| fun () ->
              Expect.equal
                  (layersOf "[conv, tanh, avg-pool, sigmoid, { max-pool: 2 }, relu, flatten, { dense: classes }]")
                  [ Layer.Convolution(16, 3, 0)
                    Layer.Tanh
                    Layer.AveragePool 2
                    Layer.Sigmoid
                    Layer.MaxPool 2
                    Layer.Relu
                    Layer.Flatten
                    Layer.Dense 10 ]
                  "the layers"

              Expect.equal (layersOf "[dense]") (layersOf "[{ dense: 10 }]") "ten classes"

          testCase "layers inside of layers can be written in both ways, to any depth that anybody needs"
          <| fun () ->
              let expected =
                  [ Layer.StridedConvolution(4, 3, 1, 2, false)
                    Layer.GroupNorm 2
                    Layer.Residual
                        [ Layer.Convolution(8, 3, 1)
                          Layer.Residual [ Layer.LayerNorm; Layer.Dropout 0.25 ] ]
                    Layer.GlobalAveragePool
                    Layer.Dense 10 ]

              let written inner =
                  "[{ conv: { channels: 4, padding: 1, stride: 2, biases: false } }, { group-norm: 2 }, "
                  + $"{{ residual: {inner} }}, global-avg-pool, dense]"

              let short = "[{ conv: { channels: 8, padding: 1 } }, { residual: [layer-norm, { dropout: 0.25 }] }]"

              let long =
                  "[{ conv: { channels: 8, padding: 1 } }, { residual: { layers: [layer-norm, { dropout: 25% }] } }]"

              Expect.equal (layersOf (written short)) expected "short"
              Expect.equal (layersOf (written $"{{ layers: {long} }}")) expected "with the parameter's name"
              let canonical = Chosen.canonical (run (written short)).Model
              Expect.equal (layersOf canonical) expected "what it identifies as reads the same"
              Expect.equal (Chosen.canonical (run canonical).Model) canonical "and as itself"

          testCase "what identifies a list is a list that reads the same"
          <| fun () ->
              let first = run "[{ conv: 4 }, relu, dense]"

              Expect.equal
                  (Chosen.canonical first.Model)
                  "[{ conv: { channels: 4, kernel: 3, padding: 0, stride: 1, biases: true } }, relu, { dense: { units: classes } }]"
                  "what is written"

              Expect.equal (written (run (Chosen.canonical first.Model))) (written first) "read again"
              let other = run "[{ conv: 5 }, relu, dense]"
              Expect.notEqual (Chosen.canonical first.Model) (Chosen.canonical other.Model) "another list"

          testCase "a sweep takes models by name and as lists"
          <| fun () ->
              let text = minimal + "sweep: { model: [mlp, [{ dense: 5 }, relu, dense]] }\n"

              Expect.equal
                  (runs text [] |> List.map _.Model.Name)
                  [ "mlp"; "[{ dense: { units: 5 } }, relu, { dense: { units: classes } }]" ]
                  "models"

          refused "[relo, dense]" "example.yaml:2:9: error: unknown layer 'relo'"
          refused "[relu, dense: 5.5]" "error: 'model.dense.units' is '5.5': expected a whole number"
          refused "[{ dense: clases }]" "did you mean 'classes'?"
          refused "[mlp, cnn]" "'mlp' is a model: to try several models, list them for 'model' under 'sweep'"
          refused "relu" "'relu' is a layer: a model of layers is a list, as in [relu, dense]"
          refused "[]" "'model' is a list"
          refused "[{ residual: [relo] }, dense]" "example.yaml:2:22: error: unknown layer 'relo'"
          refused "[{ residual: [{ residual: [{ conv: { chanels: 3 } }] }] }, dense]" "has no parameter 'chanels'"
          refused "[{ residual: [] }, dense]" "'residual' has no layers in it"
          refused "[{ residual: relu }, dense]" "expected a list of layers"
          refused "[{ residual: { layers: 3 } }, dense]" "expected a list of layers"
          refused
              ("[{ residual: [" + String.replicate 500 "relu, relu, " + "relu] }, dense]")
              "a model of 1003 layers, more than 1000"
          refused
              (String.replicate 9 "[{ residual: " + "[relu]" + String.replicate 9 "}]" + "")
              "layers inside of layers, deeper than 8 lists"
          refused ("[" + String.replicate 1000 "relu, " + "dense]") "a model of 1001 layers, more than 1000"
          refused "[{ conv: { chanels: 3 } }, dense]" "the layer 'conv' has no parameter 'chanels'" ]

let private fit =
    testList
        "fitting the images"
        [ refused "[{ max-pool: 9 }, dense]" "example.yaml:2:9: error: the list of layers does not fit"
          refused "[relu, { max-pool: 9 }, dense]" "layer 2 (max-pool 9) does not fit: its input is only 8×8 pixels"
          refused "[{ avg-pool: 4 }, { avg-pool: 3 }, dense]" "layer 2 (avg-pool 3) does not fit"
          refused "[{ dense: 9 }]" "the last layer gives 9 values, but there are 10 classes"
          refused "[relu]" "no layer has weights"
          refused "[layer-norm, { avg-pool: 8 }]" "no layer has weights"
          refused "[{ conv: 12 }, { group-norm: 8 }, dense]" "layer 2 (group-norm) does not fit: 12 channels make no 8"
          refused "[{ dense: 8 }, group-norm, dense]" "layer 2 (group-norm) does not fit: it would bring single values"
          refused "[{ residual: [conv] }, dense]" "layer 1 (residual) does not fit: its layers make 16×6×6 of 1×8×8"
          refused "[relu, { residual: [relu, { max-pool: 9 }] }, dense]" "layer 2.2 (max-pool 9) does not fit"
          refused "[{ conv: { channels: 65536, padding: 1024 } }, dense]" "layer 1 (convolution) gives"
          refused "[{ dense: 1048576 }, { dense: 1048576 }, dense]" "more than 1073741824 parameters" ]

let private logits model images =
    let run = run model

    match Architecture.create run.Dataset.Value.Shape 10 run.Model.Value with
    | Error reason -> failtest reason
    | Ok architecture ->
        let row = torch.tensor (Initial.row architecture 3L 0)
        Forward.logits architecture (Forward.blocks architecture row) images

let private images () =
    let pixels = Array.zeroCreate<float32>(5 * 64)
    (Random.shared 5L Purpose.Attack).FillGaussian pixels
    torch.tensor(pixels).view(5L, 1L, 8L, 8L)

let private forward =
    let same name one other =
        testCase name
        <| fun () ->
            use _ = torch.NewDisposeScope()
            let images = images ()
            let one, other = logits one images, logits other images
            Expect.equal one.shape [| 5L; 10L |] "one logit a class"
            Expect.isTrue (one.allclose (other, rtol = 1e-4, atol = 1e-5)) "logits"

    testList
        "computing"
        [ same "flatten before dense changes nothing" "[conv, relu, dense]" "[conv, relu, flatten, dense]"
          same
              "after flatten, a convolution with a 1×1 kernel is dense"
              "[flatten, { conv: { channels: 10, kernel: 1 } }]"
              "[{ dense: 10 }]"
          same "a pool of one pixel changes nothing" "[{ avg-pool: 1 }, dense]" "[{ max-pool: 1 }, dense]"

          testCase "tanh, sigmoid and avg-pool are what they say"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let images = images ()
              let close (one: torch.Tensor) (other: torch.Tensor) name = Expect.isTrue (one.allclose other) name
              // The dense layer has the same weights on both sides.
              close (logits "[tanh, dense]" images) (logits "[dense]" (images.tanh ())) "tanh"
              close (logits "[sigmoid, dense]" images) (logits "[dense]" (images.sigmoid ())) "sigmoid"

              let pooled = images.view(5L, 1L, 4L, 2L, 4L, 2L).mean [| 3L; 5L |]
              let constant = torch.nn.functional.interpolate (pooled, scale_factor = [| 2.0; 2.0 |])
              close (logits "[avg-pool, dense]" images) (logits "[max-pool, dense]" constant) "avg-pool" ]

[<Tests>]
let tests = testList "layers" [ language; fit; forward ]
