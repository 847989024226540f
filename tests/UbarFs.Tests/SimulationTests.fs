module UbarFs.Tests.SimulationTests

open System
open System.Threading
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Testing.Generators
open UbarFs.Tests.Runs

let private values (tensor: torch.Tensor) = tensor.data<float32>().ToArray()

let private after iterations experiment =
    let mutable state = Simulation.start experiment

    for _ in 1..iterations do
        state <- (Simulation.iterate experiment state).State

    state

let private withRule rule run = { run with Run.Rule = { run.Rule with Value = rule } }

let private withAttack behaviour (run: Run) =
    { run with
        Attacks = [ { run.Attacks.Head with Value = Attack.Present behaviour } ] }

/// A rule that keeps the own estimate and shows every view to a spectator, one after the other.
let private spectating (spectate: View -> unit) =
    let gate = obj ()

    Rule.aggregating 0.5 (fun view ->
        lock gate (fun () -> spectate view)
        Aggregate.ofEstimate (view.Own.clone ()))

let private filled (value: float32) (like: torch.Tensor) =
    Native.number (float value) (fun value -> torch.full_like (like, value))

let private sending send = Attack.by (Strategy.OwnState(Adversary.sending (fun () state -> send state)))

let private poisoned value = sending (fun state -> Sent.Everyone(filled value state.Estimate))

let private equation =
    testCase "one iteration is equation 2, node by node"
    <| fun () ->
        use _ = torch.NewDisposeScope()

        let run =
            { digits with
                Rule = choose "average" Catalogue.rules
                Network.ByzantineRatio = 0.0 }

        let experiment = experiment { run with Training.Start = Start.Own }
        let state = Simulation.start experiment
        let next = (Simulation.iterate experiment state).State

        for node in 0..5 do
            let gradient = torch.zeros_like state.Estimates[int64 node]
            let batch = Experiment.batch experiment 0L node

            Objective.gradient Loss.CrossEntropy experiment.Architecture batch state.Estimates[int64 node] gradient
            |> ignore

            let own, slope = values state.Estimates[int64 node], values gradient
            let neighbours = experiment.Network.Neighbours[node]
            let received = neighbours |> Array.map (fun neighbour -> values state.Estimates[int64 neighbour])

            let expected coordinate =
                let sum = received |> Array.sumBy (fun estimate -> float estimate[coordinate])
                let share = 1.0 / float (neighbours.Length + 1)
                share * (float own[coordinate] + sum) - 0.1 * float slope[coordinate]

            let result = values next.Estimates[int64 node]

            for coordinate in 0 .. result.Length - 1 do
                Expect.floatClose
                    { absolute = 1e-6; relative = 1e-5 }
                    (float result[coordinate])
                    (expected coordinate)
                    $"node {node}, coordinate {coordinate}"

let private reproducible =
    testList
        "reproducibility"
        [ testCase "the same run gives the same estimates to the bit"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let run = { digits with Attacks = [ choose "gaussian" Catalogue.attacks ] }
              let once, again = after 6 (experiment run), after 6 (experiment run)
              Expect.equal (values again.Estimates) (values once.Estimates) "x_6"

          testCase "an iteration depends on nothing but the state it starts from"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let experiment = experiment { digits with Attacks = [ choose "gaussian" Catalogue.attacks ] }
              let middle = after 3 experiment
              let copy = { middle with Estimates = middle.Estimates.clone () }
              let straight = (Simulation.iterate experiment middle).State
              Simulation.iterate experiment (Simulation.start experiment) |> ignore
              let resumed = (Simulation.iterate experiment copy).State
              Expect.equal (values resumed.Estimates) (values straight.Estimates) "x_4"
              Expect.equal (values middle.Estimates) (values copy.Estimates) "x_3 is not changed"

          testCase "another seed gives other estimates"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let one, other = after 1 (experiment digits), after 1 (experiment { digits with Seed = 2L })
              Expect.notEqual (values one.Estimates) (values other.Estimates) "x_1" ]

let private messages =
    testList
        "messages"
        [ testCase "nodes receive the estimates of their neighbours, and minus those of Byzantine ones that flip"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let mutable seen = []

              let bitFlip =
                  { digits with
                      Attacks = [ choose "bit-flip" Catalogue.attacks ]
                      Training.Start = Start.Own }

              let experiment =
                  experiment (
                      bitFlip
                      |> withRule (spectating (fun view -> seen <- (view.Senders, values view.Received) :: seen))
                  )

              let state = Simulation.start experiment
              Simulation.iterate experiment state |> ignore

              let expected node =
                  let neighbours = experiment.Network.Neighbours[node]

                  let sign neighbour =
                      if experiment.Network.Byzantine[neighbour] then
                          -1.0f
                      else
                          1.0f

                  let sent neighbour =
                      values state.Estimates[int64 neighbour] |> Array.map (fun value -> sign neighbour * value)

                  neighbours, Array.collect sent neighbours

              Expect.equal (List.sort seen) (List.sort (List.init 8 expected)) "all views"
              let byzantineNeighbours = List.init 8 (Network.byzantineNeighbours experiment.Network)
              Expect.isGreaterThan (List.sum byzantineNeighbours) 0 "someone is lied to"

          testCase "silent nodes are not heard"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let mutable heard = Set.empty
              let spectator = spectating (fun view -> heard <- Set.union heard (Set.ofArray view.Senders))
              let silent = sending (fun _ -> Sent.Nothing)
              after 1 (experiment (digits |> withRule spectator |> withAttack silent)) |> ignore
              Expect.equal heard (Set.ofList [ 0..5 ]) "benign nodes only"

          testCase "a vector for each receiver reaches it"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let mutable seen = []

              let personal =
                  sending (fun state -> Sent.Each(fun receiver -> filled (float32 receiver) state.Estimate))

              let network = (experiment digits).Network

              let lies (senders: int[]) lie =
                  senders
                  |> Array.filter (Array.get network.Byzantine)
                  |> Array.map (fun sender -> sender, lie sender)

              // Nodes take their steps side by side, so that the order in which views come says nothing.
              let spectator (view: View) =
                  let said sender =
                      Array.distinct (values view.Received[int64 (Array.IndexOf(view.Senders, sender))])

                  seen <- (view.Senders, lies view.Senders said) :: seen

              after 1 (experiment (digits |> withRule (spectating spectator) |> withAttack personal)) |> ignore

              let expected receiver =
                  let senders = network.Neighbours[receiver]
                  senders, lies senders (fun _ -> [| float32 receiver |])

              Expect.equal
                  (List.sort seen)
                  (List.sort (List.init 8 expected))
                  "the receiver's number in every coordinate"

          testCase "an attack is not seen before it starts and after it ends"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let behaviour = { poisoned nanf with Active = 1, 2 }
              let mutable lies = []

              let spectator =
                  spectating (fun view ->
                      if Array.exists Single.IsNaN (values view.Received) then
                          lies <- view.Iteration :: lies)

              let experiment = experiment (digits |> withRule spectator |> withAttack behaviour)
              let perEpoch = experiment.Schedule.PerEpoch
              after (3 * perEpoch) experiment |> ignore
              Expect.equal (Set.ofList lies) (Set.ofList [ int64 perEpoch .. int64 (2 * perEpoch - 1) ]) "epoch 1 only" ]

let private absent =
    testCase "leaving Byzantine nodes out leaves the others their data, their edges and their batches"
    <| fun () ->
        let attacked = experiment { digits with Attacks = [ choose "bit-flip" Catalogue.attacks ] }
        let baseline = experiment { digits with Attacks = [ choose "absent" Catalogue.attacks ] }
        Expect.equal baseline.Shares attacked.Shares "shares"
        Expect.equal baseline.Network (Network.withoutByzantine attacked.Network) "edges"
        Expect.equal baseline.Participants [| 0..5 |] "benign nodes"

let private hostile =
    testList
        "hostile values"
        [ for value in [ nanf; infinityf; -infinityf ] ->
              testCase $"neighbours that send {value} do not stop UBAR from learning"
              <| fun () ->
                  use _ = torch.NewDisposeScope()
                  let experiment = experiment (digits |> withAttack (poisoned value))
                  let tested = Simulation.evaluate experiment (after 20 experiment).Estimates
                  Expect.isGreaterThan (tested |> Array.map _.Accuracy |> Array.min) 0.5 "worst accuracy" ]

let private evaluation =
    testProperty "a number of test images is spread evenly over all chunks"
    <| forAll (Gen.zip (Gen.nonEmptyListOf (Gen.choose (1, 7))) (Gen.choose (1, 40))) (fun (sizes, count) ->
        use _ = torch.NewDisposeScope()
        let starts = sizes |> List.scan (+) 0

        let chunk start size : Batch =
            let numbers = torch.tensor [| int64 start .. int64 (start + size) - 1L |]

            { Images = numbers.view (int64 size, 1L, 1L, 1L)
              Labels = numbers
              Draws = None }

        let selected = Samples.spread count (List.map2 chunk (List.take sizes.Length starts) sizes)
        let labels = selected |> List.collect (fun chunk -> List.ofSeq (chunk.Labels.data<int64>()))
        let images = selected |> List.collect (fun chunk -> List.ofSeq (chunk.Images.data<int64>()))
        let total = List.last starts
        let gaps = labels |> List.pairwise |> List.map (fun (one, next) -> next - one)

        images = labels
        && labels.Length = min count total
        && labels.Head = 0L
        && (gaps.IsEmpty || List.max gaps - List.min gaps <= 1L))

let private training =
    testList
        "loop"
        [ testCase "iterations leave no tensors behind once what they tell has been read"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let experiment = experiment { digits with Attacks = [ choose "gaussian" Catalogue.attacks ] }
              let mutable counts = []

              let observer =
                  { Iterated = ignore
                    Evaluated = ignore
                    Reached =
                      fun _ midway ->
                          midway.Selections.Value |> ignore
                          counts <- torch.Tensor.TotalCount :: counts }

              Training.run observer CancellationToken.None experiment |> ignore
              Expect.hasLength counts experiment.Schedule.Iterations "every iteration is told"
              Expect.hasLength (List.distinct counts) 1 "as many live tensors after each"

          testCase "a cancelled run stops after the iteration at hand"
          <| fun () ->
              use source = new CancellationTokenSource()
              let mutable iterations = 0

              let observer =
                  { Iterated =
                      fun iteration ->
                          iterations <- iteration

                          if iteration = 4 then
                              source.Cancel()
                    Evaluated = ignore
                    Reached = fun _ _ -> () }

              match Training.run observer source.Token (experiment digits) with
              | Ending.Interrupted -> Expect.equal iterations 4 "no fifth iteration"
              | Ending.Finished _ -> failtest "it was cancelled"

          testCase "a network that diverges is evaluated like any other"
          <| fun () ->
              let run =
                  { digits with
                      Model = choose "mlp" Catalogue.models
                      Training.Rate = { Initial = 1e30; Decay = Decay.None } }

              match
                  Training.run
                      { Iterated = ignore; Evaluated = ignore; Reached = fun _ _ -> () }
                      CancellationToken.None
                      (experiment run)
              with
              | Ending.Finished evaluation -> Expect.isLessThan evaluation.Best 0.5 "it has learnt nothing"
              | Ending.Interrupted -> failtest "nobody cancelled it" ]

[<Tests>]
let tests =
    testSequenced
    <| testList "simulation" [ equation; reproducible; messages; absent; hostile; evaluation; training ]
