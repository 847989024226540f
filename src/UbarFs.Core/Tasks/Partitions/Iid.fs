[<RequireQualifiedAccess>]
module UbarFs.Core.Iid

let partition: Component<Partition> =
    Setting.none (
        Partition.ofAll (fun division ->
            Shares.shuffled division |> Shares.cut division.Nodes |> Shares.bounded division [])
    )
    |> Define.Named "iid"
    |> Component.describedBy
        "every node gets an equal share of the shuffled images"
        "A uniformly random order, cut into n parts whose sizes differ by one at most. All nodes take part, \
         Byzantine ones included: what a benign node has does not depend on the attack."
        "UBAR paper, section III-B"
