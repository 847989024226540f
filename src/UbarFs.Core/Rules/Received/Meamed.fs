/// Mean around the median.
[<RequireQualifiedAccess>]
module UbarFs.Core.Meamed

open TorchSharp

let private cap neighbours = (neighbours - 1) / 2

/// Per coordinate, the mean of the `count` values nearest their median, of two as near the smaller: `[m, d]` → `[d]` in
/// float64.
let private around count (estimates: torch.Tensor) : torch.Tensor =
    let ascending = OrderStatistics.sorted estimates
    let distances = (ascending - OrderStatistics.median ascending).abs()
    let struct (_, nearest) = distances.sort (0L, stable = true)
    Estimate.mean (ascending.gather (0L, nearest.narrow (0L, 0L, min (int64 count) ascending.shape[0])))

let private reference liars (view: View) =
    use scope = torch.NewDisposeScope()
    let neighbours = int view.Received.shape[0]

    let estimate =
        match Finite.rows view.Received with
        | [||] -> view.Own.clone ()
        | finite ->
            let count = neighbours - Liars.ofView liars view
            (around count (Estimate.rows finite view.Received)).to_type view.Own.dtype

    Aggregate.ofEstimate (estimate.MoveToOuterDisposeScope())

let private network liars (view: NetworkView) =
    let finite = NetworkView.finiteRows view
    let received = view.Received.Lists |> Array.map (Array.filter (fun row -> finite[row]))

    let counts = Array.map2 (-) (NetworkView.counts view) (Liars.ofNetwork liars view) |> Array.map (max 1)

    view
    |> NetworkView.combined (fun lists -> view.Rows.MeansAroundMedian(view.Pool, lists, counts)) received
    |> NetworkView.withoutStages view

let rule: Component<Rule> =
    settings {
        let! liars = Liars.assuming cap
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha (reference liars)
            |> Rule.allAtOnce (network liars)
            |> Liars.toleratedBy liars
            |> Rule.claiming
                [ Law.NeighbourOrder
                  Law.Translation
                  Law.Scaling
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint
                  Law.OwnApart
                  Law.Precision ]
    }
    |> Define.Named "meamed"
    |> Component.describedBy
        "per coordinate, the mean of the values nearest their median"
        "> R[c] = the mean of the |N_i| − n̂ values x_j[c] that are nearest their median\n\
         > n̂ ≤ ⌊(|N_i| − 1)/2⌋\n\n\
         Of two values as near the smaller is taken. An estimate that is not finite is left out first, and counts among \
         the n̂; if none is left, R = x_i."
        "Xie, Koyejo and Gupta, Generalized Byzantine-Tolerant SGD, 2018 (arXiv:1802.10116)"
