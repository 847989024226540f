/// Rings: every node has the one before it and the one after it.
[<RequireQualifiedAccess>]
module UbarFs.Core.RingTopology

let private draw nodes =
    match nodes with
    | 1 -> Ok [| [||] |]
    | 2 -> Ok(Graph.ofEdges 2 [ struct (0, 1) ])
    | _ -> Ok(Graph.ofEdges nodes (Seq.init nodes (fun node -> struct (node, (node + 1) % nodes))))

let topology: Component<Topology> =
    GraphFamily.deterministic
        "two Byzantine nodes with benign ones on both sides cut a ring in two: list places next to each other as the \
         placement, or take a denser topology"
        draw
    |> Topology.Family
    |> Setting.none
    |> Define.Named "ring"
    |> Component.describedBy
        "every node has two neighbours, in a circle"
        "Node i is connected with node i + 1, and the last node with node 0."
        "Lian et al., NeurIPS 2017"
