namespace UbarFs.Core

open UbarFs.Kernels

/// Which nodes of a graph are Byzantine.
[<RequireQualifiedAccess>]
type Placement =
    /// Any, with equal probability.
    | Random
    /// Those with the most neighbours; of equals, the lowest.
    | Degree
    | Nodes of int list

    /// The form of the language, with nodes in ascending order: it identifies the placement.
    override placement.ToString() =
        match placement with
        | Random -> "random"
        | Degree -> "degree"
        | Nodes nodes -> List.sort nodes |> List.map string |> String.concat ", " |> sprintf "[%s]"

[<RequireQualifiedAccess>]
module Placement =

    let private listed nodes = nodes |> Seq.map string |> String.concat ", "

    let private checkNodes nodes byzantine places =
        let outside = places |> List.filter (fun node -> node < 0 || node >= nodes)
        let repeated = places |> List.countBy id |> List.filter (fun (_, times) -> times > 1) |> List.map fst

        if not outside.IsEmpty then
            Error $"the placement names {listed outside}, but the network's nodes are 0 to {nodes - 1}"
        elif not repeated.IsEmpty then
            Error $"the placement names {listed repeated} more than once"
        elif places.Length <> byzantine then
            Error $"the placement names {places.Length} nodes, but {byzantine} of the network's {nodes} are Byzantine"
        else
            Ok()

    /// Whether a placement suits the number of nodes and of Byzantine nodes; a list must name each of these once.
    let check nodes byzantine placement =
        match placement with
        | Placement.Random
        | Placement.Degree -> Ok()
        | Placement.Nodes places -> checkNodes nodes byzantine places

    /// For each node of the graph whether it is Byzantine. The placement has been checked.
    let place (graph: Graph) byzantine (random: KeyedRandom) placement =
        let isByzantine = Array.create graph.Length false

        let chosen =
            match placement with
            | Placement.Random -> Array.truncate byzantine (random.Permutation graph.Length)
            | Placement.Degree ->
                Array.init graph.Length id
                |> Array.sortBy (fun node -> -graph[node].Length, node)
                |> Array.truncate byzantine
            | Placement.Nodes nodes -> Array.ofList nodes

        for node in chosen do
            isByzantine[node] <- true

        isByzantine
