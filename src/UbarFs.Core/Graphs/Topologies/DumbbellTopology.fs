/// Dumbbells: two complete graphs with a few edges between them.
[<RequireQualifiedAccess>]
module UbarFs.Core.DumbbellTopology

let private pairs first last =
    seq {
        for node in first..last do
            for other in node + 1 .. last do
                struct (node, other)
    }

let private draw bridges nodes =
    let middle = (nodes + 1) / 2

    if bridges > nodes / 2 then
        Error $"{bridges} bridges, no two from the same node, need {2 * bridges} nodes, but the network has {nodes}"
    else
        let across = Seq.init bridges (fun bridge -> struct (middle - 1 - bridge, middle + bridge))

        Ok(Graph.ofEdges nodes (Seq.concat [ pairs 0 (middle - 1); pairs middle (nodes - 1); across ]))

let topology: Component<Topology> =
    settings {
        let! bridges = Setting.whole "bridges" 1 1000000 1 "edges between the two halves"

        return
            GraphFamily.deterministic
                "at least one bridge needs benign nodes on both ends: take more bridges, fewer Byzantine nodes or \
                 other places"
                (draw bridges)
            |> Topology.Family
    }
    |> Define.Named "dumbbell"
    |> Component.describedBy
        "two complete graphs joined by a few edges"
        "The first ⌈n/2⌉ nodes are all connected with each other, and so are the others. The bridges join the nodes on \
         both sides of the middle, no two from the same node: ⌈n/2⌉ − 1 with ⌈n/2⌉, ⌈n/2⌉ − 2 with ⌈n/2⌉ + 1, …"
        "Ghosh, Boyd and Saberi, SIAM Review 2008"
