namespace UbarFs.Core

open UbarFs.Kernels

/// Divides the training images among the nodes: labels of all images and the number of nodes → for each node
/// the positions of its images. Every image goes to exactly one node.
type Partition = { Assign: int[] -> int -> KeyedRandom -> int[][] }

[<RequireQualifiedAccess>]
module Partitions =

    /// Shares of a random order, as equal in size as possible: sizes differ by one at most.
    let private dealt (labels: int[]) nodes (random: KeyedRandom) =
        let order = random.Permutation labels.Length
        let firstOf node = int (int64 labels.Length * int64 node / int64 nodes)
        Array.init nodes (fun node -> order[firstOf node .. firstOf (node + 1) - 1])

    let private iid =
        Setting.none { Assign = dealt }
        |> Component.define "iid"
        |> Component.describedBy
            "every node gets an equal share of the shuffled images"
            "A uniformly random order, cut into n parts whose sizes differ by one at most. All nodes take part, \
             Byzantine ones included: what a benign node has does not depend on the attack."
            "UBAR paper, section III-B"

    let all: Component<Partition> list = [ iid ]

/// What happens to the last batch of an epoch when it is smaller than the others.
[<RequireQualifiedAccess>]
type LastBatch =
    /// Left out, unless it is the only one.
    | Drop
    | Keep

/// Mini-batches without replacement within a node's pass over its data. A batch is a function of the seed, the
/// node and the iteration: nothing is remembered from one iteration to the next.
[<RequireQualifiedAccess>]
module Batches =

    /// Batches of one pass over `count` images; a node with less than one batch uses all that it has.
    let perPass lastBatch batch count =
        match lastBatch with
        | LastBatch.Drop -> max 1 (count / batch)
        | LastBatch.Keep -> max 1 ((count + batch - 1) / batch)

    /// Positions in the node's own share of the images of iteration k (from 0).
    let positions seed lastBatch batch node count (iteration: int64) =
        let passes = int64 (perPass lastBatch batch count)
        let order = (Random.stream seed Purpose.Batches node (iteration / passes)).Permutation count
        let first = int (iteration % passes) * batch
        order[first .. min count (first + batch) - 1]
