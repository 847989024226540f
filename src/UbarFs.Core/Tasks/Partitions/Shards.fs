[<RequireQualifiedAccess>]
module UbarFs.Core.Shards

let private divide each (division: Division) =
    let shards = Shares.shuffled division |> Shares.byLabel division |> Shares.cut (division.Nodes * each)

    division.Random.Permutation shards.Length
    |> Array.map (Array.get shards)
    |> Array.chunkBySize each
    |> Array.map Array.concat
    |> Shares.bounded division [ "a smaller 'each'" ]

let partition: Component<Partition> =
    settings {
        let! each = Setting.whole "each" 1 1000 2 "how many shards a node gets"
        return Partition.ofAll (divide each)
    }
    |> Define.Named "shards"
    |> Component.describedBy
        "random pieces of the images sorted by class"
        "The images are ordered by class and cut into n·s equal shards. Every node gets s random ones: few classes each."
        "B. McMahan et al., Communication-efficient learning of deep networks, AISTATS 2017"
