/// Robust federated aggregation: a few steps of the smoothed Weiszfeld algorithm.
[<RequireQualifiedAccess>]
module UbarFs.Core.Rfa

open System
open TorchSharp
open UbarFs.Kernels.Estimates

let private cap neighbours = (neighbours - 1) / 2

/// Where the steps begin.
[<RequireQualifiedAccess>]
type private Start =
    | Own
    | Zero
    | Mean

/// β_j = 1/max(ν, ‖x_j − z‖) as shares of 1; none where every distance overflows.
let private shares (smoothing: float) (distances: float[]) =
    let weights = distances |> Array.map (fun distance -> 1.0 / max smoothing distance)
    let total = Array.sum weights

    if total > 0.0 then
        Some(weights |> Array.map (fun weight -> weight / total))
    else
        None

let private step smoothing (rows: torch.Tensor) (centre: torch.Tensor) : torch.Tensor =
    match shares smoothing (Estimate.distances centre rows) with
    | None -> centre
    | Some shares ->
        let sum = rows.t().mv(torch.tensor (shares, device = rows.device))
        sum.minimum(rows.amax [| 0L |]).maximum(rows.amin [| 0L |])

let private reference smoothing iterations start (view: View) =
    use scope = torch.NewDisposeScope()

    let estimate =
        match Finite.rows view.Received with
        | [||] -> Finite.own view
        | finite ->
            let rows = (Estimate.rows finite view.Received).to_type torch.float64

            let first =
                match start with
                | Start.Own when Estimate.isFinite view.Own -> view.Own.to_type torch.float64
                | Start.Zero -> torch.zeros_like rows[0L]
                | Start.Own
                | Start.Mean -> Estimate.mean rows

            (Seq.fold (fun centre _ -> step smoothing rows centre) first [ 1..iterations ]).to_type view.Own.dtype

    Aggregate.ofEstimate (estimate.MoveToOuterDisposeScope())

let private network smoothing iterations start (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let finite, p, n = NetworkView.finiteRows view, NetworkView.rows view, NetworkView.nodes view
    let received = view.Received.Lists |> Array.map (Array.filter (fun row -> finite[row]))

    let heard =
        Array.map2 (fun own rows -> if Array.isEmpty rows then [| own |] else rows) view.Own received

    let means () = view.Rows.Means(view.Pool, heard)

    let first =
        match start with
        | Start.Zero -> torch.zeros_like (Estimate.rows view.Own view.Pool)
        | Start.Mean -> means ()
        | Start.Own ->
            let own = Estimate.rows view.Own view.Pool

            match [| 0 .. n - 1 |] |> Array.filter (fun node -> not finite[view.Own[node]]) with
            | [||] -> ()
            | lost ->
                let means = means ()

                for node in lost do
                    own[int64 node].copy_ means[int64 node] |> ignore

            own

    // The centres are rows behind those of the pool: a step goes by their distances from what came in.
    let pool = torch.cat ([| view.Pool; first |], 0L)
    let places = pool.narrow (0L, int64 p, int64 n)
    let pairs = RowPairs.Between(p + n, Array.init n (fun node -> p + node), heard)

    let step (centres: torch.Tensor) =
        places.copy_ centres |> ignore
        let squares = view.Rows.Squares(pool, pairs)

        let lists, weights =
            heard
            |> Array.mapi (fun node rows ->
                match shares smoothing (rows |> Array.map (fun row -> sqrt squares[p + node, row])) with
                | Some shares -> rows, shares
                | None -> [| p + node |], [| 1.0 |])
            |> Array.unzip

        view.Rows.WeightedSums(pool, lists, weights)

    let estimates = Seq.fold (fun centres _ -> step centres) first [ 1..iterations ]

    for node in 0 .. n - 1 do
        if Array.isEmpty received[node] then
            estimates[int64 node].copy_ view.Pool[int64 view.Own[node]] |> ignore

    estimates.MoveToOuterDisposeScope() |> NetworkView.withoutStages view

let rule: Component<Rule> =
    settings {
        let! smoothing =
            Setting.real "smoothing" Interval.positive 0.1 "ν, the distance below which an estimate weighs no more"

        and! iterations = Setting.whole "iterations" 1 10_000 3 "steps of the algorithm"
        and! start = Setting.choice "start" [ "own"; "zero"; "mean" ] "own" "where the steps begin"
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        let start =
            match start with
            | "zero" -> Start.Zero
            | "mean" -> Start.Mean
            | _ -> Start.Own

        return
            Rule.aggregating alpha (reference smoothing iterations start)
            |> Rule.allAtOnce (network smoothing iterations start)
            |> Rule.tolerating (fun _ neighbours -> cap neighbours)
            |> Rule.claiming (
                [ Law.NeighbourOrder
                  Law.Mirroring
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint
                  Law.Rotation
                  Law.Precision ]
                @ (if start = Start.Zero then [] else [ Law.Translation ])
            )
    }
    |> Define.Named "rfa"
    |> Component.describedBy
        "a few smoothed steps towards the geometric median"
        "> z ← Σ_j β_j x_j / Σ_j β_j,   β_j = 1/max(ν, ‖x_j − z‖)\n\
         > R = z after `iterations` steps\n\n\
         Over the finite received estimates. Programs differ in where they start: from 0 (most published code, for \
         gradients), from the mean, or from the own estimate, which is the default here. `geometric-median` is exact: it \
         runs until its steps no longer count. Without a finite estimate, R = x_i."
        "Pillutla, Kakade and Harchaoui, IEEE TSP 2022 (RFA)"
