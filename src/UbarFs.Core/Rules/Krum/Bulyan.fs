/// DBulyan: a trimmed mean of Krum's picks.
[<RequireQualifiedAccess>]
module UbarFs.Core.Bulyan

open TorchSharp

/// Bulyan needs 4n̂ + 3 ≤ m.
let private cap neighbours = (neighbours - 3) / 4

/// N_i^DKrum: `count` picks, each the best Krum score among the rows that remain; fewer if the finite ones run out.
let rec private picks squares byzantine count (remaining: int[]) (candidates: int[]) =
    if count = 0 || Array.isEmpty candidates then
        []
    else
        let closest = max 1 (remaining.Length - byzantine - 2)
        let pick = KrumScores.ranked squares closest remaining candidates |> Array.head
        let without = Array.filter (fun row -> row <> pick)
        pick :: picks squares byzantine (count - 1) (without remaining) (without candidates)

/// Equation 15: per coordinate, the mean of the β picks nearest their median, of two as near the smaller. `[θ, d]` → `[d]`.
let private meanAroundMedian (beta: int) (picked: torch.Tensor) =
    use scope = torch.NewDisposeScope()
    let ascending = OrderStatistics.sorted picked
    let distances = (ascending - OrderStatistics.median ascending).abs()
    let struct (_, nearest) = distances.sort (0L, stable = true)
    let kept = ascending.gather (0L, nearest.narrow (0L, 0L, min (int64 beta) ascending.shape[0]))
    (Estimate.mean kept).to_type(picked.dtype).MoveToOuterDisposeScope()

let private reference liars (view: View) =
    use scope = torch.NewDisposeScope()
    let neighbours = int view.Received.shape[0]
    let byzantine = Liars.ofView liars view
    let theta, beta = neighbours - 2 * byzantine, neighbours - 4 * byzantine
    let candidates = KrumScores.candidates view.Received
    let squares = KrumScores.squares (max 1 (neighbours - byzantine - 2)) candidates view.Received

    match picks squares byzantine theta [| 0 .. neighbours - 1 |] candidates with
    | [] -> Aggregate.ofSelection "krum" [||] (view.Own.clone().MoveToOuterDisposeScope())
    | picks ->
        let kept = Array.sort (Array.ofList picks)
        let mean = meanAroundMedian beta (Estimate.rows kept view.Received)
        Aggregate.ofSelection "krum" kept (mean.MoveToOuterDisposeScope())

let private network liars (view: NetworkView) =
    let byzantine = Liars.ofNetwork liars view

    let kept =
        KrumScores.ofNetwork view
        |> Array.map2
            (fun byzantine (candidates, squares) ->
                let neighbours = squares.Length

                picks squares byzantine (neighbours - 2 * byzantine) [| 0 .. neighbours - 1 |] candidates
                |> Array.ofList
                |> Array.sort)
            byzantine

    let beta =
        NetworkView.counts view
        |> Array.map2 (fun byzantine neighbours -> max 1 (neighbours - 4 * byzantine)) byzantine

    view
    |> NetworkView.combined
        (fun lists -> view.Rows.MeansAroundMedian(view.Pool, lists, beta))
        (NetworkView.atPlaces kept view)
    |> NetworkView.withStages [ NetworkView.selectionOf kept view ] view

let dbulyan: Component<Rule> =
    settings {
        let! liars = Liars.settingWithCentral cap 0.25
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha (reference liars)
            |> Rule.allAtOnce (network liars)
            |> Rule.selecting [ "krum" ]
            |> Rule.costing Cost.Quadratic
            |> Liars.toleratedBy liars
            // The order of the neighbours does matter: with n̂ ≤ 2 the last scores are over one closest other, and then
            // the two closest estimates always tie.
            |> Rule.claiming
                [ Law.Translation
                  Law.Scaling
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint
                  Law.OwnApart
                  Law.Precision ]
    }
    |> Define.Named "dbulyan"
    |> Component.describedBy
        "per coordinate, the mean of Krum's picks near their median"
        "> R[c] = the mean of the β picks nearest their median in coordinate c\n\
         > θ = |N_i| − 2n̂ picks,   β = |N_i| − 4n̂\n\
         > n̂ = min(⌈|N_i|·min(1−ρ, ρ_central)⌉, ⌊(|N_i|−3)/4⌋)\n\n\
         Krum picks one by one, each time among the m that remain, with scores over the m−n̂−2 closest, at least \
         one; ties go to the lowest index. Of two values as near the median the smaller is taken. An estimate that \
         is not finite is never picked; if no other is left, R = x_i. The order of the neighbours can matter: \
         scores over one closest other always tie between the two estimates that are closest to each other."
        "UBAR paper, equations 13 and 15; El Mhamdi et al., ICML 2018"
