namespace UbarFs.Core

open System
open System.Security.Cryptography
open System.Text
open UbarFs.Kernels

/// A family of graphs, one or more for every number of nodes.
type GraphFamily =
    {
        /// Whether two draws can differ.
        IsRandom: bool
        /// A graph on n nodes, or the reason in the user's words why there is none.
        Draw: int -> KeyedRandom -> Result<Graph, string>
        /// Adds nodes to a drawn graph, up to a number of nodes in all, in a way that leaves the edges among the
        /// others as they are. In families with it, Byzantine nodes join a benign graph and come last.
        Join: (Graph -> int -> KeyedRandom -> Graph) option
        /// What to do when the subgraph of n benign nodes does not come out connected.
        Advice: int -> string
    }

/// A way to connect benign and Byzantine nodes.
[<RequireQualifiedAccess>]
type Topology =
    | Family of GraphFamily
    /// The graph in a file that is still to be read: loading a scenario makes it `Listed`.
    | File of path: string
    | Listed of Graph

/// What is asked of a network.
type NetworkDemand =
    {
        BenignCount: int
        ByzantineCount: int
        Placement: Placement
        /// The ρ that every benign node's neighbourhood must respect; none: no such bound.
        Bound: float option
    }

    member demand.Nodes = demand.BenignCount + demand.ByzantineCount

[<RequireQualifiedAccess>]
module GraphFamily =

    /// A family with one graph for each number of nodes.
    let deterministic advice draw =
        { IsRandom = false
          Draw = fun nodes _ -> draw nodes
          Join = None
          Advice = fun _ -> advice }

    /// A family whose graphs are drawn at random.
    let random advice draw = { IsRandom = true; Draw = draw; Join = None; Advice = fun _ -> advice }

    let private listed isOfAll (graph: Graph) =
        deterministic "choose other places for the Byzantine nodes, or add edges to the file" (fun nodes ->
            if nodes = graph.Length then
                Ok graph
            elif isOfAll then
                Error
                    $"the file's graph has {graph.Length} nodes, but the network has {nodes}, benign and Byzantine \
                      ones together: they must be as many"
            else
                Error
                    $"the file's graph has {graph.Length} nodes, but {nodes} are benign: with the placement 'sybil', the \
                      graph is of the benign nodes alone")

    /// The family of a topology, of all nodes or of the benign ones alone; a file's graph has one of its own.
    let ofTopology isOfAll topology =
        match topology with
        | Topology.Family family -> Ok family
        | Topology.Listed graph -> Ok(listed isOfAll graph)
        | Topology.File path -> Error $"the graph file '{path}' has not been read"

[<RequireQualifiedAccess>]
module Topology =

    // A bound on work rather than on time: the same scenario gives up at the same draw everywhere.
    let private mostTries, fewestTries, mostWork = 10000, 10, 200_000_000L

    let private cutOff (parts: int[] list) =
        let lost = parts.Tail |> Array.concat |> Array.sort
        let shown = lost |> Seq.truncate 10 |> Seq.map string |> String.concat ", "

        let more =
            if lost.Length > 10 then
                $" and {lost.Length - 10} more"
            else
                ""

        let noun, verb = if lost.Length = 1 then "node", "is" else "nodes", "are"
        $"benign {noun} {shown}{more} {verb} cut off from the other benign ones"

    let private refusal advice tries parts =
        match tries with
        | 1 -> Error $"{cutOff parts}: {advice}"
        | _ ->
            Error
                $"no connected network of the benign nodes came up in {tries} draws; in the last, \
                  {cutOff parts}: {advice}"

    /// Draws until the benign subgraph is connected (assumption 1), within bounds, or once if every draw is the same.
    let private connected canDiffer advice (draw: unit -> Result<Network, string>) =
        let rec search tries work =
            match draw () with
            | Error reason -> Error reason
            | Ok network ->
                let work = work + int64 (Network.size network) + Graph.edgeCount network.Neighbours

                match Network.benignParts network with
                | []
                | [ _ ] -> Ok network
                | _ when canDiffer && tries < mostTries && (tries < fewestTries || work < mostWork) ->
                    search (tries + 1) work
                | parts -> refusal advice tries parts

        search 1 0L

    /// A graph on all nodes in which the Byzantine ones are placed.
    let private placed family (demand: NetworkDemand) random =
        let advice = family.Advice demand.BenignCount

        let place graph =
            Network.create graph (Placement.place graph demand.ByzantineCount random demand.Placement)

        if family.IsRandom then
            connected true advice (fun () -> family.Draw demand.Nodes random |> Result.map place)
        else
            family.Draw demand.Nodes random
            |> Result.bind (fun graph ->
                connected (demand.Placement = Placement.Random) advice (fun () -> Ok(place graph)))

    /// The names that move the last nodes, the Byzantine ones, to their places.
    let private names (demand: NetworkDemand) places =
        let others = [ 0 .. demand.Nodes - 1 ] |> List.except places
        Array.ofList (others @ List.sort places)

    /// A connected graph of the benign nodes, which the Byzantine ones then join: last, or at the places listed.
    let private joined family (join: Graph -> int -> KeyedRandom -> Graph) demand random =
        let advice = family.Advice demand.BenignCount
        let alone graph = Network.create graph (Array.create demand.BenignCount false)

        connected family.IsRandom advice (fun () -> family.Draw demand.BenignCount random |> Result.map alone)
        |> Result.map (fun benign ->
            let network =
                Network.create
                    (join benign.Neighbours demand.Nodes random)
                    (Array.init demand.Nodes (fun node -> node >= demand.BenignCount))

            match demand.Placement with
            | Placement.Nodes places ->
                Network.create
                    (Graph.relabel (names demand places) network.Neighbours)
                    (Placement.place network.Neighbours demand.ByzantineCount random demand.Placement)
            | Placement.Random
            | Placement.Degree
            | Placement.Sybil _ -> network)

    // A connected graph of the benign nodes, to which each Byzantine one attaches itself by edges of its own.
    let private attached family (demand: NetworkDemand) (random: KeyedRandom) sybils =
        let join (graph: Graph) nodes random =
            let sybils = Placement.attach graph.Length (nodes - graph.Length) random sybils

            let edges =
                sybils
                |> Seq.mapi (fun sybil targets ->
                    targets |> Seq.map (fun target -> struct (target, graph.Length + sybil)))
                |> Seq.concat

            Graph.ofEdges nodes (Seq.append (Graph.edges graph) edges)

        joined family join demand random

    let private isOfAll placement =
        match placement with
        | Placement.Sybil _ -> false
        | Placement.Random
        | Placement.Degree
        | Placement.Nodes _ -> true

    /// A network as demanded, or the reason why there is none. Its benign subgraph is connected. Byzantine nodes join
    /// a family that they can join, unless they are to have the highest degrees, and are placed in any other; sybils join
    /// any.
    let draw (demand: NetworkDemand) (random: KeyedRandom) topology =
        let unbounded family =
            match demand.Placement, family.Join with
            | Placement.Sybil sybils, _ -> attached family demand random sybils
            | (Placement.Random | Placement.Nodes _), Some join -> joined family join demand random
            | _ -> placed family demand random

        let bound network =
            match demand.Bound with
            | Some benignRatio -> ByzantineShare.enforce random benignRatio network
            | None -> network

        Placement.check demand.Nodes demand.ByzantineCount demand.Placement
        |> Result.bind (fun () -> GraphFamily.ofTopology (isOfAll demand.Placement) topology)
        |> Result.bind unbounded
        |> Result.map bound

    /// A server and the nodes that are demanded, or the reason why they cannot be.
    let served (demand: NetworkDemand) (random: KeyedRandom) : Result<Network, string> =
        Placement.check demand.Nodes demand.ByzantineCount demand.Placement
        |> Result.map (fun () ->
            // Without a graph among the nodes all have as many neighbours.
            let alone = Array.create demand.Nodes [||]
            Network.served (Placement.place alone demand.ByzantineCount random demand.Placement))

    /// What identifies the graph of a file that was read: its edges, whatever the file's format or comments.
    let fingerprint topology =
        match topology with
        | Topology.Listed graph ->
            use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256

            for line in EdgeList.lines graph do
                hash.AppendData(Encoding.UTF8.GetBytes(line + "\n"))

            Some(Convert.ToHexStringLower(hash.GetHashAndReset()))
        | Topology.Family _
        | Topology.File _ -> None
