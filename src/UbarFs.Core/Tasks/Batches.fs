namespace UbarFs.Core

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
