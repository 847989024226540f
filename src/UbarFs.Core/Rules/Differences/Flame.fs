/// FLAME: the majority by direction, each cut to the median distance.
[<RequireQualifiedAccess>]
module UbarFs.Core.Flame

open System
open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// Cosine distances that differ by less are equal: rounding must not decide.
let private rounding = 1e-12

/// 1 − cos(x_k, x_l), from all scalar products. An estimate of no length is at right angles to all.
let private cosineDistances (products: float[][]) : float[][] =
    let length row = sqrt (products[row][row])

    products
    |> Array.mapi (fun one ->
        Array.mapi (fun other product ->
            let cosine = product / (length one * length other)
            if Double.IsFinite cosine then 1.0 - cosine else 1.0))

/// The first of the components of a growing graph, in which whoever is nearer comes together earlier, that has more than
/// half of the points. HDBSCAN with this least size and one sample finds it, for no two clusters have so many.
let private majority (distances: float[][]) : int[] =
    let count = distances.Length
    let group = [| 0 .. count - 1 |]

    let join (one, other) =
        let into, from = min group[one] group[other], max group[one] group[other]

        for point in 0 .. count - 1 do
            if group[point] = from then
                group[point] <- into

    let largest () = group |> Array.countBy id |> Array.maxBy snd

    let pairs =
        [| for one in 0 .. count - 1 do
               for other in one + 1 .. count - 1 -> one, other |]
        |> Array.sortBy (fun (one, other) -> distances[one][other])

    let mutable reach = if count = 1 then 0.0 else infinity

    for one, other in pairs do
        if distances[one][other] <= reach + rounding && group[one] <> group[other] then
            join (one, other)

            if Double.IsInfinity reach && 2 * snd (largest ()) > count then
                reach <- distances[one][other]

    let chosen = fst (largest ())
    [| 0 .. count - 1 |] |> Array.filter (fun point -> group[point] = chosen)

/// The places of what has a finite distance from the own estimate: what can be judged.
let private judged (distances: float[]) = Weighing.nearestFirst distances |> Array.sort

/// The weights, and S, the median distance from the own estimate; from the scalar products of what can be judged.
let private weigh (standing: LocalView) (distances: float[]) (products: float[][]) : Mixing.Mix * float =
    match judged distances with
    | [||] -> Mixing.meanOf standing [||], 0.0
    | judged ->
        let middle = judged |> Array.map (fun place -> distances[place]) |> OrderStatistics.medianOf
        let kept = majority (cosineDistances products) |> Array.map (fun row -> judged[row])
        Mixing.meanWithin middle standing distances kept, middle

/// Adds N(0, (λS)²) to each coordinate.
let private disturb noise middle (random: unit -> KeyedRandom) (estimate: torch.Tensor) =
    if noise * middle > 0.0 then
        use _ = torch.NewDisposeScope()
        let numbers = Array.zeroCreate<float32>(int (estimate.numel ()))
        random().FillGaussian(Span numbers)
        let numbers = Transfers.Send(torch.tensor numbers, estimate.device)

        let disturbed =
            Native.sum (estimate.to_type torch.float64) (Native.scaled (noise * middle) (numbers.to_type torch.float64))

        estimate.copy_ disturbed |> ignore

let private reference noise (view: View) =
    use scope = torch.NewDisposeScope()
    let distances = Estimate.distances view.Own view.Received

    let products =
        match judged distances with
        | [||] -> [||]
        | judged ->
            Estimate.rows judged view.Received
            |> Estimate.tamed
            |> Estimate.products
            |> Transfers.Read<float>
            |> Array.chunkBySize judged.Length

    let mix, middle = weigh (Weighing.standingOf view) distances products
    let aggregate = Mixing.aggregate [ "majority" ] true mix view
    disturb noise middle (fun () -> view.Random "flame") aggregate.Estimate
    aggregate.Estimate.MoveToOuterDisposeScope() |> ignore
    aggregate

let private network noise (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let distances = Weighing.distancesOf (NetworkView.distances view) view
    let rows = NetworkView.atPlaces (Array.map judged distances) view
    let products = view.Rows.Products(view.Pool, RowPairs.AmongAndWithin(NetworkView.rows view, rows))

    let mixes, middles =
        Array.init (NetworkView.nodes view) (fun node ->
            rows[node]
            |> Array.map (fun one -> rows[node] |> Array.map (fun other -> products[one, other]))
            |> weigh (Weighing.standingIn view node) distances[node])
        |> Array.unzip

    let made = Mixing.aggregateTogether [ "majority" ] true mixes view

    middles
    |> Array.iteri (fun node middle ->
        disturb noise middle (fun () -> view.Random node "flame") made.Estimates[int64 node])

    { made with
        Estimates = made.Estimates.MoveToOuterDisposeScope()
        Kept = made.Kept |> List.map _.MoveToOuterDisposeScope() }

let rule: Component<Rule> =
    settings {
        let! noise =
            Setting.real "noise" Interval.nonNegative 0.0 "λ, the standard deviation of the noise as a share of S"

        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha (reference noise)
            |> Rule.allAtOnce (network noise)
            |> Rule.selecting [ "majority" ]
            |> Rule.costing Cost.Quadratic
            |> Rule.tolerating (fun _ neighbours -> (neighbours - 1) / 2)
            |> Rule.measuringFromOwn
            |> Rule.claiming (
                [ Law.NeighbourOrder
                  Law.Scaling
                  Law.Containment
                  Law.Fixpoint
                  Law.Precision ]
                @ (if noise > 0.0 then
                       []
                   else
                       [ Law.Rotation; Law.Mirroring; Law.CoordinateRange ])
            )
    }
    |> Define.Named "flame"
    |> Component.describedBy
        "the majority by direction, each cut to the median distance"
        "> kept: more than half of the x_j, those nearest together by 1 − cos\n\
         > S = the median of the ‖x_j − x_i‖\n\
         > R = x_i + the mean over the kept of min(1, S/‖x_j − x_i‖)(x_j − x_i)\n\
         >     + N(0, (λS)²) in each coordinate\n\n\
         The kept are the first that hang together: with ε growing from 0, those with a cosine distance of at most ε are \
         joined until more than half are. The source clusters by HDBSCAN, which comes to the same with its least size of \
         ⌊m/2⌋ + 1, one sample and a single cluster allowed. The source has λ = 0.001; the default here is no noise, so \
         that the rule itself is seen.\n\n\
         Adapted: x_i takes the place of the server's last model, from which distances are measured; directions are those \
         of the estimates themselves, as those of the models in the source. An estimate that is not finite is left out \
         first; if none is left, R = x_i. A node whose own estimate is not finite restarts from the coordinate-wise median \
         of the finite ones it received."
        "Nguyen et al., FLAME: Taming Backdoors in Federated Learning, USENIX Security 2022"
