/// What becomes of gradients before a step: momentum, weight decay, clipping, local steps and the rate.
module UbarFs.Tests.DirectionTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Testing.Generators
open UbarFs.Tests.Runs

/// One node by itself: nobody sends anything, and R is its own estimate.
let private alone change =
    let run =
        { digits with
            Network.Benign = 1
            Network.ByzantineRatio = 0.0
            Rule = choose "average" Catalogue.rules }

    experiment
        { run with
            Training = change { run.Training with Length = Duration.Iterations 24 } }

let private numbers (tensor: torch.Tensor) = tensor.to_type(torch.float64).contiguous().data<float>().ToArray()

let rec private after count experiment state =
    if count = 0 then
        state
    else
        after (count - 1) experiment (Simulation.iterate experiment state).State

let private gradientAt (experiment: Experiment) step (x: float[]) =
    use row = torch.tensor(x, dtype = torch.float32).unsqueeze 0L
    let batches = Passes.batches experiment step [| 0 |]
    numbers ((snd (Passes.gradients experiment [| 0 |] batches row))[0L])

/// The training of one node as PyTorch's users write it: clip_grad_norm_, then SGD with weight decay and momentum, then the
/// scheduler.
let private plainLoop (experiment: Experiment) (rate: int -> float) steps =
    let plan = experiment.Run.Training
    let mutable x = numbers (Simulation.start experiment).Estimates[0L]
    let mutable m = Array.map (fun _ -> 0.0) x

    for k in 0 .. steps - 1 do
        let raw = gradientAt experiment (int64 k) x

        let clipped =
            match plan.GradientClip with
            | None -> raw
            | Some most ->
                let norm = raw |> Array.sumBy (fun value -> value * value) |> sqrt
                let factor = min 1.0 (most / (norm + 1e-6))
                raw |> Array.map (fun value -> factor * value)

        let decayed = Array.map2 (fun value x -> value + plan.WeightDecay * x) clipped x

        let direction =
            match plan.Momentum with
            | None -> decayed
            | Some { Beta = beta; Form = MomentumForm.HeavyBall } ->
                m <-
                    (if k = 0 then
                         decayed
                     else
                         Array.map2 (fun m value -> beta * m + value) m decayed)

                m
            | Some { Beta = beta; Form = MomentumForm.Averaged } ->
                m <- Array.map2 (fun m value -> beta * m + (1.0 - beta) * value) m decayed
                m

        x <- Array.map2 (fun x value -> x - rate k * value) x direction

    x

let private heavyBall = Some { Beta = 0.9; Form = MomentumForm.HeavyBall }
let private averaged = Some { Beta = 0.8; Form = MomentumForm.Averaged }

let private close message (one: float[]) (other: float[]) =
    let difference = Array.map2 (fun one other -> abs (one - other)) one other |> Array.max
    let moved = one |> Array.map abs |> Array.max
    Expect.isLessThan (difference / moved) 2e-5 message

let private asInPyTorch =
    let plans: (string * (TrainingPlan -> TrainingPlan)) list =
        [ "momentum", (fun plan -> { plan with Momentum = heavyBall })
          "averaged momentum", (fun plan -> { plan with Momentum = averaged })
          "weight decay", (fun plan -> { plan with WeightDecay = 0.05 })
          "a clipped gradient", (fun plan -> { plan with GradientClip = Some 0.5 })
          "a gradient that is short enough", (fun plan -> { plan with GradientClip = Some 1e6 })
          "all of them", (fun plan -> { plan with Momentum = heavyBall; WeightDecay = 0.01; GradientClip = Some 0.3 }) ]

    [ for name, change in plans ->
          testCase $"{name} is that of a plain loop"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let experiment = alone change
              let plain = plainLoop experiment (fun _ -> 0.1) 12
              let state = after 12 experiment (Simulation.start experiment)
              close name plain (numbers state.Estimates[0L])

              // Otherwise the law would hold of a program that does nothing.
              if name <> "a gradient that is short enough" then
                  let without = after 12 (alone id) (Simulation.start (alone id))
                  Expect.notEqual (numbers without.Estimates[0L]) (numbers state.Estimates[0L]) "it changes something" ]

let private rates =
    let schedule: Schedule = { PerEpoch = 5; LocalSteps = 1; Iterations = 40; Every = 5; Warmup = 0 }
    let at decay schedule k = Schedule.rate schedule { Initial = 0.2; Decay = decay } k

    let decays: (string * Decay * (int -> float)) list =
        [ "none", Decay.None, (fun _ -> 0.2)
          "fading", Decay.Fading 20.0, (fun k -> 0.2 * 20.0 / (20.0 + float (k / 5)))
          "inverse-root", Decay.InverseRoot, (fun k -> 0.2 / sqrt (float (k + 1)))
          "steps",
          Decay.Steps([ 2L; 4L ], 0.1),
          (fun k ->
              if k < 10 then 0.2
              elif k < 20 then 0.02
              else 0.002)
          "cosine", Decay.Cosine, (fun k -> 0.1 * (1.0 + cos (Math.PI * float k / 40.0))) ]

    [ for name, decay, expected in decays do
          testCase $"the rate with the decay {name}"
          <| fun () ->
              for k in 0..39 do
                  Expect.floatClose Accuracy.veryHigh (at decay schedule k) (expected k) $"iteration {k}"

          testCase $"a warmup before the decay {name} rises evenly, and the decay counts from its end"
          <| fun () ->
              let warm = { schedule with Warmup = 8; Iterations = 48 }

              for k in 0..7 do
                  Expect.floatClose Accuracy.veryHigh (at decay warm k) (0.2 * float (k + 1) / 8.0) $"iteration {k}"

              for k in 8..47 do
                  Expect.floatClose Accuracy.veryHigh (at decay warm k) (expected (k - 8)) $"iteration {k}"

      testCase "a run steps at the rate of its schedule"
      <| fun () ->
          use _ = torch.NewDisposeScope()

          let experiment =
              alone (fun plan ->
                  { plan with
                      Rate = { Initial = 0.1; Decay = Decay.Cosine }
                      Warmup = Some(Duration.Iterations 4) })

          let rate k = Schedule.rate experiment.Schedule experiment.Run.Training.Rate k
          let state = after 12 experiment (Simulation.start experiment)
          close "cosine" (plainLoop experiment rate 12) (numbers state.Estimates[0L]) ]

let private local =
    [ testProperty "local steps without an exchange are as many iterations"
      <| Prop.forAll (Arb.fromGen (Gen.elements [ 2; 3; 4; 6 ])) (fun steps ->
          use _ = torch.NewDisposeScope()

          let reached steps =
              let experiment =
                  alone (fun plan -> { plan with Momentum = heavyBall; WeightDecay = 0.01; LocalSteps = steps })

              let state = after (12 / steps) experiment (Simulation.start experiment)
              numbers state.Estimates[0L], numbers state.Directions.Value[0L]

          let together, apart = reached steps, reached 1
          close "estimates" (fst together) (fst apart)
          close "directions" (snd together) (snd apart))

      testCase "an epoch has as many steps, however many are in an iteration"
      <| fun () ->
          let schedule steps =
              Schedule.create { digits with Training.LocalSteps = steps; Training.Length = Duration.Epochs 3 }

          let one = schedule 1
          Expect.equal one.Iterations 33 "1,438 images over 8 nodes: 11 batches each"
          Expect.equal (schedule 3).Iterations 11 "a third of the iterations"
          Expect.equal (schedule 4).Iterations 9 "the last is done whole"
          Expect.equal (Schedule.epoch (schedule 4) 3) 1 "step 12 is in the second epoch"
          Expect.floatClose Accuracy.veryHigh (Schedule.epochs (schedule 3) 11) 3.0 "epochs" ]

let private bits (tensor: torch.Tensor) = numbers tensor |> Array.map BitConverter.DoubleToInt64Bits

let private withMomentum =
    { digits with
        Training.Momentum = heavyBall
        Training.LocalSteps = 2
        Training.GradientClip = Some 1.0
        Training.Length = Duration.Iterations 8
        Attacks = [ choose "alie" Catalogue.attacks ] }

let private states =
    [ testCase "a run that goes on from a checkpoint has the same bits"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let folder = Directory.CreateTempSubdirectory "ubarfs-direction-"

          try
              let experiment = experiment withMomentum
              let halfway = after 3 experiment (Simulation.start experiment)

              Checkpoint.save
                  folder.FullName
                  "some run"
                  { Midway =
                      { State = halfway
                        Selections = lazy Selections.none experiment.Run.Rule.Value.Stages
                        Times = PhaseTimes.Zero
                        Elapsed = 0.0 }
                    CpuSeconds = 0.0 }

              let through = after 3 experiment halfway

              match Checkpoint.latest (failtestf "%s") folder.FullName "some run" experiment with
              | None -> failtest "there is no checkpoint"
              | Some checkpoint ->
                  let resumed = after 3 experiment checkpoint.Midway.State
                  Expect.equal (bits resumed.Estimates) (bits through.Estimates) "estimates"
                  Expect.equal (bits resumed.Directions.Value) (bits through.Directions.Value) "directions"
          finally
              folder.Delete true

      testCase "a direction that is not finite starts anew"
      <| fun () ->
          use _ = torch.NewDisposeScope()

          let experiment =
              experiment
                  { withMomentum with
                      Attacks = [ choose "none" Catalogue.attacks ]
                      Training.LocalSteps = 1 }

          let start = after 2 experiment (Simulation.start experiment)
          start.Estimates[0L].fill_(nan.ToScalar()) |> ignore
          let next = after 1 experiment start
          Expect.isTrue (Estimate.isFinite next.Estimates) "the estimate recovers"
          Expect.equal (Native.read (next.Directions.Value[0L].abs().max())) 0.0 "nothing is remembered"
          let later = after 2 experiment next
          Expect.isTrue (Estimate.isFinite later.Estimates) "and stays so"
          Expect.isGreaterThan (Native.read (later.Directions.Value[0L].abs().max())) 0.0 "it remembers again"

      testCase "without momentum nothing is remembered"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let experiment = experiment digits
          Expect.isNone (after 1 experiment (Simulation.start experiment)).Directions "directions"

      testCase "normal starts differ from node to node and have the deviation asked for"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let experiment = experiment { digits with Training.Start = Start.Normal 0.5 }
          let rows = (Simulation.start experiment).Estimates
          let values = numbers rows
          let deviation = sqrt (values |> Array.averageBy (fun value -> value * value))
          Expect.isLessThan (abs (deviation - 0.5)) 0.02 "deviation"
          Expect.notEqual (numbers rows[0L]) (numbers rows[1L]) "nodes 0 and 1" ]

[<Tests>]
let tests =
    testList
        "directions"
        [ testList "as in PyTorch" asInPyTorch
          testList "rates" rates
          testList "local steps" local
          testList "states" states ]
