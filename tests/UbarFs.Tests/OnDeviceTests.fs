/// What a GPU computes, many models and nodes at once, tried on the CPU against what the CPU computes.
module UbarFs.Tests.OnDeviceTests

open System.Threading
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Kernels
open UbarFs.Kernels.Estimates
open UbarFs.Scenario
open UbarFs.Testing.Generators
open UbarFs.Tests.Runs

/// The experiment computed as on a device.
let private onDevice (experiment: Experiment) = { experiment with AllAtOnce = true }

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
          [ Layer.Dense 6; Layer.Convolution(4, 1, 0) ]
          [ Layer.StridedConvolution(4, 3, 1, 2, false)
            Layer.GroupNorm 2
            Layer.Dropout 0.3
            Layer.Residual
                [ Layer.StridedConvolution(7, 3, 1, 2, true)
                  Layer.LayerNorm
                  Layer.Relu
                  Layer.Residual [ Layer.Convolution(7, 1, 0); Layer.Dropout 0.5 ] ]
            Layer.GlobalAveragePool
            Layer.LayerNorm
            Layer.Dropout 0.2
            Layer.Dense 6
            Layer.GroupNorm 3
            Layer.Dropout 0.2
            Layer.Residual [ Layer.Dense 6; Layer.LayerNorm ]
            Layer.Dense 4 ] ]

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
                      // Normalisation of a few values can take many digits away.
                      let random sides = (random sides).to_type torch.float64
                      let rows = random [ int64 models; int64 architecture.Dimension ]
                      let images = random [ int64 models; 3L; 2L; 6L; 5L ]
                      let labels = [| for image in 0 .. 3 * models - 1 -> int64 (image % 4) |]
                      let labels = (torch.tensor labels).view(int64 models, 3L)
                      let draws = Array.init models (fun model -> Draws.ofStep 3L model 5L)
                      let losses, gradients = Batched.gradients loss architecture (Some draws) rows images labels

                      let alone model : float * torch.Tensor =
                          let batch: Batch =
                              { Images = images[int64 model]
                                Labels = labels[int64 model]
                                Draws = Some draws[model] }

                          let gradient = torch.zeros_like rows[int64 model]
                          Objective.gradient loss architecture batch rows[int64 model] gradient, gradient

                      let expected, slopes = Array.init models alone |> Array.unzip
                      let expected = torch.tensor expected
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

let private bounded (pool: torch.Tensor) : torch.Tensor = Native.number 3.0 (fun largest -> pool.clamp_max largest)

let private kernels =
    let same name (compute: RowOperations -> torch.Tensor -> int[][] -> int[] -> torch.Tensor) =
        testProperty name
        <| forAll pools (fun (rows, values, lists, numbers) ->
            use _ = torch.NewDisposeScope()
            let pool = pool rows values
            close (compute RowOperations.Device pool lists numbers) (compute RowOperations.Host pool lists numbers))

    testList
        "kernels"
        [ same "means" (fun rows pool lists _ -> rows.Means(pool, lists))
          same "means of lists with rows that are not finite" (fun rows pool lists _ ->
              let hostile = pool.clone ()
              hostile[0L] <- torch.tensor nanf
              rows.Means(hostile, lists))
          same "medians" (fun rows pool lists _ -> rows.Medians(pool, lists))
          same "trimmed means" (fun rows pool lists numbers ->
              let trims = Array.map2 (fun (list: int[]) number -> min number ((list.Length - 1) / 2)) lists numbers

              let extra =
                  Array.map2 (fun (list: int[]) number -> if number % 2 = 0 then list[0] else -1) lists numbers

              rows.TrimmedMeans(pool, lists, trims, extra))
          same "means around the median" (fun rows pool lists numbers ->
              rows.MeansAroundMedian(pool, lists, numbers |> Array.map (max 1)))
          same "squared distances" (fun rows pool lists _ ->
              let squares = rows.Squares(pool, RowPairs.Among(int pool.shape[0], lists))
              let pairs = lists |> Array.collect (fun list -> Array.allPairs list list)
              torch.tensor (pairs |> Array.map (fun (one, other) -> squares[one, other])))
          same "updates" (fun rows pool lists numbers ->
              let nodes = Array.distinct lists[0]
              let alphas = nodes |> Array.mapi (fun place _ -> float (numbers[0] + place) / 10.0)
              let aggregates = Estimate.rows nodes pool
              let hostile = pool.clone ()
              hostile[pool.shape[0] - 1L, 0L] <- torch.tensor nanf
              rows.Update(hostile, aggregates, pool.abs (), nodes, alphas, 0.25))
          same "scalar products" (fun rows pool lists _ ->
              // Products of the largest numbers cancel, and nothing is left but rounding.
              let pool = bounded pool
              let products = rows.Products(pool, RowPairs.AmongAndWithin(int pool.shape[0], lists))
              let pairs = lists |> Array.collect (fun list -> Array.allPairs list list)
              torch.tensor (pairs |> Array.map (fun (one, other) -> products[one, other])))
          same "projections" (fun rows pool lists numbers ->
              let pool = bounded pool
              let row index = (numbers[index] + 7 * index) % int pool.shape[0]

              let orNone index =
                  if numbers[index] % 3 = 0 then
                      TrimmedMeans.Nobody
                  else
                      row index

              let rays =
                  lists |> Array.mapi (fun index _ -> Ray(orNone index, row index, orNone (lists.Length - 1 - index)))

              let seen = rows.Project(pool, lists, rays)
              torch.tensor (Array.append (Array.concat seen.Products) (Array.concat seen.Squares)))
          same "sums of signs" (fun rows pool lists numbers ->
              rows.SignSums(pool, numbers |> Array.map (fun number -> number % int pool.shape[0]), lists))
          same "distances" (fun rows pool lists numbers ->
              let own = numbers |> Array.map (fun number -> number % int pool.shape[0])
              rows.Distances(pool, own, PaddedLists(lists, pool.device)))
          same "means of what is kept" (fun rows pool lists numbers ->
              let own = numbers |> Array.map (fun number -> number % int pool.shape[0])
              let received = PaddedLists(lists, pool.device)
              let isKept = received.Ranks.expand_as(received.Rows).less(torch.tensor(numbers).view(-1L, 1L))
              rows.KeptMeans(pool, own, received, isKept &&& received.IsListed)) ]

let private final run lay =
    use _ = torch.NewDisposeScope()
    let experiment: Experiment = lay (experiment run)
    let step state _ = (Simulation.iterate experiment state).State
    let state = List.fold step (Simulation.start experiment) [ 1..8 ]
    state.Estimates.data<float32>().ToArray(), Simulation.evaluate experiment state.Estimates

let private runs =
    testList
        "runs"
        [ let walking =
              { digits with
                  Holders = DataHolders.Benign
                  Training.Momentum = Some { Beta = 0.9; Form = MomentumForm.HeavyBall }
                  Training.WeightDecay = 0.01
                  Training.GradientClip = Some 1.0
                  Training.LocalSteps = 2 }

          for rule, name, run in
              [ for rule in rulesOfNodes |> List.map _.Name -> rule, rule, digits
                for rule in [ "ubar"; "centered-clipping" ] -> rule, $"{rule} with momentum and local steps", walking ] do
              testCase $"{name} learns the same"
              <| fun () ->
                  let run =
                      { run with
                          Rule = choose rule Catalogue.rules
                          Attacks = [ choose "bit-flip" Catalogue.attacks ]
                          TestImages = Some 200 }

                  let (expected, tested), (estimates, others) = final run id, final run onDevice

                  for parameter in 0 .. expected.Length - 1 do
                      Expect.floatClose
                          { absolute = 1e-4; relative = 1e-4 }
                          (float estimates[parameter])
                          (float expected[parameter])
                          $"parameter {parameter}"

                  for one, other in Array.zip tested others do
                      Expect.isLessThanOrEqual
                          (abs (one.Accuracy - other.Accuracy))
                          0.01
                          "an image or two near a boundary"

                      Expect.floatClose { absolute = 1e-4; relative = 1e-3 } one.Loss other.Loss "test loss" ]

let private under rule attack =
    { digits with
        Rule = choose rule Catalogue.rules
        Attacks = [ choose attack Catalogue.attacks ] }

/// How often an iteration of each rule for all nodes reads from the device.
let private expectedReads =
    [ "average", 0L
      "dmedian", 0L
      "bridge", 0L
      "slsgd", 0L
      "ubar", 0L
      "dkrum", 1L
      "multi-krum", 1L
      "dbulyan", 1L
      "rd-svm", 1L
      "zeno", 1L ]

let private iterations =
    testList
        "an iteration"
        [ for rule, reads in expectedReads do
              for attack in [ "none"; "gaussian"; "bit-flip"; "label-flip"; "stale"; "silent" ] do
                  testCase $"of {rule} under {attack} reads so often: {reads}"
                  <| fun () ->
                      use _ = torch.NewDisposeScope()
                      let experiment = onDevice (experiment (under rule attack))
                      let state = (Simulation.iterate experiment (Simulation.start experiment)).State
                      let before = Transfers.Reads
                      Simulation.iterate experiment state |> ignore
                      Expect.equal (Transfers.Reads - before) reads "reads"

                  // Tensors on this device have shapes but no numbers: whatever reads one fails.
                  if reads = 0L then
                      testCase $"of {rule} under {attack} needs no number"
                      <| fun () ->
                          use _ = torch.NewDisposeScope()
                          let experiment = experiment (under rule attack)
                          let samples = experiment.Samples
                          let images = samples.Images.``to`` (torch.META, copy = true)
                          let experiment = onDevice { experiment with Samples = { samples with Images = images } }
                          let state = (Simulation.iterate experiment (Simulation.start experiment)).State
                          Expect.equal state.Estimates.device_type DeviceType.META "still there" ]

/// The evaluations of a run, and how often something was read by the end of each iteration and of each evaluation.
let private evaluated lay reached run =
    let mutable evaluations: Evaluation list = []
    let mutable reads = []
    let count kind = reads <- (kind, Transfers.Reads) :: reads

    let observer =
        { Iterated = fun _ -> count "iteration"
          Evaluated =
            fun evaluation ->
                evaluations <- evaluation :: evaluations
                count "evaluation"
          Reached = fun _ midway -> reached midway }

    Training.run observer CancellationToken.None (lay (experiment run)) |> ignore
    List.rev evaluations, List.rev reads

let private told (evaluation: Evaluation) = evaluation.Iterations, evaluation.Selections, evaluation.Diverged

let private training =
    testList
        "training"
        [ testCase "reads when it evaluates, and at no other time"
          <| fun () ->
              let _, reads = evaluated onDevice ignore (under "ubar" "bit-flip")

              for (_, before), (kind, after) in List.pairwise reads do
                  if kind = "iteration" then
                      Expect.equal after before "nothing is read"
                  else
                      Expect.isGreaterThan after before "something is read"

          for attack in [ "none"; "bit-flip"; "nan" ] do
              testCase $"tells the same of ubar under {attack}"
              <| fun () ->
                  let run = { under "ubar" attack with Training.LastBatch = LastBatch.Keep }
                  let expected, _ = evaluated id ignore run
                  let evaluations, _ = evaluated onDevice ignore run
                  Expect.equal (List.map told evaluations) (List.map told expected) "selections"

                  for one, other in List.zip evaluations expected do
                      Expect.floatClose
                          { absolute = 1e-4; relative = 1e-3 }
                          one.ConsensusError
                          other.ConsensusError
                          "consensus error"

                      for one, other in Array.zip one.Losses other.Losses do
                          Expect.floatClose { absolute = 1e-4; relative = 1e-4 } one other "loss"

          testCase "leaves no more unread than it must, and counts what was read in between once"
          <| fun () ->
              let run =
                  { under "ubar" "bit-flip" with
                      Training.Length = Duration.Iterations 300
                      Every = Duration.Iterations 300 }

              let expected, _ = evaluated onDevice ignore run

              let checkpointed (midway: Midway) =
                  if midway.State.Iteration % 70 = 0 then
                      Expect.equal midway.Selections.Value.Count (6L * int64 midway.State.Iteration) "all so far"

              let evaluations, _ = evaluated onDevice checkpointed run
              Expect.equal (List.map told evaluations) (List.map told expected) "either way"

          testCase "leaves no tensors behind"
          <| fun () ->
              let mutable counts = []
              use _ = torch.NewDisposeScope()

              let observer =
                  { Iterated = ignore
                    Evaluated = fun _ -> counts <- torch.Tensor.TotalCount :: counts
                    Reached = fun _ _ -> () }

              Training.run observer CancellationToken.None (onDevice (experiment (under "ubar" "gaussian")))
              |> ignore

              Expect.hasLength counts 4 "as many evaluations"
              Expect.hasLength (List.distinct counts) 1 "as many live tensors at each"

          testCase "names the iteration in which a rule for all nodes made NaN"
          <| fun () ->
              let mutable calls = 0

              let rule =
                  Rule.aggregating 0.5 (fun view -> Aggregate.ofEstimate (Estimate.mean view.Received))
                  |> Rule.allAtOnce (fun view ->
                      calls <- calls + 1
                      let own = Estimate.rows view.Own view.Pool
                      NetworkView.withoutStages view (if calls = 4 then own * torch.tensor nanf else own))

              let run = { digits with Rule = { digits.Rule with Name = "mine"; Value = rule } }

              let breach =
                  try
                      evaluated onDevice ignore run |> ignore
                      failtest "nobody noticed"
                  with :? BreachException as breach ->
                      breach

              Expect.equal (breach.Node, breach.Iteration) (None, 4L) "of all nodes"
              Expect.isGreaterThan calls 4 "nobody waited for it" ]

[<Tests>]
let tests =
    // Reads and tensors are counted for the whole process.
    testList
        "as on a device"
        [ models
          kernels
          runs
          testSequenced (testList "counted" [ iterations; training ]) ]
