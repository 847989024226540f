namespace UbarFs.Core

open System

/// An undirected graph: for each node 0 … n−1 its neighbours, ascending, without itself.
type Graph = int[][]

[<RequireQualifiedAccess>]
module Graph =

    /// The graph with more nodes, up to `nodes` in all, and more edges. Each new edge is given once, in either
    /// direction; near-linear in the edges.
    let extend (graph: Graph) nodes (edges: struct (int * int) seq) : Graph =
        let neighbours =
            Array.init nodes (fun node ->
                if node < graph.Length then
                    ResizeArray graph[node]
                else
                    ResizeArray())

        for struct (one, other) in edges do
            neighbours[one].Add other
            neighbours[other].Add one

        neighbours
        |> Array.map (fun list ->
            list.Sort()
            list.ToArray())

    /// Undirected edges, each given once in either direction → neighbour lists.
    let ofEdges nodes edges : Graph = extend [||] nodes edges

    /// Each undirected edge once, smaller node first, in ascending order.
    let edges (graph: Graph) : struct (int * int) seq =
        seq {
            for node in 0 .. graph.Length - 1 do
                for other in graph[node] do
                    if node < other then
                        struct (node, other)
        }

    let edgeCount (graph: Graph) = (graph |> Array.sumBy (fun neighbours -> int64 neighbours.Length)) / 2L

    /// All pairs of nodes that are not connected.
    let complement (graph: Graph) : Graph =
        graph
        |> Array.mapi (fun node neighbours ->
            let connected = Array.zeroCreate<bool> graph.Length
            connected[node] <- true

            for other in neighbours do
                connected[other] <- true

            [| for other in 0 .. graph.Length - 1 do
                   if not connected[other] then
                       other |])

    /// The same graph with its nodes renamed: node i becomes node `names[i]`, a permutation.
    let relabel (names: int[]) (graph: Graph) : Graph =
        let renamed = Array.zeroCreate<int[]> graph.Length

        for node in 0 .. graph.Length - 1 do
            let neighbours = graph[node] |> Array.map (fun other -> names[other])
            Array.Sort neighbours
            renamed[names[node]] <- neighbours

        renamed

    /// The subgraph of some nodes, given in ascending order, renamed to 0, 1, …
    let induced (members: int[]) (graph: Graph) : Graph =
        let names = Array.create graph.Length -1
        members |> Array.iteri (fun name node -> names[node] <- name)

        members
        |> Array.map (fun node ->
            graph[node] |> Array.map (fun other -> names[other]) |> Array.filter (fun name -> name >= 0))

    /// All nodes that can be reached from one over nodes that belong, which are marked in `reached`.
    let private part (belongs: int -> bool) (graph: Graph) (reached: bool[]) first =
        let found = ResizeArray [ first ]
        let mutable next = 0
        reached[first] <- true

        while next < found.Count do
            for neighbour in graph[found[next]] do
                if belongs neighbour && not reached[neighbour] then
                    reached[neighbour] <- true
                    found.Add neighbour

            next <- next + 1

        found.ToArray()

    /// The connected parts of the subgraph of the nodes that belong: largest first, then by their lowest node.
    let parts (belongs: int -> bool) (graph: Graph) =
        let reached = Array.zeroCreate<bool> graph.Length

        [ for node in 0 .. graph.Length - 1 do
              if belongs node && not reached[node] then
                  part belongs graph reached node ]
        |> List.sortBy (fun nodes -> -nodes.Length)
