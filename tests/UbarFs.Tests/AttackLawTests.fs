/// Laws of every attack in the catalogue, and how Byzantine nodes follow attacks in the engine.
module UbarFs.Tests.AttackLawTests

open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Testing
open UbarFs.Testing.Generators
open UbarFs.Testing.Situations

let private word name value = name, Value.Word value

/// Every attack with its defaults, and the ones with other ways, by what to call them.
let private variants =
    [ for attack in Catalogue.attacks do
          if attack.Name <> "absent" then
              attack.Name, attack.Name, [] ]
    @ [ "mhamdi in one coordinate", "mhamdi", [ word "direction" "coordinate"; "coordinate", Value.Whole 1L ]
        "fang on a trimmed mean", "fang", [ word "target" "trimmed-mean" ]
        "fang with partial knowledge", "fang", [ word "knowledge" "partial" ]
        "fang on a trimmed mean with partial knowledge",
        "fang",
        [ word "knowledge" "partial"; word "target" "trimmed-mean" ]
        "sign-flip of the gradient", "sign-flip", [ word "of" "gradient" ]
        "mimic after a short warm-up", "mimic", [ "warmup", Value.Whole 1L ]
        "mimic of neighbours", "mimic", [ word "target" "neighbour" ]
        "nan in some coordinates", "nan", [ "share", Value.Real 0.5 ]
        "stale by two", "stale", [ "age", Value.Whole 2L ]
        "gaussian, shared", "gaussian", [ "shared", Value.Truth true ]
        "gaussian around the mean", "gaussian", [ word "around" "mean" ]
        "gaussian around each neighbourhood's mean",
        "gaussian",
        [ word "around" "mean"
          word "scope" "neighbourhood"
          "shared", Value.Truth true ]
        "alie of neighbourhoods", "alie", [ word "scope" "neighbourhood" ]
        "ipm of the update", "ipm", [ word "of" "update" ]
        "ipm of the update in neighbourhoods", "ipm", [ word "of" "update"; word "scope" "neighbourhood" ]
        "min-max of neighbourhoods", "min-max", [ word "scope" "neighbourhood"; word "direction" "unit" ]
        "min-sum by signs", "min-sum", [ word "direction" "sign" ]
        "strongest of neighbourhoods", "strongest", [ word "of" "[ipm, min-max]"; word "scope" "neighbourhood" ]
        "theorem-1, exact, later", "theorem-1", [ "exact", Value.Truth true; "at", Value.Whole 1L ] ]

/// A property of every vector that is sent, for both number types.
let private ofEachVector property behaviour =
    forAll (Gen.zip (situations 3) (Gen.elements [ torch.float32; torch.float64 ])) (fun (situation, dtype) ->
        let mutable holds = true

        let watch (knowledge: Omniscience) _ _ (vector: torch.Tensor option) =
            match vector with
            | Some vector -> holds <- holds && property knowledge vector
            | None -> ()

        enactWith watch dtype behaviour situation
        holds)

// There are many attacks: fewer situations for each.
let private law name property =
    testPropertyWithConfig { FsCheckConfig.defaultConfig with maxTest = 20 } name property

let private laws =
    [ for label, name, arguments in variants do
          let behaviour = behaviour name arguments

          law $"{label}: every vector is a row like an estimate"
          <| ofEachVector
              (fun knowledge vector ->
                  vector.shape = [| knowledge.Estimates.shape[1] |] && vector.dtype = knowledge.Estimates.dtype)
              behaviour

          law $"{label}: the same node sends the same again in the same situation"
          <| forAll (situations 3) (fun situation ->
              let bits sent =
                  sent
                  |> List.concat
                  |> List.map (fun letter ->
                      letter.Vector |> Option.map (Array.map System.BitConverter.DoubleToInt64Bits))

              bits (letters behaviour situation) = bits (letters behaviour situation))

          law $"{label}: what the adversary knows stays as it is"
          <| forAll (situations 3) (fun situation ->
              let mutable unchanged = true
              let same (rows: float[][]) tensor = numbers tensor = Array.concat rows

              let watch (knowledge: Omniscience) _ _ _ =
                  let moment = situation.Moments[int knowledge.Iteration]

                  unchanged <-
                      unchanged
                      && same moment.Estimates knowledge.Estimates
                      && same moment.Gradients knowledge.Gradients

              enactWith watch torch.float64 behaviour situation
              unchanged)

          law $"{label}: what a node remembers is not changed later"
          <| forAll (situations 4) (fun situation ->
              let seen = System.Collections.Generic.List<torch.Tensor * float[]>()

              let watch _ (state: OwnState) _ _ =
                  for tensor in state.Memory.Values do
                      seen.Add(tensor, numbers tensor)

              use _ = torch.NewDisposeScope()
              enactWith watch torch.float64 behaviour situation
              seen |> Seq.forall (fun (tensor, before) -> tensor.IsInvalid || numbers tensor = before))

          if name <> "nan" && name <> "inf" then
              law $"{label}: finite estimates give finite messages"
              <| ofEachVector (fun _ vector -> Estimate.isFinite vector) behaviour

              law $"{label}: finite messages even when benign nodes have diverged"
              <| forAll (Gen.zip (situations 3) notFinite) (fun (situation, poison) ->
                  let lost node = not situation.Network.Byzantine[node] && node % 2 = 0

                  let moments =
                      situation.Moments
                      |> List.map (fun moment ->
                          { moment with
                              Estimates =
                                  moment.Estimates
                                  |> Array.mapi (fun node estimate ->
                                      if lost node then
                                          Array.map (fun _ -> poison) estimate
                                      else
                                          estimate) })

                  letters behaviour { situation with Moments = moments }
                  |> List.concat
                  |> List.choose _.Vector
                  |> List.forall (fun vector ->
                      // Who copies a benign node may copy one that has diverged.
                      name = "mimic" || name = "duplicate" || Array.forall System.Double.IsFinite vector)) ]

/// What a strategy must not depend on: the situation with other numbers there, for a sender.
let private hidden (behaviour: Behaviour) (situation: Situation) sender : Situation =
    let changed isKnown (vectors: float[][]) =
        vectors
        |> Array.mapi (fun node vector ->
            if isKnown node then
                vector
            else
                Array.map (fun value -> 3.0 - 2.0 * value) vector)

    let with' isKnown moment =
        { Estimates = changed isKnown moment.Estimates
          // Of the others' gradients only those who know everything know.
          Gradients = changed ((=) sender) moment.Gradients }

    let neighbours = situation.Network.Neighbours[sender]

    let isKnown node =
        node = sender
        || match behaviour.Strategy with
           | Strategy.OwnState _ -> false
           | Strategy.NeighboursMessages _ -> Array.contains node neighbours
           | Strategy.Colluding _ -> situation.Network.Byzantine[node]
           | Strategy.Omniscient _
           | Strategy.Rehearsing _ -> true

    match behaviour.Strategy with
    | Strategy.Omniscient _
    | Strategy.Rehearsing _ -> situation
    | _ -> { situation with Moments = List.map (with' isKnown) situation.Moments }

let private sentBy (rule: Rule) sender behaviour (situation: Situation) =
    let sent = ResizeArray<int64 * int * float[] option>()

    let watch (knowledge: Omniscience) (state: OwnState) receiver (vector: torch.Tensor option) =
        if state.Node = sender then
            sent.Add(knowledge.Iteration, receiver, Option.map numbers vector)

    enactAgainst rule watch torch.float64 behaviour situation
    // In bits, so that NaN is equal to itself.
    [ for iteration, receiver, vector in sent ->
          iteration, receiver, vector |> Option.map (Array.map System.BitConverter.DoubleToInt64Bits) ]

let private rule name =
    (Component.choose Map.empty (Catalogue.rules |> List.find (fun rule -> rule.Name = name))).Value

/// Hears its neighbours and sends their mean: no attack of the catalogue knows just this.
let private echo =
    Attack.by (
        Strategy.NeighboursMessages(
            Adversary.sending (fun (overheard: Overheard) _ ->
                if overheard.Senders.Length = 0 then
                    Sent.Nothing
                else
                    Sent.Everyone(Estimate.mean overheard.Estimates))
        )
    )

let private knowledge =
    [ for label, behaviour in
          ("an echo", echo)
          :: (variants |> List.map (fun (label, name, arguments) -> label, behaviour name arguments)) do
          law $"{label}: what is sent depends on what the strategy knows alone"
          <| forAll (situations 3) (fun situation ->
              byzantine situation
              |> Array.forall (fun sender ->
                  let known = sentBy (rule "dmedian") sender behaviour situation

                  let otherwise =
                      if behaviour.Strategy.IsRehearsing then
                          rule "dmedian"
                      else
                          rule "average"

                  known = sentBy otherwise sender behaviour (hidden behaviour situation sender)))

      testCase "what a strategy knows is not so much that nothing is hidden"
      <| fun () ->
          let strategies = variants |> List.map (fun (_, name, arguments) -> (behaviour name arguments).Strategy)
          Expect.exists strategies _.IsOwnState "own state"
          Expect.exists strategies _.IsColluding "collusion"
          Expect.exists strategies _.IsOmniscient "omniscience"
          Expect.exists strategies _.IsRehearsing "rehearsals" ]

let private choose name (arguments: (string * Value) list) (components: Component<'value> list) =
    components
    |> List.find (fun (entry: Component<_>) -> entry.Name = name)
    |> Component.choose (Map arguments)

let attack name arguments = choose name arguments Catalogue.attacks

/// Random images of the digits' shape.
let samples =
    lazy
        let images = Array.zeroCreate<float32>(240 * 64)
        (Random.shared 3L Purpose.Start).FillGaussian images

        { Images = torch.tensor(images).view(240L, 1L, 8L, 8L).DetachFromDisposeScope()
          Labels = Array.init 240 (fun image -> image % 10)
          Test = []
          Mean = [| 0.0 |]
          Deviation = [| 1.0 |] }

/// A small run on them with a rate, a rule and some attacks.
let run rate rule attacks : Run =
    { Scenario = "attacks"
      Seed = 11L
      Settings = []
      Swept = []
      Dataset = choose "digits" [] Catalogue.datasets
      Partition = choose "iid" [] Catalogue.partitions
      Holders = DataHolders.All
      Protocol = choose "gossip" [] Catalogue.protocols
      LeastShare = None
      Model = choose "mlp" [ "hidden", Value.Whole 5L ] Catalogue.models
      Network =
        { Topology = choose "random" [] Catalogue.topologies
          Benign = 8
          ByzantineRatio = 0.34
          BenignRatio = 0.4
          EnforceBenignRatio = true
          Placement = Placement.Random
          Weights = MixingWeights.Equal }
      Training =
        { Batch = 8
          Length = Duration.Iterations 8
          Rate = { Initial = rate; Decay = Decay.None }
          Warmup = None
          Momentum = None
          WeightDecay = 0.0
          GradientClip = None
          LocalSteps = 1
          LastBatch = LastBatch.Drop
          Start = Start.Own
          Loss = Loss.CrossEntropy }
      Rule = choose rule [] Catalogue.rules
      Attacks = attacks
      Every = Duration.Iterations 8
      TestImages = None
      Validation = None
      Averaged = false }
    |> Runs.settled

let experiment (run: Run) =
    match Experiment.create samples.Value run with
    | Ok experiment -> experiment
    | Error reason -> failtest reason

/// What every node receives in an epoch, from the start, without memories.
let private received (experiment: Experiment) epoch =
    use _ = torch.NewDisposeScope()
    let state = Simulation.start experiment

    let knowledge =
        { Network = experiment.Network
          Weights = experiment.Run.Network.Weights
          Estimates = state.Estimates
          Messages = MessageKind.Estimates
          Gradients = torch.ones_like state.Estimates
          Iteration = 0L
          Rate = 0.1
          BenignRatio = 0.4
          Random = fun () -> Random.stream 11L Purpose.Attack 12 0L }

    let respond nodes (_: Messages) = Estimate.rows nodes state.Estimates

    let messages, _ =
        Messages.send experiment knowledge respond epoch state.AttackMemories experiment.Participants

    [ for node in experiment.Participants ->
          let vectors, senders = Messages.receivedBy experiment messages node
          numbers vectors, senders ]

let private timing =
    [ for label, name, arguments in variants do
          testCase $"{label}: Byzantine nodes send their estimates before 'from' and from 'until' on"
          <| fun () ->
              let times = [ "from", Value.Whole 2L; "until", Value.Whole 3L ]
              let timed = experiment (run 0.1 "average" [ attack name (arguments @ times) ])
              let honest = experiment (run 0.1 "average" [ attack "none" [] ])

              for epoch in [ 0; 1; 3; 9 ] do
                  // In bits, so that NaN would be equal to itself.
                  Expect.isTrue (received timed epoch = received honest epoch) $"epoch {epoch}"

      testCase "between 'from' and 'until' an attack is made"
      <| fun () ->
          let times = [ "from", Value.Whole 2L; "until", Value.Whole 3L ]
          let timed = experiment (run 0.1 "average" [ attack "bit-flip" times ])
          let always = experiment (run 0.1 "average" [ attack "bit-flip" [] ])
          Expect.isTrue (received timed 2 = received always 2) "epoch 2"
          Expect.isFalse (received timed 1 = received always 1) "epoch 1" ]

let private labels =
    [ for mapping, flipped in [ "mirror", (fun label -> 9 - label); "shift", (fun label -> (label + 3) % 10) ] do
          testCase $"label-flip, {mapping}: only Byzantine nodes train on other labels, and those are as they should be"
          <| fun () ->
              let arguments = [ word "mapping" mapping; "shift", Value.Whole 3L; "from", Value.Whole 1L ]
              let flipping = experiment (run 0.1 "average" [ attack "label-flip" arguments ])
              let honest = experiment (run 0.1 "average" [ attack "none" [] ])

              for iteration in [ 0L; int64 flipping.Schedule.PerEpoch ] do
                  for node in flipping.Participants do
                      use _ = torch.NewDisposeScope()

                      let labels experiment =
                          (Experiment.batch experiment iteration node).Labels.data<int64>().ToArray()

                      let isFlipped = iteration > 0L && flipping.Network.Byzantine[node]
                      let expected = labels honest |> Array.map (int >> (if isFlipped then flipped else id) >> int64)
                      Expect.equal (labels flipping) expected $"node {node} in iteration {iteration}" ]

let private mixing =
    let mixed = [ attack "silent" []; attack "inf" []; attack "none" [] ]

    [ testCase "of several attacks the Byzantine nodes take turns, in ascending order"
      <| fun () ->
          let experiment = experiment (run 0.1 "average" mixed)

          let byzantine =
              [ for node in 0..11 do
                    if experiment.Network.Byzantine[node] then
                        node ]

          Expect.equal byzantine.Length 4 "four Byzantine nodes"

          for vectors, senders in received experiment 0 do
              let width = experiment.Architecture.Dimension
              let isInfinite row = System.Double.IsInfinity vectors[row * width]

              let infinite =
                  [ for row in 0 .. senders.Length - 1 do
                        if isInfinite row then
                            senders[row] ]

              Expect.isEmpty (List.except [ byzantine[1] ] infinite) "the second"
              Expect.isFalse (senders |> Array.contains byzantine[0]) "the first is silent"
              Expect.isFalse (senders |> Array.contains byzantine[3]) "the fourth is silent"

          let hearing = received experiment 0 |> List.collect (snd >> List.ofArray)
          Expect.contains hearing byzantine[2] "the third sends"

      testCase "one attack is written as it is, several as a list"
      <| fun () ->
          let written attacks =
              let run = run 0.1 "average" attacks
              Run.canonical run |> List.find (fst >> (=) "attack") |> snd, Run.attackLabel run

          let silent, inf = attack "silent" [], attack "inf" []
          Expect.equal (written [ inf ]) (Chosen.canonical inf, Chosen.label inf) "one"

          Expect.equal
              (written [ silent; inf ])
              ($"[{Chosen.canonical silent}, {Chosen.canonical inf}]", "[silent, inf]")
              "two"

      testCase "an empty list and absent nodes among others are refused with the reason"
      <| fun () ->
          let reason attacks =
              match Experiment.create samples.Value (run 0.1 "average" attacks) with
              | Ok _ -> failtest "this cannot be mixed"
              | Error reason -> reason

          Expect.stringContains (reason []) "at least one" "none"
          Expect.stringContains (reason [ attack "none" []; attack "absent" [] ]) "cannot be mixed" "absent"

      testCase "an attack that does not fit the network is refused with the reason"
      <| fun () ->
          for name, parameter in [ "mimic", "target"; "theorem-1", "victim" ] do
              match
                  Experiment.create samples.Value (run 0.1 "average" [ attack name [ parameter, Value.Whole 11L ] ])
              with
              | Ok _ -> failtest "node 11 is Byzantine"
              | Error reason -> Expect.stringContains reason "benign nodes are 0 to 7" name

      testCase "every attack trains for some iterations in the engine"
      <| fun () ->
          for label, name, arguments in variants do
              use _ = torch.NewDisposeScope()
              let experiment = experiment (run 0.1 "ubar" [ attack name arguments ])
              let mutable state = Simulation.start experiment

              for _ in 1..3 do
                  let next = (Simulation.iterate experiment state).State
                  State.release next state
                  state <- next

              let rows = Estimate.rows (Network.benign experiment.Network) state.Estimates
              Expect.isTrue (Estimate.isFinite rows) label ]

[<Tests>]
let tests =
    testList
        "attack laws"
        [ testList "catalogue" laws
          testList "knowledge" knowledge
          testList "timing" timing
          testList "labels" labels
          testList "mixing" mixing ]
