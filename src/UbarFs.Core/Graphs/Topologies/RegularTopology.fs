/// Random regular graphs: every node has the same number of neighbours.
[<RequireQualifiedAccess>]
module UbarFs.Core.RegularTopology

open System.Collections.Generic
open UbarFs.Kernels

let private attempts = 1000

let private edge one other = struct (min one other, max one other)

/// Whether two of these edge ends belong to different nodes that are not connected yet.
let private canPair (edges: HashSet<struct (int * int)>) (ends: int[]) =
    let nodes = Array.distinct ends

    Seq.allPairs nodes nodes
    |> Seq.exists (fun (one, other) -> one < other && not (edges.Contains(edge one other)))

/// Pairs edge ends in random order, and those whose pair would be a loop or a second edge again with each other, until
/// none is left, or no pair of them can be an edge.
let private pair (random: KeyedRandom) degree nodes =
    let edges = HashSet<struct (int * int)>()

    let rec pairUp (ends: int[]) =
        let order = random.Permutation ends.Length |> Array.map (fun position -> ends[position])

        let left =
            order
            |> Array.chunkBySize 2
            |> Array.collect (fun pair ->
                if pair[0] <> pair[1] && edges.Add(edge pair[0] pair[1]) then
                    [||]
                else
                    pair)

        if left.Length = 0 then
            Some(Graph.ofEdges nodes edges)
        elif left.Length < ends.Length || canPair edges left then
            pairUp left
        else
            None

    pairUp (Array.init (nodes * degree) (fun position -> position / degree))

let private sparse (random: KeyedRandom) degree nodes =
    Seq.init attempts (fun _ -> pair random degree nodes)
    |> Seq.tryPick id
    |> Option.map Ok
    |> Option.defaultWith (fun () -> Error $"no {degree}-regular graph of {nodes} nodes came up in {attempts} draws")

let private draw degree nodes random =
    if degree >= nodes then
        Error $"nodes with {degree} neighbours each need a network of {degree + 1} nodes, but it has {nodes}"
    elif degree % 2 = 1 && nodes % 2 = 1 then
        Error
            $"no graph of {nodes} nodes, benign and Byzantine ones together, gives each {degree} neighbours: one of \
              the two numbers must be even"
    // Pairing rarely works out in dense graphs; the graph of what is missing is sparse, and regular too.
    elif 2 * degree >= nodes then
        sparse random (nodes - 1 - degree) nodes |> Result.map Graph.complement
    else
        sparse random degree nodes

let topology: Component<Topology> =
    settings {
        let! degree = Setting.whole "k" 1 1000000 4 "neighbours of each node"

        return GraphFamily.random "raise k, or take fewer Byzantine nodes" (draw degree) |> Topology.Family
    }
    |> Define.Named "k-regular"
    |> Component.describedBy
        "a random graph in which every node has k neighbours"
        "The k edge ends of all nodes are paired at random; pairs that would be loops or double edges are paired \
         again. Close to uniform over all k-regular graphs. k < n, and k·n is even."
        "Steger and Wormald, 1999; Kim and Vu, STOC 2003"
