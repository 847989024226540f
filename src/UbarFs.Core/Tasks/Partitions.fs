namespace UbarFs.Core

open UbarFs.Kernels

[<RequireQualifiedAccess>]
module Partitions =

    /// Shares of a random order, as equal in size as possible: sizes differ by one at most.
    let private dealt (labels: int[]) nodes (random: KeyedRandom) =
        let order = random.Permutation labels.Length
        let firstOf node = int (int64 labels.Length * int64 node / int64 nodes)
        Array.init nodes (fun node -> order[firstOf node .. firstOf (node + 1) - 1])

    let private iid =
        Setting.none { Assign = dealt }
        |> Define.Named "iid"
        |> Component.describedBy
            "every node gets an equal share of the shuffled images"
            "A uniformly random order, cut into n parts whose sizes differ by one at most. All nodes take part, \
             Byzantine ones included: what a benign node has does not depend on the attack."
            "UBAR paper, section III-B"

    let all: Component<Partition> list = [ iid ]
