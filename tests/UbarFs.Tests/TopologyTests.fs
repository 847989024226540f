/// What sets each family of graphs apart.
module UbarFs.Tests.TopologyTests

open Expecto
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Testing.Generators

let private find name =
    Catalogue.topologies |> List.find (fun (topology: Component<Topology>) -> topology.Name = name)

/// A graph of benign nodes alone.
let private tryGraph name arguments seed nodes =
    let demand =
        { BenignCount = nodes
          ByzantineCount = 0
          Placement = Placement.Random
          Bound = None }

    Topology.draw demand (Random.shared seed Purpose.Topology) (Component.choose (Map arguments) (find name)).Value
    |> Result.map _.Neighbours

let private graph name arguments seed nodes =
    match tryGraph name arguments seed nodes with
    | Ok graph -> graph
    | Error reason -> failtest reason

let private degrees (graph: Graph) = graph |> Array.map _.Length

let private isRefused name arguments nodes (part: string) =
    match tryGraph name arguments 1L nodes with
    | Ok _ -> failtest $"{name} of {nodes} nodes should be refused"
    | Error reason -> Expect.stringContains reason part "the reason"

let private whole (number: int) = Value.Whole(int64 number)
let private sizes = Gen.choose (3, 60)
let private seeds = Gen.choose64 (0L, 100000L)

let private fixedFamilies =
    [ testProperty "every node of a ring has the two next to it"
      <| forAll sizes (fun nodes ->
          graph "ring" [] 1L nodes =
              Array.init nodes (fun node -> Array.sort [| (node + 1) % nodes; (node + nodes - 1) % nodes |]))

      testProperty "every node of a complete graph has all others"
      <| forAll sizes (fun nodes -> degrees (graph "complete" [] 1L nodes) = Array.create nodes (nodes - 1))

      testProperty "a star's centre has all others, and they have the centre"
      <| forAll sizes (fun nodes ->
          let star = graph "star" [] 1L nodes
          star[0] = [| 1 .. nodes - 1 |] && Array.tail star = Array.create (nodes - 1) [| 0 |])

      testProperty "a torus has four neighbours a node, two apart in rows or columns"
      <| forAll (Gen.zip (Gen.choose (3, 8)) (Gen.choose (3, 8))) (fun (rows, columns) ->
          let torus = graph "torus" [ "rows", whole rows; "columns", whole columns ] 1L (rows * columns)

          degrees torus = Array.create (rows * columns) 4
          && torus[0] = Array.sort [| 1; columns - 1; columns; (rows - 1) * columns |])

      testCase "thin tori have fewer neighbours"
      <| fun () ->
          Expect.equal (degrees (graph "torus" [ "rows", whole 2 ] 1L 10)) (Array.create 10 3) "2 × 5"
          Expect.equal (degrees (graph "torus" [ "columns", whole 2 ] 1L 4)) (Array.create 4 2) "2 × 2"
          Expect.equal (graph "torus" [] 1L 13) (graph "ring" [] 1L 13) "13 is prime"

      testCase "a torus left to fit is as square as it can be"
      <| fun () ->
          for nodes, rows in [ 12, 3; 16, 4; 30, 5; 42, 6; 36, 6 ] do
              Expect.equal (graph "torus" [] 1L nodes) (graph "torus" [ "rows", whole rows ] 1L nodes) $"{nodes} nodes"

      testCase "a torus that does not hold the nodes is refused"
      <| fun () ->
          isRefused "torus" [ "rows", whole 5 ] 12 "do not fill 5 rows"
          isRefused "torus" [ "columns", whole 7 ] 12 "do not fill 7 columns"
          isRefused "torus" [ "rows", whole 3; "columns", whole 5 ] 12 "has 15 nodes"

      testProperty "a dumbbell has its bridges and no other edge between its halves"
      <| forAll (Gen.zip sizes (Gen.choose (1, 30))) (fun (nodes, bridges) ->
          let bridges = min bridges (nodes / 2)
          let half = (nodes + 1) / 2
          let edges = graph "dumbbell" [ "bridges", whole bridges ] 1L nodes |> Graph.edges |> List.ofSeq
          let across = edges |> List.filter (fun struct (one, other) -> one < half && other >= half)
          let pairs nodes = nodes * (nodes - 1) / 2

          across.Length = bridges
          && edges.Length = pairs half + pairs (nodes - half) + bridges
          && across |> List.collect (fun struct (one, other) -> [ one; other ]) |> List.distinct |> List.length =
              2 * bridges)

      testCase "a dumbbell with more bridges than nodes to carry them is refused"
      <| fun () -> isRefused "dumbbell" [ "bridges", whole 6 ] 11 "12 nodes" ]

let private randomFamilies =
    [ testProperty "every node of a k-regular graph has k neighbours"
      <| forAll (Gen.zip3 (Gen.choose (3, 40)) (Gen.choose (2, 39)) seeds) (fun (nodes, k, seed) ->
          let k = min k (nodes - 1)
          let nodes = if k % 2 = 1 && nodes % 2 = 1 then nodes + 1 else nodes
          degrees (graph "k-regular" [ "k", whole k ] seed nodes) = Array.create nodes k)

      testCase "k-regular graphs reach all pairs alike"
      <| fun () ->
          let counts = Array2D.zeroCreate 8 8

          for seed in 1L .. 400L do
              for struct (one, other) in Graph.edges (graph "k-regular" [ "k", whole 3 ] seed 8) do
                  counts[one, other] <- counts[one, other] + 1

          // Each of the 28 pairs is an edge with probability 3/7: 171 of 400, with a standard deviation of 10.
          for one in 0..7 do
              for other in one + 1 .. 7 do
                  Expect.isLessThan (abs (counts[one, other] - 171)) 50 $"pair {one}, {other}"

      testCase "degrees that no graph has are refused"
      <| fun () ->
          isRefused "k-regular" [ "k", whole 3 ] 9 "must be even"
          isRefused "k-regular" [ "k", whole 9 ] 9 "network of 10 nodes"
          isRefused "small-world" [ "k", whole 3 ] 9 "k must be even"
          isRefused "small-world" [ "k", whole 10 ] 9 "network of 11 nodes"

      testProperty "a small world has n·k/2 edges, rewired or not"
      <| forAll (Gen.zip3 (Gen.choose (8, 40)) (Gen.choose (2, 3)) seeds) (fun (nodes, half, seed) ->
          [ 0.0; 0.2; 1.0 ]
          |> List.forall (fun beta ->
              let world = graph "small-world" [ "k", whole (2 * half); "beta", Value.Real beta ] seed nodes
              Graph.edgeCount world = int64 (nodes * half)))

      testCase "a small world rewires the share β of the ring's edges"
      <| fun () ->
          let ring = graph "small-world" [ "beta", Value.Real 0.0 ] 1L 2000
          let isClose one other = min (other - one) (2000 - other + one) <= 2
          Expect.isTrue (Graph.edges ring |> Seq.forall (fun struct (one, other) -> isClose one other)) "β = 0"
          let world = graph "small-world" [ "beta", Value.Real 0.25 ] 1L 2000

          let far =
              Graph.edges world |> Seq.filter (fun struct (one, other) -> not (isClose one other)) |> Seq.length
          // Of 4,000 edges 1,000, with a standard deviation of 27.
          Expect.isLessThan (abs (far - 1000)) 120 "rewired edges"

      testProperty "a geometric graph connects exactly the points within the radius"
      <| forAll (Gen.zip3 (Gen.choose (1, 60)) (Gen.choose (1, 140)) seeds) (fun (nodes, percent, seed) ->
          let radius = float percent / 100.0
          let points = GeometricTopology.points nodes (Random.shared seed Purpose.Topology)

          let isEdge one other =
              let struct (x, y), struct (u, v) = points[one], points[other]
              one <> other && (x - u) ** 2.0 + (y - v) ** 2.0 <= radius ** 2.0

          GeometricTopology.within radius points =
              Array.init nodes (fun node ->
                  [| for other in 0 .. nodes - 1 do
                         if isEdge node other then
                             other |])) ]

let private connectionRatio =
    [ testCase "pairs are connected with the connection ratio, benign and Byzantine ones alike"
      <| fun () ->
          let demand =
              { BenignCount = 30
                ByzantineCount = 13
                Placement = Placement.Random
                Bound = None }

          let topology = (Component.choose Map.empty (find "random")).Value

          let shares =
              [ for seed in 1L .. 200L do
                    match Topology.draw demand (Random.shared seed Purpose.Topology) topology with
                    | Ok network ->
                        let benign = Network.withoutByzantine network |> Network.edges |> Seq.length
                        let all = Network.edges network |> Seq.length
                        float benign / 435.0, float (all - benign) / 468.0
                    | Error reason -> failtest reason ]

          // 200 networks of 435 and 468 pairs: the standard errors of the mean shares are below 0.0017.
          Expect.isLessThan (abs (List.averageBy fst shares - 0.4)) 0.008 "benign pairs"
          Expect.isLessThan (abs (List.averageBy snd shares - 0.4)) 0.008 "pairs with a Byzantine node"

      testCase "every pair has its chance, also at a small ratio"
      <| fun () ->
          let family =
              match (Component.choose (Map [ "ratio", Value.Real 0.05 ]) (find "random")).Value with
              | Topology.Family family -> family
              | other -> failtestf "%A" other

          let counts = Array2D.zeroCreate 6 6
          let random = Random.shared 5L Purpose.Topology

          for _ in 1..4000 do
              match family.Draw 6 random with
              | Ok graph ->
                  for struct (one, other) in Graph.edges graph do
                      counts[one, other] <- counts[one, other] + 1
              | Error reason -> failtest reason

          // 200 of 4,000, with a standard deviation of 14.
          for one in 0..5 do
              for other in one + 1 .. 5 do
                  Expect.isLessThan (abs (counts[one, other] - 200)) 70 $"pair {one}, {other}"

      testProperty "a ratio of 1 connects all pairs"
      <| forAll (Gen.zip sizes seeds) (fun (nodes, seed) ->
          graph "random" [ "ratio", Value.Real 1.0 ] seed nodes = graph "complete" [] 1L nodes)

      testCase "30 benign nodes at ratios 0.1, 0.3 and 0.5 get 3, 13 and 30 Byzantine ones"
      <| fun () ->
          let counts = [ 0.1; 0.3; 0.5 ] |> List.map (Network.byzantineCount 30)
          Expect.equal counts [ 3; 13; 30 ] "n_f = round(r/(1−r)·n_b)"

      testCase "a ratio that cannot connect the benign nodes is refused with the reason"
      <| fun () ->
          // About 5 edges, and next to none.
          for ratio in [ 0.001; 1e-300 ] do
              isRefused "random" [ "ratio", Value.Real ratio ] 100 "raise the ratio"

      testCase "a sparse network of thousands of nodes is drawn at once"
      <| fun () ->
          let large = graph "random" [ "ratio", Value.Real 0.004 ] 1L 5000
          // 49,990 edges, with a standard deviation of 223.
          Expect.isLessThan (abs (Graph.edgeCount large - 49990L)) 1200L "edges" ]

[<Tests>]
let tests =
    testList
        "topology"
        [ testList "fixed" fixedFamilies
          testList "drawn" randomFamilies
          testList "random" connectionRatio ]
