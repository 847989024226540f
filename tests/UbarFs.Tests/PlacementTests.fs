/// Where the Byzantine nodes are.
module UbarFs.Tests.PlacementTests

open Expecto
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Testing.Generators

let private draw name arguments placement benign byzantine seed =
    let topology =
        Catalogue.topologies |> List.find (fun (topology: Component<Topology>) -> topology.Name = name)

    let demand =
        { BenignCount = benign
          ByzantineCount = byzantine
          Placement = placement
          Bound = None }

    Topology.draw demand (Random.shared seed Purpose.Topology) (Component.choose (Map arguments) topology).Value

let private drawn name arguments placement benign byzantine seed =
    match draw name arguments placement benign byzantine seed with
    | Ok network -> network
    | Error reason -> failtest reason

let private byzantine (network: Network) =
    [ for node in 0 .. Network.size network - 1 do
          if network.Byzantine[node] then
              node ]

let private isRefused name placement benign byzantine (part: string) =
    match draw name [] placement benign byzantine 1L with
    | Ok _ -> failtest $"{name} with {placement} should be refused"
    | Error reason -> Expect.stringContains reason part "the reason"

/// Four benign nodes or more, and the places of some Byzantine ones among all.
let private places =
    gen {
        let! benign = Gen.choose (4, 20)
        let! count = Gen.choose (1, 6)
        let! order = Gen.shuffle [| 0 .. benign + count - 1 |]
        return benign, List.ofArray (Array.truncate count order)
    }

/// A graph of benign nodes, and sybils that fit it.
let private joining =
    gen {
        let! name = Gen.elements [ "random"; "ring"; "star"; "complete"; "small-world"; "geometric" ]
        let! benign, byzantine = Gen.zip (Gen.choose (8, 20)) (Gen.choose (1, 8))
        let! order = Gen.shuffle [| 0 .. benign - 1 |]

        let! targets =
            Gen.choose (1, benign) |> Gen.map (fun count -> order |> Array.truncate count |> List.ofArray)

        let! targets = Gen.elements [ None; Some targets ]
        let! edges = Gen.choose (1, targets |> Option.map List.length |> Option.defaultValue benign)
        let! edges = Gen.elements [ None; Some edges ]
        let! seed = Gen.choose64 (0L, 10000L)
        return name, benign, byzantine, { Edges = edges; To = targets }, seed
    }

let private ofSybils (name, benign, byzantine, sybils, seed) =
    drawn name [] (Placement.Sybil sybils) benign byzantine seed

let private sybils =
    [ testProperty "sybils come last, each with its edges to different ones of the nodes that it may attach to"
      <| forAll joining (fun ((_, benign, count, sybils, _) as plan) ->
          let network = ofSybils plan
          let targets = sybils.To |> Option.defaultValue [ 0 .. benign - 1 ]
          let edges = sybils.Edges |> Option.defaultValue targets.Length

          byzantine network = [ benign .. benign + count - 1 ]
          && byzantine network
             |> List.forall (fun sybil ->
                 let neighbours = network.Neighbours[sybil]

                 neighbours.Length = edges
                 && Array.distinct neighbours = neighbours
                 && neighbours |> Array.forall (fun node -> List.contains node targets)))

      testProperty "sybils leave the benign nodes the connected network that they have alone"
      <| forAll joining (fun ((name, benign, _, _, seed) as plan) ->
          let network, alone = ofSybils plan, drawn name [] (Placement.Nodes []) benign 0 seed
          let own node = network.Neighbours[node] |> Array.filter (fun other -> other < benign)
          Network.benignConnected network && Array.init benign own = alone.Neighbours)

      testProperty "every edge of a sybil has two ends, and the same seed gives the same ones"
      <| forAll joining (fun plan ->
          let network = ofSybils plan

          network = ofSybils plan
          && network.Neighbours
             |> Array.indexed
             |> Array.forall (fun (node, neighbours) ->
                 neighbours |> Array.forall (fun other -> Array.contains node network.Neighbours[other])))

      testCase "sybils choose any of the nodes, as likely as any others"
      <| fun () ->
          let sybils = Placement.Sybil { Edges = Some 2; To = None }

          let chosen =
              [ for seed in 1L .. 500L -> (drawn "ring" [] sybils 5 1 seed).Neighbours[5] |> List.ofArray ]

          let counts = chosen |> List.countBy id
          Expect.hasLength counts 10 "every pair of five nodes"
          // 50 each: seven standard deviations of a binomial number are 47.
          Expect.all counts (fun (_, count) -> count > 3 && count < 97) "about as often" ]

[<Tests>]
let tests =
    testList "placement"
    <| [ testProperty "listed nodes are the Byzantine ones"
         <| forAll (Gen.zip (Gen.elements [ "random"; "complete" ]) places) (fun (name, (benign, places)) ->
             let arguments = if name = "random" then [ "ratio", Value.Real 0.7 ] else []
             let network = drawn name arguments (Placement.Nodes places) benign places.Length 1L
             byzantine network = List.sort places)

         testProperty "degree places them at the nodes with the most neighbours, the lowest of equals"
         <| forAll
             (Gen.zip (Gen.elements [ "random"; "geometric"; "small-world" ]) (Gen.choose64 (0L, 10000L)))
             (fun (name, seed) ->
                 match draw name [] Placement.Degree 20 4 seed with
                 | Error reason -> failtest reason
                 | Ok network ->
                     let byDegree = [ 0..23 ] |> List.sortBy (fun node -> -network.Neighbours[node].Length, node)
                     byzantine network = List.sort (List.take 4 byDegree))

         testProperty "in the paper's networks they come last"
         <| forAll (Gen.zip (Gen.choose (1, 30)) (Gen.choose (0, 10))) (fun (benign, count) ->
             let network = drawn "random" [ "ratio", Value.Real 0.6 ] Placement.Random benign count 3L
             byzantine network = [ benign .. benign + count - 1 ])

         testProperty "listing the last nodes in the paper's networks changes nothing"
         <| forAll (Gen.choose64 (0L, 10000L)) (fun seed ->
             let listed = drawn "random" [] (Placement.Nodes [ 14; 12; 13 ]) 12 3 seed
             listed = drawn "random" [] Placement.Random 12 3 seed)

         testProperty "listing other nodes in the paper's networks only renames the nodes"
         <| forAll (Gen.zip places (Gen.choose64 (0L, 10000L))) (fun ((benign, places), seed) ->
             let draw placement = drawn "random" [ "ratio", Value.Real 0.6 ] placement benign places.Length seed
             let last, listed = draw Placement.Random, draw (Placement.Nodes places)
             let names = List.except places [ 0 .. Network.size last - 1 ] @ List.sort places |> Array.ofList

             last.Neighbours
             |> Array.indexed
             |> Array.forall (fun (node, neighbours) ->
                 listed.Neighbours[names[node]] = Array.sort (neighbours |> Array.map (fun other -> names[other]))))

         testCase "random placement finds every node"
         <| fun () ->
             let found = [ for seed in 1L .. 100L -> byzantine (drawn "ring" [] Placement.Random 9 1 seed) ]
             Expect.equal (List.distinct found).Length 10 "100 draws of one of 10 nodes"

         testCase "random placement is drawn again until the benign nodes are connected"
         <| fun () ->
             for seed in 1L .. 10L do
                 // 14 of 1,001 placements leave a ring connected.
                 let ring = drawn "ring" [] Placement.Random 10 4 seed
                 Expect.isTrue (Network.benignConnected ring) "the ring"
                 let star = drawn "star" [] Placement.Random 3 5 seed
                 Expect.isFalse star.Byzantine[0] "the star's centre"

         testCase "who is cut off is said, and what to do"
         <| fun () ->
             isRefused "ring" (Placement.Nodes [ 3; 7 ]) 8 2 "benign nodes 4, 5, 6 are cut off"
             isRefused "ring" (Placement.Nodes [ 3; 5 ]) 8 2 "benign node 4 is cut off"
             isRefused "ring" (Placement.Nodes [ 3; 7 ]) 8 2 "placement"
             isRefused "star" Placement.Degree 8 1 "node 0"
             isRefused "dumbbell" (Placement.Nodes [ 4 ]) 9 1 "bridge"
             isRefused "ring" Placement.Random 30 13 "in 10000 draws"

         testCase "a list must name each Byzantine node once"
         <| fun () ->
             isRefused "complete" (Placement.Nodes [ 3; 10 ]) 8 2 "nodes are 0 to 9"
             isRefused "complete" (Placement.Nodes [ 3; -1 ]) 8 2 "names -1"
             isRefused "complete" (Placement.Nodes [ 3; 3 ]) 8 2 "more than once"
             isRefused "complete" (Placement.Nodes [ 3; 7 ]) 8 3 "names 2 nodes, but 3"

         testCase "placements are written as in a scenario"
         <| fun () ->
             [ Placement.Random
               Placement.Degree
               Placement.Nodes [ 7; 3 ]
               Placement.Sybil { Edges = None; To = None }
               Placement.Sybil { Edges = Some 2; To = Some [ 4; 0; 1 ] } ]
             |> List.map string
             |> fun texts ->
                 Expect.equal
                     texts
                     [ "random"
                       "degree"
                       "[3, 7]"
                       "{ sybil: { edges: all, to: any } }"
                       "{ sybil: { edges: 2, to: [0, 1, 4] } }" ]
                     "canonical texts"

         testCase "sybils that cannot attach themselves so are refused"
         <| fun () ->
             let sybil edges targets = Placement.Sybil { Edges = edges; To = targets }
             isRefused "ring" (sybil (Some 9) None) 8 2 "has 9 edges for each Byzantine node, but only 8 benign nodes"
             isRefused "ring" (sybil (Some 2) (Some [ 5 ])) 8 2 "only 1 benign node to attach to"
             isRefused "ring" (sybil None (Some [ 8; 2 ])) 8 2 "attaches to 8, but the benign nodes are 0 to 7"
             isRefused "ring" (sybil None (Some [ 2; 2 ])) 8 2 "attaches to 2 more than once" ]
       @ sybils
