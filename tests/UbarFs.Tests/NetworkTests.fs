/// Laws of every network that a topology of the catalogue draws.
module UbarFs.Tests.NetworkTests

open System.Collections.Generic
open Expecto
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Testing.Generators

type private Plan =
    { Seed: int64
      Benign: int
      Byzantine: float
      BenignRatio: float
      Placement: Placement
      Arguments: Arguments }

/// Parameters other than the defaults, so that sparse and dense graphs come up.
let private arguments topology =
    let among name values = values |> List.map (fun value -> Map [ name, value ]) |> Gen.elements

    match topology with
    | "random" -> among "ratio" [ Value.Real 0.3; Value.Real 0.4; Value.Real 0.6; Value.Real 1.0 ]
    | "k-regular"
    | "small-world" -> among "k" [ Value.Whole 4L; Value.Whole 6L ]
    | "dumbbell" -> among "bridges" [ Value.Whole 1L; Value.Whole 3L ]
    | "geometric" -> among "radius" [ Value.Real 0.4; Value.Real 0.7 ]
    | _ -> Gen.constant Map.empty

/// Byzantine ratios that leave most placements connected.
let private ratios topology =
    match topology with
    | "ring"
    | "star"
    | "torus" -> [ 0.0; 0.1; 0.1 ]
    | _ -> [ 0.0; 0.1; 0.3; 0.5 ]

let private plan topology =
    gen {
        let! seed = Gen.choose64 (0L, 1000000L)
        let! benign = Gen.choose (7, 30)
        let! byzantine = Gen.elements (ratios topology)
        let! benignRatio = Gen.elements [ 0.1; 0.4; 0.5; 0.8; 1.0 ]
        let! placement = Gen.elements [ Placement.Random; Placement.Random; Placement.Degree ]
        let! arguments = arguments topology

        return
            { Seed = seed
              Benign = benign
              Byzantine = byzantine
              BenignRatio = benignRatio
              Placement = placement
              Arguments = arguments }
    }

/// The graph that the topology `file` reads: a ring with chords.
let private fileOf nodes =
    Graph.ofEdges
        nodes
        (Seq.distinct (
            seq {
                for node in 0 .. nodes - 1 do
                    for step in [ 1; 3 ] do
                        let other = (node + step) % nodes
                        struct (min node other, max node other)
            }
        ))

let private draw bound (topology: Component<Topology>) (plan: Plan) =
    let byzantine = Network.byzantineCount plan.Benign plan.Byzantine

    let demand =
        { BenignCount = plan.Benign
          ByzantineCount = byzantine
          Placement = plan.Placement
          Bound = bound plan }

    match (Component.choose plan.Arguments topology).Value with
    | Topology.File _ -> Topology.Listed(fileOf demand.Nodes)
    | other -> other
    |> Topology.draw demand (Random.shared plan.Seed Purpose.Topology)

let private enforced topology plan = draw (fun plan -> Some plan.BenignRatio) topology plan
let private free topology plan = draw (fun _ -> None) topology plan
let private edges network = Network.edges network |> Array.ofSeq

/// Whether b Byzantine of m neighbours are a share below 1 − ρ, in exact decimals.
let private below benignRatio byzantine neighbours = decimal byzantine < (1m - decimal benignRatio) * decimal neighbours

let private isBenignEdge (network: Network) (one, other) = not (network.Byzantine[one] || network.Byzantine[other])

let private isUndirected (network: Network) =
    network.Neighbours
    |> Array.indexed
    |> Array.forall (fun (node, neighbours) ->
        Array.pairwise neighbours |> Array.forall (fun (one, next) -> one < next)
        && neighbours
           |> Array.forall (fun other ->
               other <> node && System.Array.BinarySearch(network.Neighbours[other], node) >= 0))

let private hasCounts (plan: Plan) (network: Network) =
    let byzantine = network.Byzantine |> Seq.filter id |> Seq.length
    let exact = plan.Byzantine * float (plan.Benign + byzantine)

    Network.size network = plan.Benign + byzantine
    && (Network.benign network).Length = plan.Benign
    && abs (exact - float byzantine) <= 1.0

let private respectsBound (plan: Plan) network =
    Network.benign network
    |> Array.forall (fun node ->
        let byzantine = Network.byzantineNeighbours network node
        byzantine = 0 || below plan.BenignRatio byzantine network.Neighbours[node].Length)

let private dropsOnlyWhatItMust (plan: Plan) (before: Network) (after: Network) =
    let had, has = HashSet(edges before), HashSet(edges after)

    let needed node =
        let lost = before.Neighbours[node].Length - after.Neighbours[node].Length
        let byzantine, degree = Network.byzantineNeighbours after node, after.Neighbours[node].Length
        lost = 0 || not (below plan.BenignRatio (byzantine + 1) (degree + 1))

    before.Byzantine = after.Byzantine
    && has.IsSubsetOf had
    && had
       |> Seq.forall (fun (one, other) -> has.Contains(one, other) || before.Byzantine[one] <> before.Byzantine[other])
    && Network.benign after |> Array.forall needed

let private laws (topology: Component<Topology>) =
    // A refusal is no counterexample; that there are not too many is tested below.
    let law sentence holds =
        testProperty sentence
        <| forAll (plan topology.Name) (fun plan ->
            match enforced topology plan with
            | Ok network -> holds plan network
            | Error reason -> reason <> "")

    testList
        topology.Name
        [ law "the graph is undirected, without loops, its neighbour lists ascending" (fun _ -> isUndirected)
          law "the benign subgraph is connected" (fun _ -> Network.benignConnected)
          law "the counts are as planned" hasCounts
          law "every benign node's Byzantine share is below 1 − ρ" respectsBound

          law
              "enforcing the benign ratio drops only Byzantine edges of benign nodes, and none too many"
              (fun plan after ->
                  match free topology plan with
                  | Ok before -> dropsOnlyWhatItMust plan before after
                  | Error _ -> false)

          law "leaving Byzantine nodes out keeps exactly the edges between benign nodes" (fun _ network ->
              let absent = Network.withoutByzantine network
              edges absent = Array.filter (isBenignEdge network) (edges network))

          law "the same key draws the same network" (fun plan network -> enforced topology plan = Ok network)

          testCase "twenty seeds can all be drawn, and most of their networks differ"
          <| fun () ->
              let plans =
                  [ for seed in 1L .. 20L ->
                        { Seed = seed
                          Benign = 17
                          Byzantine = 0.1
                          BenignRatio = 0.4
                          Placement = Placement.Random
                          Arguments = Map.empty } ]

              let drawn = plans |> List.choose (enforced topology >> Result.toOption)
              // Graphs that are all the same differ in who is Byzantine.
              Expect.equal drawn.Length 20 "all 20 seeds"
              Expect.isGreaterThan (List.distinct drawn).Length 10 "distinct networks" ]

[<Tests>]
let tests = testList "network" (Catalogue.topologies |> List.map laws)
