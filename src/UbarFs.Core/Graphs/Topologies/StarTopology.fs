/// Stars: one centre, and everyone else connected with it alone.
[<RequireQualifiedAccess>]
module UbarFs.Core.StarTopology

let private draw nodes =
    Ok(Graph.ofEdges nodes (Seq.init (nodes - 1) (fun leaf -> struct (0, leaf + 1))))

let topology: Component<Topology> =
    GraphFamily.deterministic
        "the benign nodes only have each other through the centre, node 0: place no Byzantine one there"
        draw
    |> Topology.Family
    |> Setting.none
    |> Define.Named "star"
    |> Component.describedBy
        "node 0 is connected with every other node"
        "Node 0 is the centre, and the other nodes have it as their only neighbour. The centre must be benign when \
         there are two benign nodes or more: placed at random, the Byzantine nodes are among the others."
        "federated learning without a trusted server"
