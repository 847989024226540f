/// What a GPU computes, many models and nodes at once, tried on the CPU against what the CPU computes.
module UbarFs.Tests.OnDeviceTests

open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Kernels.Estimates
open UbarFs.Scenario
open UbarFs.Testing.Generators
open UbarFs.Tests.Runs

/// Computes something as on a device.
let private onDevice compute =
    RowKernels.AsOnDevice <- true

    try
        compute ()
    finally
        RowKernels.AsOnDevice <- false

let private close (one: torch.Tensor) (other: torch.Tensor) =
    one.allclose (other, rtol = 1e-5, atol = 1e-6, equal_nan = true)

let private random (shape: int64 list) : torch.Tensor =
    let numbers = Array.zeroCreate<float32>(int (List.fold (*) 1L shape))
    (Random.shared 7L Purpose.Attack).FillGaussian numbers
    torch.tensor(numbers).view(Array.ofList shape)

let private layers: FsCheck.Gen<Layer list> =
    Gen.elements
        [ [ Layer.Dense 4 ]
          [ Layer.Dense 7; Layer.Tanh; Layer.Dense 4 ]
          [ Layer.Convolution(3, 3, 1); Layer.Relu; Layer.MaxPool 2; Layer.Dense 4 ]
          [ Layer.Convolution(2, 2, 0)
            Layer.AveragePool 2
            Layer.Sigmoid
            Layer.Flatten
            Layer.Dense 4 ]
          [ Layer.Dense 6; Layer.Convolution(4, 1, 0) ] ]

let private models =
    testList
        "models"
        [ for loss in [ Loss.CrossEntropy; Loss.Hinge ] do
              testProperty $"many models at once have the {loss} losses and gradients that each has alone"
              <| forAll (Gen.zip layers (Gen.choose (1, 4))) (fun (layers, models) ->
                  use _ = torch.NewDisposeScope()
                  let shape = { Channels = 2; Height = 6; Width = 5 }

                  match Architecture.create shape 4 { Layers = fun _ -> layers } with
                  | Error reason -> failtest reason
                  | Ok architecture ->
                      let rows = random [ int64 models; int64 architecture.Dimension ]
                      let images = random [ int64 models; 3L; 2L; 6L; 5L ]
                      let labels = [| for image in 0 .. 3 * models - 1 -> int64 (image % 4) |]
                      let labels = (torch.tensor labels).view(int64 models, 3L)
                      let losses, gradients = Batched.gradients loss architecture rows images labels

                      let alone model : float * torch.Tensor =
                          let batch: Batch = { Images = images[int64 model]; Labels = labels[int64 model] }
                          let gradient = torch.zeros_like rows[int64 model]
                          Objective.gradient loss architecture batch rows[int64 model] gradient, gradient

                      let expected, slopes = Array.init models alone |> Array.unzip
                      let expected = torch.tensor(expected).to_type torch.float32
                      close losses expected && close gradients (torch.stack slopes)) ]

// Rows in lists of every length; some are equal, and some are not finite.
let private pools =
    gen {
        let! rows = Gen.choose (1, 9)
        let value = Gen.elements [ -2.5; -1.0; 0.0; 0.5; 1.0; 3.0; 1e20 ]
        let! values = Gen.arrayOfLength (rows * 5) value
        let list = Gen.nonEmptyListOf (Gen.choose (0, rows - 1)) |> Gen.map (List.distinct >> Array.ofList)
        let! lists = Gen.nonEmptyListOf list |> Gen.map Array.ofList
        let! numbers = Gen.arrayOfLength lists.Length (Gen.choose (0, 8))
        return rows, values, lists, numbers
    }

let private pool rows (values: float[]) = (torch.tensor values).view(int64 rows, 5L).to_type torch.float32

let private kernels =
    let same name (compute: torch.Tensor -> int[][] -> int[] -> torch.Tensor) =
        testProperty name
        <| forAll pools (fun (rows, values, lists, numbers) ->
            use _ = torch.NewDisposeScope()
            let pool = pool rows values
            let onDevice = onDevice (fun () -> compute pool lists numbers)
            close onDevice (compute pool lists numbers))

    testList
        "kernels"
        [ same "means" (fun pool lists _ -> RowMeans.Of(pool, lists))
          same "means of lists with rows that are not finite" (fun pool lists _ ->
              let hostile = pool.clone ()
              hostile[0L] <- torch.tensor nanf
              RowMeans.Of(hostile, lists))
          same "medians" (fun pool lists _ -> TrimmedMeans.Medians(pool, lists))
          same "trimmed means" (fun pool lists numbers ->
              let trims = Array.map2 (fun (list: int[]) number -> min number ((list.Length - 1) / 2)) lists numbers

              let extra =
                  Array.map2 (fun (list: int[]) number -> if number % 2 = 0 then list[0] else -1) lists numbers

              TrimmedMeans.Of(pool, lists, trims, extra))
          same "means around the median" (fun pool lists numbers ->
              MeansAroundMedian.Of(pool, lists, numbers |> Array.map (max 1)))
          same "squared distances" (fun pool lists _ ->
              let rows = int pool.shape[0]
              let squares = SquaredDistances.Of(pool, RowPairs.Among(rows, lists))
              let pairs = lists |> Array.collect (fun list -> Array.allPairs list list)
              torch.tensor (pairs |> Array.map (fun (one, other) -> squares[one, other])))
          same "updates" (fun pool lists numbers ->
              let rows = int pool.shape[0]
              let nodes = Array.distinct lists[0]
              let alphas = nodes |> Array.mapi (fun place _ -> float (numbers[0] + place) / 10.0)
              let aggregates = Estimate.rows nodes pool
              let hostile = pool.clone ()
              hostile[int64 (rows - 1), 0L] <- torch.tensor nanf
              Updates.Of(hostile, aggregates, pool.abs (), nodes, alphas, 0.25)) ]

let private final run =
    use _ = torch.NewDisposeScope()
    let experiment = experiment run
    let step state _ = (Simulation.iterate experiment state).State
    let state = List.fold step (Simulation.start experiment) [ 1..8 ]
    state.Estimates.data<float32>().ToArray(), Simulation.evaluate experiment state.Estimates

let private runs =
    testList
        "runs"
        [ for rule in [ "average"; "dkrum"; "dmedian"; "dbulyan"; "bridge"; "ubar"; "fltrust" ] do
              testCase $"{rule} learns the same"
              <| fun () ->
                  let run =
                      { digits with
                          Rule = choose rule Catalogue.rules
                          Attacks = [ choose "bit-flip" Catalogue.attacks ]
                          TestImages = Some 200 }

                  let (expected, accuracies), (estimates, others) = final run, onDevice (fun () -> final run)

                  for parameter in 0 .. expected.Length - 1 do
                      Expect.floatClose
                          { absolute = 1e-4; relative = 1e-4 }
                          (float estimates[parameter])
                          (float expected[parameter])
                          $"parameter {parameter}"

                  for one, other in Array.zip accuracies others do
                      Expect.isLessThanOrEqual (abs (one - other)) 0.01 "an image or two near a boundary" ]

let tests = testSequenced <| testList "as on a device" [ models; kernels; runs ]
