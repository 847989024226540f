/// Complete graphs: every node has every other as a neighbour.
[<RequireQualifiedAccess>]
module UbarFs.Core.CompleteTopology

let private draw nodes : Result<Graph, string> =
    Ok(Array.init nodes (fun node -> [| yield! [ 0 .. node - 1 ]; yield! [ node + 1 .. nodes - 1 ] |]))

let topology: Component<Topology> =
    GraphFamily.deterministic "a complete graph is connected" draw
    |> Topology.Family
    |> Setting.none
    |> Define.Named "complete"
    |> Component.describedBy
        "every node is connected with every other"
        "All pairs of nodes are connected: the decentralized counterpart of a parameter server."
        "El Mhamdi et al., NeurIPS 2021"
