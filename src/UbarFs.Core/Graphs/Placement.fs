namespace UbarFs.Core

open UbarFs.Kernels

/// To whom Byzantine nodes attach themselves when they join a network of benign ones.
type Sybils =
    {
        /// How many of the nodes each of them has for neighbours; none: all of them.
        Edges: int option
        /// The benign nodes that they can choose from; none: all benign ones.
        To: int list option
    }

/// Which nodes of a graph are Byzantine.
[<RequireQualifiedAccess>]
type Placement =
    /// Any, with equal probability.
    | Random
    /// Those with the most neighbours; of equals, the lowest.
    | Degree
    | Nodes of int list
    /// The last ones, which join a graph of the benign ones, each by edges of its own.
    | Sybil of Sybils

    /// The form of the language, with nodes in ascending order: it identifies the placement.
    override placement.ToString() =
        let listed nodes = List.sort nodes |> List.map string |> String.concat ", " |> sprintf "[%s]"

        match placement with
        | Random -> "random"
        | Degree -> "degree"
        | Nodes nodes -> listed nodes
        | Sybil sybils ->
            let edges = sybils.Edges |> Option.map string |> Option.defaultValue "all"
            let targets = sybils.To |> Option.map listed |> Option.defaultValue "any"
            $"{{ sybil: {{ edges: {edges}, to: {targets} }} }}"

[<RequireQualifiedAccess>]
module Placement =

    let private listed nodes = nodes |> Seq.map string |> String.concat ", "

    let private repeatedIn places =
        places |> List.countBy id |> List.filter (fun (_, times) -> times > 1) |> List.map fst

    let private checkNodes nodes byzantine places =
        let outside = places |> List.filter (fun node -> node < 0 || node >= nodes)
        let repeated = repeatedIn places

        if not outside.IsEmpty then
            Error $"the placement names {listed outside}, but the network's nodes are 0 to {nodes - 1}"
        elif not repeated.IsEmpty then
            Error $"the placement names {listed repeated} more than once"
        elif places.Length <> byzantine then
            Error $"the placement names {places.Length} nodes, but {byzantine} of the network's {nodes} are Byzantine"
        else
            Ok()

    let private checkSybils benign (sybils: Sybils) =
        let targets = sybils.To |> Option.defaultValue [ 0 .. benign - 1 ]
        let outside = targets |> List.filter (fun node -> node < 0 || node >= benign)
        let repeated = repeatedIn targets

        match sybils.Edges with
        | _ when not outside.IsEmpty ->
            Error $"'sybil' attaches to {listed outside}, but the benign nodes are 0 to {benign - 1}"
        | _ when not repeated.IsEmpty -> Error $"'sybil' attaches to {listed repeated} more than once"
        | Some edges when edges > targets.Length ->
            let noun = if targets.Length = 1 then "node" else "nodes"

            Error
                $"'sybil' has {edges} edges for each Byzantine node, but only {targets.Length} benign {noun} to attach to"
        | _ -> Ok()

    /// Whether a placement suits the number of nodes and of Byzantine nodes; a list must name each of these once.
    let check nodes byzantine placement =
        match placement with
        | Placement.Random
        | Placement.Degree -> Ok()
        | Placement.Nodes places -> checkNodes nodes byzantine places
        | Placement.Sybil sybils -> checkSybils (nodes - byzantine) sybils

    /// How many neighbours each Byzantine node chooses among so many benign ones; none where it does not choose.
    let edges benign placement : int option =
        match placement with
        | Placement.Sybil sybils ->
            let targets = sybils.To |> Option.map List.length |> Option.defaultValue benign
            Some(Option.defaultValue targets sybils.Edges)
        | Placement.Random
        | Placement.Degree
        | Placement.Nodes _ -> None

    /// The benign nodes that each of some Byzantine ones attaches itself to, ascending. The sybils have been checked.
    let attach benign byzantine (random: KeyedRandom) (sybils: Sybils) : int[][] =
        let targets =
            sybils.To |> Option.map (List.sort >> Array.ofList) |> Option.defaultValue [| 0 .. benign - 1 |]

        Array.init byzantine (fun _ ->
            match sybils.Edges with
            | None -> targets
            | Some edges -> Random.distinct random edges targets.Length |> Array.map (Array.get targets))

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
            | Placement.Sybil _ -> [| graph.Length - byzantine .. graph.Length - 1 |]

        for node in chosen do
            isByzantine[node] <- true

        isByzantine
