[<RequireQualifiedAccess>]
module UbarFs.Core.Similarity

let private divide gamma (division: Division) =
    let order = Shares.shuffled division
    let common = int (round (gamma * float order.Length))
    let alike = Shares.cut division.Nodes order[.. common - 1]
    let sorted = order[common..] |> Shares.byLabel division |> Shares.cut division.Nodes
    Array.map2 Array.append alike sorted |> Shares.bounded division []

let partition: Component<Partition> =
    settings {
        let! gamma = Setting.ratio "gamma" 0.5 "the share of the images that is iid; 1 is iid, 0 sorted by class"
        return Partition.ofAll (divide gamma)
    }
    |> Define.Named "similarity"
    |> Component.describedBy
        "a share of the images iid, the rest sorted by class"
        "The share γ of the shuffled images is cut into equal parts. What is left is ordered by class and cut likewise: \
         node i gets part i of both. With γ = 0, a node has one or two classes if there are as many nodes as classes."
        "S. P. Karimireddy et al., SCAFFOLD, ICML 2020"
