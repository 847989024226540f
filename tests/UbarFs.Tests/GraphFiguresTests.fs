/// Figures of graphs for which they are known.
module UbarFs.Tests.GraphFiguresTests

open System
open Expecto
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Testing.Generators

let private graph name arguments seed nodes =
    let topology =
        Catalogue.topologies |> List.find (fun (topology: Component<Topology>) -> topology.Name = name)

    let demand =
        { BenignCount = nodes
          ByzantineCount = 0
          Placement = Placement.Random
          Bound = None }

    match
        Topology.draw demand (Random.shared seed Purpose.Topology) (Component.choose (Map arguments) topology).Value
    with
    | Ok network -> network.Neighbours
    | Error reason -> failtest reason

let private figures graph =
    GraphFigures.ofNetwork MixingWeights.Equal (Network.create graph (Array.create (Array.length graph) false))

let private isAbout expected number = abs (expected - number) < 1e-9

/// Edges on the shortest paths between all pairs of nodes (Floyd and Warshall).
let private longestShortest (graph: Graph) =
    let distances =
        Array2D.init graph.Length graph.Length (fun one other ->
            if one = other then 0
            elif Array.contains other graph[one] then 1
            else 1000000)

    for via in 0 .. graph.Length - 1 do
        for one in 0 .. graph.Length - 1 do
            for other in 0 .. graph.Length - 1 do
                distances[one, other] <- min distances[one, other] (distances[one, via] + distances[via, other])

    distances |> Seq.cast<int> |> Seq.max

[<Tests>]
let tests =
    testList
        "graph figures"
        [ testProperty "a ring has τ = ⌊n/2⌋ and the gap 1 − (1 + 2 cos 2π/n)/3"
          <| forAll (Gen.choose (4, 150)) (fun nodes ->
              let ring = figures (graph "ring" [] 1L nodes)

              ring.Tau = Some(nodes / 2)
              && isAbout (1.0 - (1.0 + 2.0 * cos (2.0 * Math.PI / float nodes)) / 3.0) ring.SpectralGap
              && ring.Edges = int64 nodes
              && ring.BenignDegrees = { Least = 2; Mean = 2.0; Most = 2 })

          testProperty "a complete graph has τ = 1 and the gap 1"
          <| forAll (Gen.choose (2, 100)) (fun nodes ->
              let complete = figures (graph "complete" [] 1L nodes)
              complete.Tau = Some 1 && isAbout 1.0 complete.SpectralGap)

          testProperty "a star has τ = 2 and the gap 1/2"
          <| forAll (Gen.choose (3, 100)) (fun nodes ->
              // The leaves differ from each other only in themselves, and keep half: λ₂ = 1/2.
              let star = figures (graph "star" [] 1L nodes)

              star.Tau = Some 2
              && isAbout 0.5 star.SpectralGap
              && (star.BenignDegrees.Least, star.BenignDegrees.Most) = (1, nodes - 1))

          testProperty "τ is the longest of the shortest paths"
          <| forAll (Gen.zip (Gen.choose (2, 90)) (Gen.choose64 (0L, 10000L))) (fun (nodes, seed) ->
              let chain = Graph.ofEdges nodes (Seq.init (nodes - 1) (fun node -> struct (node, node + 1)))

              [ chain
                graph "random" [ "ratio", Value.Real 0.3 ] seed (max 20 nodes)
                graph "dumbbell" [] seed nodes ]
              |> List.forall (fun graph -> Diameter.ofGraph graph = longestShortest graph))

          testCase "a single node needs no path"
          <| fun () ->
              let alone = figures [| [||] |]
              Expect.equal (alone.Tau, alone.SpectralGap, alone.BenignParts) (Some 0, 1.0, 1) "τ, gap, parts"

          testCase "Byzantine nodes count for the degrees and the share, not for τ and the gap"
          <| fun () ->
              // 0 – 1 – 2 – 0, and the Byzantine 3 next to 0 and 1.
              let edges = [ 0, 1; 1, 2; 2, 0; 3, 0; 3, 1 ]

              let figures =
                  GraphFigures.ofNetwork MixingWeights.Equal (Network.ofEdges [| false; false; false; true |] edges)

              let served = GraphFigures.ofNetwork MixingWeights.Equal (Network.served [| false; true; true; false |])
              Expect.isTrue served.IsServed "a server"
              Expect.equal served.LargestByzantineShare 0.5 "of all that it hears"

              Expect.equal
                  figures
                  { Benign = 3
                    Byzantine = 1
                    IsServed = false
                    Edges = 5L
                    BenignDegrees = { Least = 2; Mean = 8.0 / 3.0; Most = 3 }
                    ByzantineDegrees = Some { Least = 2; Mean = 2.0; Most = 2 }
                    BenignParts = 1
                    Tau = Some 1
                    LargestByzantineShare = 1.0 / 3.0
                    SpectralGap = figures.SpectralGap }
                  "figures"

              Expect.isTrue (isAbout 1.0 figures.SpectralGap) "three benign nodes, all connected"

          testCase "Byzantine nodes that take no part have no degrees"
          <| fun () ->
              let edges = [ 0, 1; 1, 2; 2, 0; 3, 0; 3, 1 ]
              let network = Network.withoutByzantine (Network.ofEdges [| false; false; false; true |] edges)
              let figures = GraphFigures.ofParticipants MixingWeights.Equal (Network.benign network) network
              Expect.equal (figures.Benign, figures.Byzantine, figures.Edges) (3, 0, 3L) "who takes part"
              Expect.equal figures.BenignDegrees { Least = 2; Mean = 2.0; Most = 2 } "of the benign nodes"
              Expect.isNone figures.ByzantineDegrees "of nobody"

          testCase "a benign subgraph in parts has no τ and no gap"
          <| fun () ->
              let figures =
                  GraphFigures.ofNetwork MixingWeights.Equal (Network.ofEdges [| false; true; false |] [ 0, 1; 1, 2 ])

              Expect.equal (figures.BenignParts, figures.Tau, figures.SpectralGap) (2, None, 0.0) "parts, τ, gap"

          testCase "the Lanczos method finds the gap of a long ring, too"
          <| fun () ->
              let expected = 2.0 / 3.0 * (1.0 - cos (2.0 * Math.PI / 600.0))
              let gap = Spectrum.spectralGap MixingWeights.Equal (graph "ring" [] 1L 600)
              Expect.isLessThan (abs (gap - expected)) (1e-6 * expected) "1 − (1 + 2 cos 2π/n)/3"

          testCase "both ways to the spectral gap agree"
          <| fun () ->
              for large in
                  [ graph "random" [ "ratio", Value.Real 0.05 ] 1L 200
                    graph "k-regular" [] 2L 200
                    graph "torus" [] 3L 200
                    graph "complete" [] 1L 60
                    graph "small-world" [ "beta", Value.Real 0.3 ] 4L 400 ] do
                  for name, weights in MixingWeights.all do
                      let gap = Spectrum.denseGap weights large

                      Expect.isLessThan
                          (abs (Spectrum.lanczosGap weights large - gap))
                          (1e-6 * gap)
                          $"the Lanczos method's gap, {name}"

          testCase "three nodes in a line: the eigenvalues by hand"
          <| fun () ->
              // Equal: 1, 1/2, −1/6. Metropolis, which is max-degree here: 1, 2/3, 0. Lazy: half of that and 1/2 more.
              let line: Graph = [| [| 1 |]; [| 0; 2 |]; [| 1 |] |]

              for weights, expected in
                  [ MixingWeights.Equal, 1.0 / 2.0
                    MixingWeights.Metropolis, 1.0 / 3.0
                    MixingWeights.MaxDegree, 1.0 / 3.0
                    MixingWeights.LazyMetropolis, 1.0 / 6.0 ] do
                  let network = Network.create line [| false; false; false |]
                  let gap = (GraphFigures.ofNetwork weights network).SpectralGap
                  Expect.isTrue (isAbout expected gap) $"{weights}: {gap}" ]
