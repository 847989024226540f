/// Theorem 1: what one wrong message adds to a far node's estimate, with plain arrays and in the engine.
module UbarFs.Tests.TheoremTests

open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Testing
open UbarFs.Testing.Generators
open UbarFs.Testing.Situations

/// W_ij, from its definition.
let private entry weights (network: Network) =
    let degree node = network.Neighbours[node].Length
    let largest = network.Neighbours |> Array.map Array.length |> Array.max

    let between node other =
        match weights with
        | MixingWeights.Equal -> 1.0 / float (degree node + 1)
        | MixingWeights.Metropolis -> 1.0 / float (1 + max (degree node) (degree other))
        | MixingWeights.LazyMetropolis -> 0.5 / float (1 + max (degree node) (degree other))
        | MixingWeights.MaxDegree -> 1.0 / float (1 + largest)

    fun node other ->
        if node = other then
            1.0 - Array.sumBy (between node) network.Neighbours[node]
        elif Array.contains other network.Neighbours[node] then
            between node other
        else
            0.0

/// A training of scalars under the average rule, equation 2, in which one message of iteration 0 may be wrong.
let private simulate gradient rate weights (network: Network) (start: float[]) (source, added) iterations =
    let entry = entry weights network

    let step (estimates: float[]) iteration =
        let message receiver sender =
            ignore<int> receiver
            estimates[sender] + (if iteration = 0 && sender = source then added else 0.0)

        network.Neighbours
        |> Array.mapi (fun node neighbours ->
            let weighed sender = entry node sender * message node sender
            let mixed = entry node node * estimates[node] + Array.sumBy weighed neighbours
            mixed - rate * gradient node estimates[node])

    [ 0 .. iterations - 1 ] |> List.fold step start

/// A different, nonlinear loss for each node.
let private nonlinear node x = sin (3.0 * x + float node) + 0.1 * x * x

type private Case =
    { Network: Network
      Weights: MixingWeights
      Start: float[]
      Source: int
      Victim: int
      Shift: float }

let private firstAttacker (network: Network) =
    [| 0 .. Network.size network - 1 |]
    |> Array.tryFind (fun node ->
        network.Byzantine[node]
        && network.Neighbours[node] |> Array.exists (fun other -> not network.Byzantine[other]))

let private case (networks: FsCheck.Gen<Network>) =
    gen {
        let! network = networks |> Gen.filter (firstAttacker >> Option.isSome)

        let! start =
            Gen.arrayOfLength (Network.size network) (Gen.choose (-64, 64) |> Gen.map (fun e -> float e / 8.0))

        let! victim = Gen.elements (Network.benign network)
        let! shift = Gen.elements [ -2.0; 0.5; 1.0; 3.0 ]
        let! weights = Gen.elements (List.map snd MixingWeights.all)

        return
            { Network = network
              Weights = weights
              Start = start
              Source = Option.get (firstAttacker network)
              Victim = victim
              Shift = shift }
    }

/// Nodes in a row, in a random order, with a Byzantine one at one end and benign ones hanging off the others.
let private path =
    gen {
        let! length = Gen.choose (1, 7)
        let! leaves = Gen.choose (0, 5)
        let! joints = Gen.arrayOfLength leaves (Gen.choose (0, length - 1))
        let nodes = length + leaves + 1
        let byzantine = Array.init nodes (fun node -> node = nodes - 1)
        let row = (nodes - 1, 0) :: [ for node in 1 .. length - 1 -> node - 1, node ]
        let hanging = joints |> Array.mapi (fun leaf joint -> joint, length + leaf)
        return Network.ofEdges byzantine (Seq.append row hanging)
    }

let private evenly (case: Case) = { case with Weights = MixingWeights.Equal }

let private oneByzantine = network 2 9 1
let private severalByzantine = network 2 9 4

/// The length of the shortest path over all nodes, and W^t e_source, with whole matrices.
let private distance (network: Network) source target =
    let reach nodes =
        nodes
        |> Set.map (fun node -> Set.ofArray network.Neighbours[node])
        |> Set.unionMany
        |> Set.union nodes

    Seq.unfold (fun nodes -> Some(nodes, reach nodes)) (Set.singleton source)
    |> Seq.findIndex (Set.contains target)

let private power weights (network: Network) t row column =
    let size = Network.size network
    let entry = entry weights network

    let times (one: float[][]) =
        Array.init size (fun i ->
            Array.init size (fun j -> Seq.sum (seq { for k in 0 .. size - 1 -> one[i][k] * entry k j })))

    let identity = Array.init size (fun i -> Array.init size (fun j -> if i = j then 1.0 else 0.0))
    let power = Seq.fold (fun matrix _ -> times matrix) identity (seq { 1..t })
    power[row][column]

/// What the attack, as it stands in the catalogue, puts into its message at iteration 0.
let private added exact (case: Case) =
    let arguments =
        [ "victim", Value.Whole(int64 case.Victim)
          "shift", Value.Real case.Shift
          "exact", Value.Truth exact ]

    let moment =
        { Estimates = case.Start |> Array.map Array.singleton
          Gradients = case.Start |> Array.map Array.singleton }

    letters
        (behaviour "theorem-1" arguments)
        { Network = case.Network
          Weights = case.Weights
          Moments = [ moment ]
          Rate = 0.0
          Seed = 1L }
    |> List.concat
    |> List.find (fun letter -> letter.Sender = case.Source)
    |> fun letter -> letter.Vector.Value[0] - case.Start[case.Source]

let private hops (case: Case) = (Propagation.path case.Network case.Source case.Victim).Value.Length

/// What the message changes in the victim's estimate after some iterations.
let private effect gradient rate (case: Case) message iterations =
    let after added =
        simulate gradient rate case.Weights case.Network case.Start (case.Source, added) iterations

    (after message)[case.Victim] - (after 0.0)[case.Victim]

// The message is large and cancels: what is left is exact relative to it.
let private near message expected actual = abs (actual - expected) <= 1e-12 * (1.0 + abs message) + 1e-9 * abs expected

let private equation4 =
    [ testProperty "where the shortest path is unique exactly x̂ arrives after τ' iterations, for any loss, rate and W"
      <| forAll (case path) (fun case ->
          let message = added false case
          effect nonlinear 0.3 case message (hops case) |> near message case.Shift)

      testProperty "before the victim is left alone"
      <| forAll (case oneByzantine) (fun case ->
          [ 0 .. hops case - 1 ]
          |> List.forall (fun k -> effect nonlinear 0.3 case (added false case) k = 0.0))

      testProperty "of several shortest paths each adds its part: x̂ (W^τ') ∏ 1/W arrives, at least x̂"
      <| forAll (case oneByzantine) (fun case ->
          let message, t = added false case, hops case
          let expected = message * power case.Weights case.Network t case.Victim case.Source
          effect nonlinear 0.3 case message t |> near message expected && expected / case.Shift >= 1.0 - 1e-9)

      testProperty "with equal weights the product is that of the path's neighbourhoods"
      <| forAll (case severalByzantine |> Gen.map evenly) (fun case ->
          let path = (Propagation.path case.Network case.Source case.Victim).Value
          let factors = path |> List.map (fun node -> float (case.Network.Neighbours[node].Length + 1))
          near 1.0 (case.Shift * List.reduce (*) factors) (added false case)) ]

let private exact =
    [ testProperty "exact: x̂ arrives for any loss and rate where no Byzantine node shortens the way"
      <| forAll (case severalByzantine) (fun case ->
          let message, t = added true case, hops case

          t <> distance case.Network case.Source case.Victim
          || effect nonlinear 0.3 case message t |> near message case.Shift)

      testProperty "exact: without a rate x̂ arrives whoever else is Byzantine"
      <| forAll (case severalByzantine) (fun case ->
          let message = added true case
          effect nonlinear 0.0 case message (hops case) |> near message case.Shift)

      testProperty "without a rate the effect at any time is W^(t−1)(W − diag W), the source's own share included"
      <| forAll (Gen.zip (case severalByzantine) (Gen.choose (1, 9))) (fun (case, t) ->
          let own = power case.Weights case.Network 1 case.Source case.Source

          let expected =
              power case.Weights case.Network t case.Victim case.Source
              - own * power case.Weights case.Network (t - 1) case.Victim case.Source

          near 1.0 expected (effect nonlinear 0.0 case 1.0 t)
          && near 1.0 expected (Array.item case.Victim (Propagation.injected case.Weights case.Network case.Source t)))

      testProperty "in the end everyone has moved by the same: with equal weights the message times |N_î|/(2|E| + n)"
      <| forAll (case oneByzantine |> Gen.map evenly) (fun case ->
          let degrees = case.Network.Neighbours |> Array.sumBy (fun neighbours -> neighbours.Length + 1)
          let expected = float case.Network.Neighbours[case.Source].Length / float degrees
          abs (effect nonlinear 0.0 case 1.0 3000 - expected) < 1e-6)

      testProperty "… and with symmetric ones the message times (1 − W_îî)/n"
      <| forAll (case oneByzantine |> Gen.filter (fun case -> case.Weights <> MixingWeights.Equal)) (fun case ->
          let own = power case.Weights case.Network 1 case.Source case.Source
          let expected = (1.0 - own) / float (Network.size case.Network)
          abs (effect nonlinear 0.0 case 1.0 3000 - expected) < 1e-6) ]

let private paths =
    let routes (case: Case) =
        // All benign walks that come one step nearer with every step, by brute force.
        let rec from node remaining =
            if remaining = 0 then
                if node = case.Victim then [ [] ] else []
            else
                [ for next in case.Network.Neighbours[node] do
                      if not case.Network.Byzantine[next] then
                          for rest in from next (remaining - 1) do
                              next :: rest ]

        Seq.initInfinite (fun length -> from case.Source (length + 1)) |> Seq.find (List.isEmpty >> not)

    [ testProperty "the path is the lexicographically first of the shortest benign ones"
      <| forAll (case (network 2 7 3)) (fun case ->
          Propagation.path case.Network case.Source case.Victim = Some(List.min (routes case)))

      testProperty "the farthest benign node is the first of those with the longest path"
      <| forAll (case severalByzantine) (fun case ->
          let length node = hops { case with Victim = node }
          let nodes = Network.benign case.Network
          let longest = nodes |> Array.map length |> Array.max
          TheoremOne.farthest case.Network case.Source = Array.find (fun node -> length node = longest) nodes)

      testCase "nobody is reached from a node without benign neighbours"
      <| fun () ->
          let network = Network.ofEdges [| false; true; true |] [ 0, 1; 1, 2 ]
          Expect.equal (Propagation.path network 2 0) None "the way leads over a Byzantine node"
          let objection = (behaviour "theorem-1" []).Objection network
          Expect.isSome (objection [| 2 |]) "it cannot attack"
          Expect.isNone (objection [| 1; 2 |]) "the other one can" ]

/// The first seed under which the farthest benign node is not a neighbour and no Byzantine node shortens the way.
let private seed =
    lazy
        let isFar seed =
            let run = AttackLawTests.run 0.1 "average" [ AttackLawTests.attack "none" [] ]
            let network = (AttackLawTests.experiment { run with Seed = seed }).Network

            match firstAttacker network with
            | Some source ->
                let victim = TheoremOne.farthest network source
                let hops = (Propagation.path network source victim).Value.Length
                hops > 1 && distance network source victim = hops
            | None -> false

        Seq.initInfinite int64 |> Seq.find isFar

let private engine =
    [ for rate in [ 0.0; 0.1 ] do
          testCase $"the engine adds x̂ to the victim's estimate after τ' iterations at the rate {rate}"
          <| fun () ->
              use _ = torch.NewDisposeScope()

              let experiment name arguments =
                  let run = AttackLawTests.run rate "average" [ AttackLawTests.attack name arguments ]
                  AttackLawTests.experiment { run with Seed = seed.Value }

              let after iterations experiment =
                  let step state _ = (Simulation.iterate experiment state).State
                  (Seq.fold step (Simulation.start experiment) (seq { 1..iterations })).Estimates

              let honest = experiment "none" []
              let source = (firstAttacker honest.Network).Value
              let victim = TheoremOne.farthest honest.Network source
              let hops = (Propagation.path honest.Network source victim).Value.Length
              let shift, k0 = [ "shift", Value.Real 0.5; "exact", Value.Truth true ], 2
              let attacking = experiment "theorem-1" (("at", Value.Whole(int64 k0)) :: shift)

              let difference iterations =
                  numbers ((after iterations attacking)[int64 victim] - (after iterations honest)[int64 victim])

              Expect.all (difference (k0 + hops - 1)) ((=) 0.0) "nothing before"

              Expect.all
                  (difference (k0 + hops))
                  (fun value -> abs (value - 0.5) < 1e-4)
                  "then every coordinate rises by the shift" ]

[<Tests>]
let tests =
    testList
        "theorem 1"
        [ testList "equation 4" equation4
          testList "exact" exact
          testList "paths" paths
          testList "engine" engine ]
