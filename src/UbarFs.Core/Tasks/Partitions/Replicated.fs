[<RequireQualifiedAccess>]
module UbarFs.Core.Replicated

// All have the same array: it is never changed.
let private divide (division: Division) =
    Array.create division.Nodes [| 0 .. division.Labels.Length - 1 |] |> Shares.bounded division []

let partition: Component<Partition> =
    Setting.none { Partition.ofAll divide with MeanShare = fun images _ _ -> images }
    |> Define.Named "replicated"
    |> Component.describedBy
        "every node has all images, in an order of its own"
        "The other reading of the paper: shares are not disjoint, and an epoch is a pass over all training images."
        "UBAR paper, section VI-A"
