[<RequireQualifiedAccess>]
module UbarFs.Core.ListedShares

/// The partition that these shares are, once its file is read.
let ofShares (shares: int[][]) (unread: Partition) : Partition =
    { unread with
        File = None
        Conflict =
            fun _ nodes ->
                if shares.Length = nodes then
                    None
                else
                    Some $"the file lists {shares.Length} shares, and {nodes} nodes hold data"
        MeanShare = fun _ _ nodes -> int ((shares |> Array.sumBy (fun share -> int64 share.Length)) / int64 nodes)
        Divide = fun division -> shares |> Shares.bounded division [ "longer lists" ] }

let private unread =
    { Partition.ofAll (fun _ -> Error "the file with the shares has not been read") with
        // Nobody knows yet.
        MeanShare = fun images _ _ -> images }

let partition: Component<Partition> =
    settings {
        let! path = Setting.text "path" "shares.json" "the file with the shares, relative to the scenario"
        return { unread with File = Some path }
    }
    |> Define.Named "file"
    |> Component.describedBy
        "the shares that a file lists"
        "> [[0, 1, 5], [2, 3], [4]]\n\n\
         JSON: a list with one list for each node that holds data, of the numbers of its training images, counted from 0. \
         No node has an image twice. Several nodes can have one image, and images that no list has are not used. The \
         number of an image is its place in the dataset's training files: the order of a folder of images is that of its \
         classes and of the names inside."
        "a common format of other tools"
