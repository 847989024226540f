namespace UbarFs.Core

open UbarFs.Kernels

/// What there is to divide, and among how many.
type Division =
    {
        /// The class of every training image.
        Labels: int[]
        Classes: int
        /// How many nodes get a share.
        Nodes: int
        /// The least number of images of a share; none: a batch, or an equal share where that is smaller.
        Least: int option
        Batch: int
        Random: KeyedRandom
    }

/// Divides the training images among nodes: for each of them the numbers of its images. Shares are disjoint, and together
/// they are all images, unless the partition's meaning says otherwise. Nothing but the division and its random numbers
/// decides who gets what, and a share that cannot be had is an error in the user's words, which says what would do.
type Partition =
    {
        Divide: Division -> Result<int[][], string>
        /// Why so many classes cannot be divided among so many nodes; what follows from labels is left to `Divide`.
        Conflict: int -> int -> string option
        /// How many images an average node has, out of the number of images, of classes and of nodes.
        MeanShare: int -> int -> int -> int
        /// The file that lists the shares, as long as nobody has read it.
        File: string option
        /// Files of the sources that it depends on beside its own.
        Also: Sources.Source list
    }

[<RequireQualifiedAccess>]
module Partition =

    /// A partition of all images that fits everywhere.
    let ofAll divide : Partition =
        { Divide = divide
          Conflict = fun _ _ -> None
          MeanShare = fun images _ nodes -> images / nodes
          File = None
          Also = [] }

    /// A choice with all files that it depends on.
    let traced (chosen: Chosen<Partition>) : Chosen<Partition> =
        { chosen with Files = List.distinct (chosen.Files @ chosen.Value.Also) }
