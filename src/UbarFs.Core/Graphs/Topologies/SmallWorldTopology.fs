/// Small worlds: a ring of close neighbours in which some edges are rewired to distant ones.
[<RequireQualifiedAccess>]
module UbarFs.Core.SmallWorldTopology

open System.Collections.Generic
open UbarFs.Kernels

/// Each node with the k/2 next ones on the ring.
let private lattice k nodes =
    let neighbours = Array.init nodes (fun _ -> HashSet<int>())

    for node in 0 .. nodes - 1 do
        for step in 1 .. k / 2 do
            neighbours[node].Add((node + step) % nodes) |> ignore
            neighbours[(node + step) % nodes].Add node |> ignore

    neighbours

/// A node that is neither this one nor its neighbour, each with the same probability. There is one.
let rec private stranger (random: KeyedRandom) (neighbours: HashSet<int>[]) node =
    match random.NextInt neighbours.Length with
    | other when other <> node && not (neighbours[node].Contains other) -> other
    | _ -> stranger random neighbours node

let private rewire (random: KeyedRandom) beta (neighbours: HashSet<int>[]) node other =
    if random.NextBool beta && neighbours[node].Count < neighbours.Length - 1 then
        let replacement = stranger random neighbours node
        neighbours[node].Remove other |> ignore
        neighbours[other].Remove node |> ignore
        neighbours[node].Add replacement |> ignore
        neighbours[replacement].Add node |> ignore

let private draw k beta nodes random =
    if k % 2 = 1 then
        Error $"k must be even, half of the {k} neighbours on either side"
    elif k >= nodes then
        Error $"nodes with {k} neighbours each need a network of {k + 1} nodes, but it has {nodes}"
    else
        let neighbours = lattice k nodes

        for step in 1 .. k / 2 do
            for node in 0 .. nodes - 1 do
                rewire random beta neighbours node ((node + step) % nodes)

        Ok(neighbours |> Array.map (Seq.sort >> Array.ofSeq))

let topology: Component<Topology> =
    settings {
        let! k = Setting.whole "k" 2 1000000 4 "neighbours on the ring before rewiring; even"
        and! beta = Setting.ratio "beta" 0.1 "probability that an edge is rewired"

        return GraphFamily.random "raise k, or take fewer Byzantine nodes" (draw k beta) |> Topology.Family
    }
    |> Define.Named "small-world"
    |> Component.describedBy
        "a ring of close neighbours with some edges to distant nodes"
        "Every node is connected with the k/2 next ones on either side of a ring. Each edge is then, with probability \
         β, replaced by one from the same node to a random node that is not its neighbour yet: the n·k/2 edges stay \
         as many."
        "Watts and Strogatz, Nature 1998"
