/// How nodes train together: what is exchanged, who steps when, and what a server is told.
module UbarFs.Tests.ProtocolTests

open System
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Tests.Runs

let private numbers (tensor: torch.Tensor) = tensor.to_type(torch.float64).contiguous().data<float>().ToArray()
let private bits (tensor: torch.Tensor) = numbers tensor |> Array.map BitConverter.DoubleToInt64Bits

let private isNear (tolerance: float) (one: float[]) (other: float[]) =
    let largest = Array.append one other |> Array.map abs |> Array.max
    Array.forall2 (fun one other -> abs (one - other) <= tolerance * max largest 1e-12) one other

let private central name arguments = chooseWith arguments name Catalogue.protocols
let private adaptThenCombine = central "adapt-then-combine" []
let private server root = central "server" [ "root", Value.Whole(int64 root) ]

let private under (protocol: Chosen<Protocol>) rule (run: Run) =
    { run with Protocol = protocol; Rule = choose rule Catalogue.rules }

let rec private after count (experiment: Experiment) (state: State) =
    if count = 0 then
        state
    else
        after (count - 1) experiment (Simulation.iterate experiment state).State

/// The direction of a node in an iteration at some estimate, without momentum and local steps.
let private gradientAt (experiment: Experiment) iteration node (x: float[]) =
    let rows = torch.zeros (int64 (Network.size experiment.Network), int64 x.Length)
    rows[int64 node].copy_(torch.tensor (x, dtype = torch.float32)) |> ignore
    let batches = Passes.batches experiment iteration [| node |]
    numbers ((snd (Passes.gradients experiment [| node |] batches rows))[int64 node])

let private scaled factor = Array.map (fun value -> factor * value)
let private sum = Array.map2 (+)
let private meanOf (rows: float[][]) = Array.reduce sum rows |> scaled (1.0 / float rows.Length)

let private rateOf (experiment: Experiment) iteration =
    Schedule.rate experiment.Schedule experiment.Run.Training.Rate iteration

let private average =
    testList
        "average"
        [ testCase "adapt-then-combine is the matrix form"
          <| fun () ->
              use _ = torch.NewDisposeScope()

              for weights in [ MixingWeights.Equal; MixingWeights.Metropolis ] do
                  let run = under adaptThenCombine "average" digits
                  let experiment = experiment { run with Run.Network.Weights = weights }
                  let state = after 2 experiment (Simulation.start experiment)
                  let next = after 1 experiment state

                  let half =
                      [| for node in 0 .. Network.size experiment.Network - 1 ->
                             let x = numbers state.Estimates[int64 node]
                             sum x (gradientAt experiment 2L node x |> scaled -(rateOf experiment 2)) |]

                  let between = MixingWeights.between weights experiment.Network.Neighbours

                  for node in experiment.Participants do
                      let neighbours = experiment.Network.Neighbours[node]
                      let others = neighbours |> Array.map (fun other -> half[other] |> scaled (between node other))
                      let own = 1.0 - Array.sumBy (between node) neighbours
                      let expected = Array.fold sum (scaled own half[node]) others
                      Expect.isTrue (isNear 1e-5 expected (numbers next.Estimates[int64 node])) $"node {node}"

          testCase "a server steps along the gradient of all batches together"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let experiment = experiment (under (server 0) "average" digits)
              let state = after 2 experiment (Simulation.start experiment)
              let next = after 1 experiment state
              let x = numbers state.Estimates[0L]

              let union: Batch =
                  let batches = experiment.Participants |> Array.map (Experiment.batch experiment 2L)

                  { Images = torch.cat (batches |> Array.map _.Images, 0L)
                    Labels = torch.cat (batches |> Array.map _.Labels, 0L)
                    Draws = None }

              let gradient = torch.zeros_like state.Estimates[0L]
              let loss = experiment.Run.Training.Loss
              Objective.gradient loss experiment.Architecture union state.Estimates[0L] gradient |> ignore
              let expected = sum x (numbers gradient |> scaled -(rateOf experiment 2))
              Expect.isTrue (isNear 1e-5 expected (numbers next.Estimates[0L])) "SGD on the union"

              for node in 1 .. Network.size experiment.Network - 1 do
                  Expect.equal (bits next.Estimates[int64 node]) (bits next.Estimates[0L]) "all have the server's"

          testCase "a server with one node does what the node does alone"
          <| fun () ->
              use _ = torch.NewDisposeScope()

              let alone change =
                  let run = under (server 0) "average" digits

                  let run =
                      { run with
                          Run.Network.Benign = 1
                          Run.Network.ByzantineRatio = 0.0
                          Training.Rate = { Initial = 0.1; Decay = Decay.None } }

                  experiment
                      { run with
                          Training = change { run.Training with Length = Duration.Iterations 24 } }

              let steps =
                  alone (fun training ->
                      { training with Momentum = Some { Beta = 0.9; Form = MomentumForm.HeavyBall } })

              let local =
                  alone (fun training ->
                      { training with
                          Momentum = Some { Beta = 0.9; Form = MomentumForm.HeavyBall }
                          LocalSteps = 4 })

              let far = after 12 steps (Simulation.start steps)
              let same = after 3 local (Simulation.start local)
              Expect.isTrue (isNear 1e-5 (numbers far.Estimates[0L]) (numbers same.Estimates[0L])) "3 times 4 steps" ]

/// What nodes send in the third iteration, with all that there is to know.
let private midway run =
    let experiment = experiment run
    let state = after 2 experiment (Simulation.start experiment)
    let trainers = Exchange.trainers experiment
    let trained = Node.train experiment 2L trainers state.Estimates state.Directions
    let knowledge = Views.knowledge experiment 2L state.Estimates trained.Gradients

    let messages, _ =
        Node.send experiment knowledge trained state.RuleMemories state.AttackMemories trainers

    experiment, state, trained, knowledge, messages

let private withAttack name arguments (run: Run) =
    { run with Attacks = [ chooseWith arguments name Catalogue.attacks ] }

/// What a Byzantine node sends a node that hears it, x_k and m of that node, and λ.
let private sentBy
    (experiment: Experiment, state: State, trained: Trained, knowledge: Omniscience, messages: Messages)
    =
    let liar = (experiment.Factions |> List.head).Nodes[0]
    let receiver = experiment.Network.Neighbours[liar][0]
    let vectors, senders = Messages.receivedBy experiment messages receiver
    let sent = numbers vectors[int64 (Array.IndexOf(senders, liar))]
    sent, numbers state.Estimates[int64 liar], numbers trained.Gradients[int64 liar], knowledge.Rate

let private attacks =
    testList
        "attacks"
        [ testCase "sign-flip reverses the step that is in a message"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let flipped of' = withAttack "sign-flip" [ "scale", Value.Real 4.0; "of", Value.Word of' ]

              for of' in [ "update"; "gradient" ] do
                  let sent, x, m, rate = digits |> under adaptThenCombine "average" |> flipped of' |> midway |> sentBy
                  Expect.isTrue (isNear 1e-5 (sum x (scaled (4.0 * rate) m)) sent) $"x + 4λm, of {of'}"
                  let sent, _, m, _ = digits |> under (server 0) "average" |> flipped of' |> midway |> sentBy
                  Expect.isTrue (isNear 1e-6 (scaled -4.0 m) sent) $"−4m, of {of'}"

          testCase "ipm of updates reverses the mean step"
          <| fun () ->
              use _ = torch.NewDisposeScope()

              let reversed = withAttack "ipm" [ "strength", Value.Real 0.5; "of", Value.Word "update" ]

              let ofBenign (experiment: Experiment) (rows: torch.Tensor) =
                  Network.benign experiment.Network |> Array.map (fun node -> numbers rows[int64 node]) |> meanOf

              let experiment, state, trained, knowledge, _ as all =
                  digits |> under adaptThenCombine "average" |> reversed |> midway

              let sent, _, _, _ = sentBy all
              let x, m = ofBenign experiment state.Estimates, ofBenign experiment trained.Gradients
              Expect.isTrue (isNear 1e-5 (sum x (scaled (0.5 * knowledge.Rate) m)) sent) "x̄ + ελm̄"

              let experiment, _, trained, _, _ as all = digits |> under (server 0) "average" |> reversed |> midway
              let sent, _, _, _ = sentBy all
              let m = ofBenign experiment trained.Gradients
              Expect.isTrue (isNear 1e-5 (scaled -0.5 m) sent) "−εm̄"

          testCase "a server's own direction is no benign message"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let experiment, _, _, knowledge, _ = digits |> under (server 50) "fltrust" |> midway
              let server = experiment.Network.Server.Value
              Expect.hasLength (Omniscience.benign knowledge) 6 "the benign nodes"
              Expect.isFalse (Array.contains server (Network.benign experiment.Network)) "not the server"
              Expect.hasLength experiment.Shares[server] 50 "the root images"
              let nodes = experiment.Shares |> Array.take server |> Array.concat
              Expect.isEmpty (Set.intersect (set nodes) (set experiment.Shares[server])) "which no node has" ]

/// The view of a server in the third iteration.
let private judging rule arguments root =
    let run = under (server root) rule digits
    let run = { run with Rule = chooseWith arguments rule Catalogue.rules }
    let experiment, state, trained, knowledge, messages = midway run
    let next = after 1 experiment state
    let server = experiment.Network.Server.Value
    let received, _ = Messages.receivedBy experiment messages server
    let x = numbers state.Estimates[0L]
    let step = sum x (numbers next.Estimates[0L] |> scaled -1.0) |> scaled (1.0 / knowledge.Rate)
    let messages = [| for row in 0L .. received.shape[0] - 1L -> numbers received[row] |]

    let lossAt (direction: float[]) =
        let batches = Passes.batches experiment 2L [| server |]
        let at = sum x (scaled -knowledge.Rate direction)
        use row = torch.tensor(at, dtype = torch.float32).unsqueeze 0L
        (Passes.lossesOn experiment batches 0 row [| 0 |])[0]

    step, messages, numbers trained.Gradients[int64 server], lossAt

let private dot one other = Array.map2 (*) one other |> Array.sum
let private norm one = sqrt (dot one one)

let private servers =
    testList
        "what a server makes of directions"
        [ testCase "fltrust is the source's formula, with the direction of the root images"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let step, messages, root, _ = judging "fltrust" [] 50
              let trust = messages |> Array.map (fun m -> max 0.0 (dot m root / (norm m * norm root)))

              let expected =
                  Array.map2 (fun trust m -> scaled (trust * norm root / norm m) m) trust messages
                  |> Array.reduce sum
                  |> scaled (1.0 / Array.sum trust)

              Expect.isGreaterThan (norm root) 0.0 "a direction"
              Expect.isTrue (isNear 1e-3 expected step) "Σ TS_j (‖g_0‖/‖g_j‖) g_j / Σ TS_j"

          testCase "zeno is the source's score on the root images"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let step, messages, _, lossAt = judging "zeno" [ "penalty", Value.Real 0.0005 ] 50
              let none = Array.map (fun _ -> 0.0) messages[0]
              let score m = lossAt none - lossAt m - 0.0005 * dot m m
              let best = messages |> Array.sortByDescending score
              let keeps count = isNear 1e-3 (best |> Array.truncate count |> meanOf) step
              Expect.isTrue (Seq.exists keeps [ 1 .. messages.Length - 1 ]) "the mean of those with the best scores"

          testCase "trusted-weights come to the least of what they minimise"
          <| fun () ->
              let random = Random 5

              for _ in 1..200 do
                  let m = 1 + random.Next 8
                  let distances = Array.init m (fun _ -> 0.1 + random.NextDouble() * float (random.Next 5))
                  let lambda = random.NextDouble() * 3.0
                  let sorted = Array.sort distances
                  let median = (sorted[(m - 1) / 2] + sorted[m / 2]) / 2.0
                  let cost weights = dot weights distances + lambda * sqrt (float m) * median * norm weights
                  let weights = TrustedWeights.weights lambda distances
                  Expect.floatClose Accuracy.high (Array.sum weights) 1.0 "they sum to 1"
                  Expect.all weights (fun weight -> weight >= 0.0) "none is negative"

                  for _ in 1..50 do
                      let other = Array.init m (fun _ -> -log(1.0 - random.NextDouble()))
                      let other = scaled (1.0 / Array.sum other) other
                      let share = random.NextDouble()
                      let between = sum (scaled (1.0 - share) weights) (scaled share other)
                      Expect.isLessThanOrEqual (cost weights) (cost between + 1e-9) "no other weights cost less"

          testCase "gaavernor comes to weigh liars little"
          <| fun () ->
              use _ = torch.NewDisposeScope()

              let experiment =
                  digits
                  |> under (server 100) "gaavernor"
                  |> withAttack "sign-flip" [ "scale", Value.Real 4.0 ]
                  |> experiment

              let state = after 40 experiment (Simulation.start experiment)
              let memory = state.RuleMemories[experiment.Network.Server.Value]
              let logits = numbers (Map.find "logits" memory)
              let liars = experiment.Factions |> List.collect (fun faction -> List.ofArray faction.Nodes)
              let honest = Network.benign experiment.Network |> Array.map (fun node -> logits[node]) |> Array.min
              Expect.all liars (fun liar -> logits[liar] < honest - 1.0) "each below all honest nodes" ]

let private lying = [ "gaussian"; "nan"; "sign-flip"; "silent"; "none" ]

/// Liars of which no group of three has two.
let private apartIn groups =
    gen {
        let! chosen = Gen.listOfLength groups (Gen.choose (-1, 2))
        return chosen |> List.mapi (fun group place -> group, place) |> List.filter (fun (_, place) -> place >= 0)
    }

let private draco =
    testPropertyWithConfig
        { FsCheckConfig.defaultConfig with maxTest = 12 }
        "draco recovers the mean exactly with at most f liars in each group"
    <| Prop.forAll (Arb.fromGen (Gen.zip (apartIn 4) (Gen.elements lying))) (fun (places, attack) ->
        use _ = torch.NewDisposeScope()
        let liars = places |> List.map (fun (group, place) -> 3 * group + place)

        let of' placement attack =
            { under (server 0) "draco" digits with
                Attacks = [ choose attack Catalogue.attacks ]
                Network =
                    { digits.Network with
                        Benign = 12 - List.length liars
                        ByzantineRatio = float (List.length liars) / 12.0
                        Placement = placement } }

        let honest = experiment (of' (Placement.Nodes liars) "none")
        let attacked = experiment (of' (Placement.Nodes liars) attack)
        let expected = after 3 honest (Simulation.start honest)
        let next = after 3 attacked (Simulation.start attacked)
        let x = (Simulation.start honest).Estimates[0L]
        let first = after 1 honest (Simulation.start honest)

        let mean = [| for leader in 0..3..9 -> gradientAt honest 0L leader (numbers x) |] |> meanOf

        bits expected.Estimates = bits next.Estimates
        && isNear 1e-5 (sum (numbers x) (scaled -(rateOf honest 0) mean)) (numbers first.Estimates[0L]))

let private election =
    testCase "election moves every coordinate by λ as most of the voters' votes have it"
    <| fun () ->
        use _ = torch.NewDisposeScope()
        let run = under (server 0) "election" digits
        let experiment = experiment run
        let state = after 2 experiment (Simulation.start experiment)
        let next = after 1 experiment state
        let x = numbers state.Estimates[0L]

        let signs =
            experiment.Participants |> Array.map (fun node -> gradientAt experiment 2L node x |> Array.map sign)

        let parts = experiment.Parts.Value
        Expect.exists experiment.Participants (fun node -> parts[node].Length > 1) "someone has more than its own"

        let votes =
            experiment.Participants
            |> Array.map (fun node ->
                parts[node]
                |> Array.map (fun part -> signs[part])
                |> Array.reduce (Array.map2 (+))
                |> Array.map sign)

        let elected = votes |> Array.reduce (Array.map2 (+)) |> Array.map (sign >> float)
        let expected = sum x (scaled -(rateOf experiment 2) elected)
        Expect.isTrue (isNear 1e-6 expected (numbers next.Estimates[0L])) "x − λ·votes"

/// The numbers of a node, and what the others are not asked for.
let private apart (protocol: Chosen<Protocol>) rule =
    testCase $"{rule} under {Chosen.label protocol}: apart as together"
    <| fun () ->
        use _ = torch.NewDisposeScope()

        let run =
            { under protocol rule digits with
                Attacks = [ choose "alie" Catalogue.attacks ] }

        let run =
            if (choose rule Catalogue.rules).Value.Central.IsSome then
                run
            else
                { run with
                    Training.Momentum = Some { Beta = 0.9; Form = MomentumForm.Averaged }
                    Training.LocalSteps = 2 }

        let experiment, state, trained, knowledge, messages = midway run

        let rules = state.RuleMemories
        let whole = Node.aggregate experiment knowledge rules trained messages

        for node in Exchange.trainers experiment do
            let alone = Node.train experiment 2L [| node |] state.Estimates state.Directions
            Expect.equal (bits alone.Gradients[int64 node]) (bits trained.Gradients[int64 node]) $"direction of {node}"

            if experiment.Network.Server.IsNone then
                let next = Node.aggregate experiment knowledge rules alone messages
                Expect.equal (bits next.Updated[int64 node]) (bits whole.Updated[int64 node]) $"x of node {node}"

        match experiment.Network.Server with
        | Some server ->
            let responded = Node.respond experiment knowledge rules trained [| server |] messages
            let x = state.Estimates[0L] - Native.scaled knowledge.Rate responded[0L]
            Expect.equal (bits x) (bits whole.Updated[0L]) "the server's step"
        | None ->
            let some = experiment.Participants |> Array.filter (fun node -> node % 2 = 0)
            let responded = Node.respond experiment knowledge rules trained some messages
            Expect.equal responded.shape[0] some.LongLength "an answer of each"

let private undefined =
    testList
        "refused"
        [ testCase "a rule that steps by itself, or needs what a server lacks"
          <| fun () ->
              let refused protocol rule = (Protocols.refusal protocol (choose rule Catalogue.rules).Value).IsSome

              for rule in [ "byrdie"; "tv-norm" ] do
                  Expect.isFalse (refused Protocol.Gossip rule) rule
                  Expect.isTrue (refused Protocol.AdaptThenCombine rule) rule
                  Expect.isTrue (refused (Protocol.Server 10) rule) rule

              for rule in [ "ubar"; "zeno"; "rd-svm"; "nna"; "fltrust"; "gaavernor"; "trusted-weights" ] do
                  Expect.isTrue (refused (Protocol.Server 0) rule) rule
                  Expect.isFalse (refused (Protocol.Server 10) rule) rule

              for rule in
                  [ "average"
                    "dkrum"
                    "dmedian"
                    "trimmed-mean"
                    "rfa"
                    "centered-clipping"
                    "draco"
                    "election" ] do
                  Expect.isFalse (refused (Protocol.Server 0) rule) rule

              for rule in [ "draco"; "election"; "gaavernor"; "trusted-weights" ] do
                  Expect.isTrue (refused Protocol.Gossip rule) rule
                  Expect.isTrue (refused Protocol.AdaptThenCombine rule) rule

          testCase "a server without images for the nodes, and signs with momentum"
          <| fun () ->
              let reason run =
                  match tryExperiment run with
                  | Ok _ -> failtest "it was laid out"
                  | Error(reason: string) -> reason

              Expect.stringContains (reason (under (server 1_000_000) "average" digits)) "nothing is left" "no images"

              let election = under (server 0) "election" digits
              let run = { election with Training.LocalSteps = 2 }
              Expect.stringContains (reason run) "not defined for them" "signs" ]

/// A state that has been to the disk and back.
let private restored folder (experiment: Experiment) state =
    Checkpoint.save
        folder
        "some run"
        { Midway =
            { State = state
              Selections = lazy Selections.none experiment.Run.Rule.Value.Stages
              Times = PhaseTimes.Zero
              Elapsed = 0.0 }
          CpuSeconds = 0.0 }

    match Checkpoint.latest (failtestf "%s") folder "some run" experiment with
    | Some checkpoint -> checkpoint.Midway.State
    | None -> failtest "there is no checkpoint"

let private withMomentum (run: Run) =
    { run with
        Training.Momentum = Some { Beta = 0.9; Form = MomentumForm.HeavyBall } }

let private kept =
    testList
        "on the disk"
        [ for protocol, rule in
              [ adaptThenCombine, "afa"
                server 50, "afa"
                server 50, "trusted-weights"
                server 100, "gaavernor" ] do
              testCase $"{rule} under {Chosen.label protocol} goes on from a checkpoint with the same bits"
              <| fun () ->
                  use _ = torch.NewDisposeScope()

                  TinyDataset.inFolder (fun folder ->
                      let experiment = digits |> under protocol rule |> withMomentum |> experiment
                      let halfway = after 3 experiment (Simulation.start experiment)
                      let through = after 3 experiment halfway
                      let resumed = restored folder experiment halfway |> after 3 experiment
                      Expect.equal (bits resumed.Estimates) (bits through.Estimates) "estimates"
                      let memories (state: State) = state.RuleMemories |> Array.map (Map.map (fun _ -> bits))
                      Expect.equal (memories resumed) (memories through) "what the rule remembers")

          testCase "network.json tells the server, and says nothing of it where there is none"
          <| fun () ->
              TinyDataset.inFolder (fun folder ->
                  let written protocol =
                      NetworkFile.write folder (experiment (under protocol "average" digits))
                      (NetworkFile.read folder |> Result.defaultWith failtest).Value

                  let served = written (server 0)
                  Expect.equal served.Server (Some 8) "the last node"
                  Expect.hasLength served.Edges 8 "an edge to each"
                  Expect.isNone (written (choose "gossip" Catalogue.protocols)).Server "none"
                  let text = System.IO.File.ReadAllText(System.IO.Path.Combine(folder, NetworkFile.name))
                  Expect.isFalse (text.Contains "server") "nothing") ]

let private averaged =
    testCase "the mean estimate is tested, and it is all that a server has"
    <| fun () ->
        use _ = torch.NewDisposeScope()

        let tested protocol =
            let experiment = experiment (under protocol "average" digits)
            let state = after 10 experiment (Simulation.start experiment)
            experiment, state, Simulation.evaluateMean experiment state.Estimates

        let experiment, state, mean = tested adaptThenCombine
        let benign = Network.benign experiment.Network
        let rows = benign |> Array.map (fun node -> numbers state.Estimates[int64 node])
        use expected = torch.tensor(meanOf rows, dtype = torch.float32).unsqueeze 0L
        let expected = Passes.tested experiment expected [| 0 |] |> Array.head
        Expect.equal mean.Accuracy expected.Accuracy "the accuracy of the mean of the rows"
        Expect.floatClose Accuracy.medium mean.Loss expected.Loss "and its loss"

        let experiment, state, mean = tested (server 0)
        let each = Simulation.evaluate experiment state.Estimates
        Expect.hasLength each 6 "one for each benign node"
        Expect.all each (fun one -> one.Accuracy = mean.Accuracy) "all the same"

let private everyRule =
    testList
        "every rule takes a step under a server with images"
        [ for component' in Catalogue.rules do
              let rule = Component.choose Map.empty component'

              if (Protocols.refusal (Protocol.Server 50) rule.Value).IsNone then
                  testCase component'.Name
                  <| fun () ->
                      use _ = torch.NewDisposeScope()
                      let experiment = experiment { digits with Protocol = server 50; Rule = rule }
                      let state = after 3 experiment (Simulation.start experiment)
                      Expect.all (numbers state.Estimates) Double.IsFinite "finite" ]

[<Tests>]
let tests =
    testList
        "protocols"
        [ average
          attacks
          servers
          draco
          election
          undefined
          kept
          averaged
          everyRule
          testList
              "nodes apart"
              [ for rule in [ "average"; "dmedian"; "ubar"; "fltrust"; "afa"; "clipped-gossip" ] do
                    apart adaptThenCombine rule

                for rule in
                    [ "average"
                      "ubar"
                      "zeno"
                      "fltrust"
                      "centered-clipping"
                      "draco"
                      "election" ] do
                    apart (server 50) rule ] ]
