namespace UbarFs.Core

/// Who receives from whom, and who is Byzantine. Node i receives from `Neighbours[i]` (ascending, without i); the
/// graph is undirected.
type Network =
    {
        /// For each node the nodes that it receives from, ascending.
        Neighbours: Graph
        /// For each node whether it is Byzantine.
        Byzantine: bool[]
        /// The node that is a server, the last one: it aggregates for all others, and is neither benign nor Byzantine.
        Server: int option
    }

[<RequireQualifiedAccess>]
module Network =

    /// A graph whose nodes are benign or Byzantine.
    let create neighbours byzantine : Network = { Neighbours = neighbours; Byzantine = byzantine; Server = None }

    /// A server that hears some nodes and is heard by all of them; for each of these whether it is Byzantine.
    let served (byzantine: bool[]) : Network =
        let server = byzantine.Length

        { Neighbours = Array.append (Array.create server [| server |]) [| [| 0 .. server - 1 |] |]
          Byzantine = Array.append byzantine [| false |]
          Server = Some server }

    /// All nodes, with the server if there is one.
    let size network = network.Neighbours.Length

    /// The nodes that train, ascending: all but a server.
    let workers network = [| 0 .. (size network - if network.Server.IsSome then 2 else 1) |]

    /// The benign nodes, ascending.
    let benign network = workers network |> Array.filter (fun node -> not network.Byzantine[node])

    /// Those of some nodes that aggregate, ascending: all of them, or the server alone.
    let aggregators network (participants: int[]) =
        network.Server |> Option.map Array.singleton |> Option.defaultValue participants

    /// The benign nodes among a node and its neighbours, ascending.
    let around network node =
        Array.append [| node |] network.Neighbours[node]
        |> Array.filter (fun member' -> not network.Byzantine[member'])
        |> Array.sort

    /// The number of Byzantine neighbours of a node.
    let byzantineNeighbours network node =
        network.Neighbours[node] |> Seq.filter (fun neighbour -> network.Byzantine[neighbour]) |> Seq.length

    /// The share of Byzantine nodes in a node's neighbourhood; 0 for a node without neighbours.
    let byzantineShare network node =
        match network.Neighbours[node].Length with
        | 0 -> 0.0
        | degree -> float (byzantineNeighbours network node) / float degree

    /// Each undirected edge once, smaller node first.
    let edges network =
        Graph.edges network.Neighbours |> Seq.map (fun struct (one, other) -> one, other)

    /// The network in which every edge that touches a Byzantine node is gone.
    let withoutByzantine network =
        let remaining node neighbours =
            if network.Byzantine[node] then
                [||]
            else
                neighbours |> Array.filter (fun neighbour -> not network.Byzantine[neighbour])

        { network with Neighbours = Array.mapi remaining network.Neighbours }

    /// The connected parts of the benign subgraph: largest first, then by their lowest node.
    let benignParts network = Graph.parts (fun node -> not network.Byzantine[node]) network.Neighbours

    /// Whether every benign node reaches every other over benign nodes alone (assumption 1).
    let benignConnected network = (benignParts network).Length <= 1

    /// Undirected edges, each given once in either direction → neighbour lists.
    let ofEdges (byzantine: bool[]) (edges: (int * int) seq) =
        let pairs = edges |> Seq.map (fun (one, other) -> struct (one, other))
        create (Graph.ofEdges byzantine.Length pairs) byzantine

    /// n_f = round(r/(1−r)·n_b): the Byzantine nodes that make up the ratio r of all nodes.
    let byzantineCount (benign: int) (ratio: float) = int (round (ratio / (1.0 - ratio) * float benign))
