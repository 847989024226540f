/// Class by class or node by node, in proportions out of a Dirichlet distribution.
[<RequireQualifiedAccess>]
module UbarFs.Core.Dirichlet

open System.Collections.Generic

let private byClass alpha (division: Division) () =
    Shares.shuffled division
    |> Shares.ofClasses division
    |> Array.map (fun images ->
        let proportions = Shares.logDirichlet division.Random alpha division.Nodes |> Shares.proportions
        Shares.cutBy proportions images)
    |> Array.transpose
    |> Array.map Array.concat

// Nodes take their images in turn, one at a time, each of a class out of its mix, as far as there are images left of it.
let private byNode alpha (division: Division) =
    let left = Shares.shuffled division |> Shares.ofClasses division |> Array.map Stack<int>
    let sizes = Shares.cut division.Nodes division.Labels |> Array.map _.Length

    let mixes =
        Array.init division.Nodes (fun _ -> Shares.logDirichlet division.Random alpha division.Classes)

    let shares = sizes |> Array.map (fun size -> ResizeArray<int> size)

    let weigh (mix: float[]) =
        let largest =
            Seq.zip mix left |> Seq.filter (fun (_, images) -> images.Count > 0) |> Seq.map fst |> Seq.max

        Array.map2
            (fun weight (images: Stack<int>) -> if images.Count > 0 then exp (weight - largest) else 0.0)
            mix
            left

    let weights = mixes |> Array.map (fun mix -> Array.zeroCreate<float> mix.Length)

    let choose (weights: float[]) =
        let mutable rest = division.Random.NextDouble() * Array.sum weights
        let mutable chosen = -1

        for index in 0 .. weights.Length - 1 do
            if weights[index] > 0.0 && rest >= 0.0 then
                chosen <- index
                rest <- rest - weights[index]

        chosen

    for turn in 0 .. Array.max sizes - 1 do
        for node in 0 .. division.Nodes - 1 do
            if turn < sizes[node] then
                // At first, and where all that a node had weights for has run out.
                if Array.forall ((=) 0.0) weights[node] then
                    weights[node] <- weigh mixes[node]

                let chosen = choose weights[node]
                shares[node].Add(left[chosen].Pop())

                if left[chosen].Count = 0 then
                    for weights in weights do
                        weights[chosen] <- 0.0

    shares |> Array.map _.ToArray()

// The first of some larger values with which the shares can be had.
let private sufficient alpha (division: Division) =
    [ for power in -6 .. 3 do
          for first in [ 1.0; 2.0; 5.0 ] -> first * 10.0 ** float power ]
    |> List.filter (fun larger -> larger > alpha)
    |> List.tryFind (fun larger ->
        // Of a hundred draws the first ten tell whether there is a good chance.
        let draw = byClass larger division
        let enough (shares: int[][]) = shares |> Array.forall (fun share -> share.Length >= Shares.least division)
        Seq.init 10 (fun _ -> draw ()) |> Seq.exists enough)
    |> Option.map (fun larger -> $"alpha: {Value.Real larger}")
    |> Option.toList

let partition: Component<Partition> =
    settings {
        let! alpha =
            Setting.real "alpha" Interval.positive 0.5 "the concentration: small for few classes a node, large for iid"

        and! by =
            Setting.choice
                "by"
                [ "class"; "node" ]
                "class"
                "class: each class is divided; node: each node has a mix of classes, and all nodes as many images"

        and! least =
            Setting.wholeOrWord
                "least"
                0
                100_000_000
                [ "data" ]
                "data"
                "the least number of images of a node; data: data.least"

        let divide (division: Division) =
            let division =
                match least with
                | Ok least -> { division with Least = Some least }
                | Error _ -> division

            if by = "class" then
                Shares.drawn division (fun () -> sufficient alpha division @ [ "by: node" ]) (byClass alpha division)
            else
                byNode alpha division |> Shares.bounded division []

        return Partition.ofAll divide
    }
    |> Define.Named "dirichlet"
    |> Component.describedBy
        "classes in proportions out of a Dirichlet distribution"
        "> p ~ Dir_n(α) for each class; node i gets the share p_i of it\n\n\
         The shuffled images of a class are cut at the cumulated proportions. Where some node would have fewer images than \
         `data.least`, the shares are drawn again, a hundred times at most.\n\n\
         With `by: node` all nodes have as many images, and node i has a mix q ~ Dir_C(α) of classes: in turns, every node \
         takes an image of a class out of its mix, as far as there are images of it left."
        "T.-M. H. Hsu, H. Qi and M. Brown, arXiv:1909.06335, 2019; M. Yurochkin et al., ICML 2019"
