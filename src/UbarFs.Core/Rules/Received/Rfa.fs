/// Robust federated aggregation: a few steps of the smoothed Weiszfeld algorithm.
[<RequireQualifiedAccess>]
module UbarFs.Core.Rfa

open System
open TorchSharp
open UbarFs.Kernels
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

/// ‖x_j − z‖² for z = Σ_k w_k x_k, from the squared distances between the points alone:
/// Σ_k w_k ‖x_j − x_k‖² − ½ Σ_k Σ_l w_k w_l ‖x_k − x_l‖². None where the difference would lose too many digits.
let private squaresFrom smoothing (between: float[][]) (weights: float[]) : float[] option =
    let means =
        between |> Array.map (Array.fold2 (fun sum weight square -> sum + weight * square) 0.0 weights)

    let spread = 0.5 * Array.fold2 (fun sum weight mean -> sum + weight * mean) 0.0 weights means
    let squares = means |> Array.map (fun mean -> max 0.0 (mean - spread))
    // Below ν no distance counts, however many digits are lost.
    let isKnown mean square = mean + spread <= 1e6 * max (smoothing * smoothing) square

    if Array.forall2 isKnown means squares then
        Some squares
    else
        None

/// The shares of the received estimates, the first of the points, after so many steps from a mix of the points.
let rec private sharesAfter steps smoothing (between: float[][]) received (weights: float[]) : float[] option =
    if steps = 0 then
        Some(Array.truncate received weights)
    else
        squaresFrom smoothing between weights
        |> Option.bind (Array.truncate received >> Array.map sqrt >> shares smoothing)
        |> Option.bind (fun shares ->
            Array.append shares (Array.zeroCreate (between.Length - received))
            |> sharesAfter (steps - 1) smoothing between received)

/// The distances between more estimates than these could be more work than the steps, if no other node shares them. It is
/// each node's own limit: which way it takes must not depend on who else is there.
let private mostByDistances = 32

/// What the last step's shares of what each node heard are, as far as distances between estimates tell them, of which
/// many are shared: no step has to look at the estimates then. None for a node where they do not.
let private fromDistances smoothing iterations start (finite: bool[]) (heard: int[][]) (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let mean (rows: int[]) = Array.create rows.Length (1.0 / float rows.Length)

    let from point (rows: int[]) =
        Array.append rows [| point |], Array.append (Array.zeroCreate rows.Length) [| 1.0 |]

    let pointsOf own (rows: int[]) =
        match start with
        | _ when rows.Length > mostByDistances -> [||], [||]
        | Start.Zero -> from (NetworkView.rows view) rows
        | Start.Own when finite[own] -> from own rows
        | Start.Own
        | Start.Mean -> rows, mean rows

    let points, first = Array.map2 pointsOf view.Own heard |> Array.unzip

    let pool =
        if start = Start.Zero then
            torch.cat ([| view.Pool; torch.zeros_like(view.Pool[0L]).unsqueeze 0L |], 0L)
        else
            view.Pool

    let squares = view.Rows.Squares(pool, RowPairs.Among(int pool.shape[0], points))

    Array.map3
        (fun (rows: int[]) (points: int[]) first ->
            if Array.isEmpty points then
                None
            else
                let between = points |> Array.map (fun one -> points |> Array.map (fun other -> squares[one, other]))
                sharesAfter iterations smoothing between rows.Length first)
        heard
        points
        first

/// The steps of some nodes, each from the estimates themselves.
let private stepwise smoothing iterations start (finite: bool[]) (nodes: int[]) (heard: int[][]) (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let p, n = NetworkView.rows view, nodes.Length

    let own, heard =
        nodes |> Array.map (fun node -> view.Own[node]), nodes |> Array.map (fun node -> heard[node])

    let means () = view.Rows.Means(view.Pool, heard)

    let first =
        match start with
        | Start.Zero -> torch.zeros_like (Estimate.rows own view.Pool)
        | Start.Mean -> means ()
        | Start.Own ->
            let centres = Estimate.rows own view.Pool

            match [| 0 .. n - 1 |] |> Array.filter (fun node -> not finite[own[node]]) with
            | [||] -> ()
            | lost ->
                let means = means ()

                for node in lost do
                    centres[int64 node].copy_ means[int64 node] |> ignore

            centres

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

    (Seq.fold (fun centres _ -> step centres) first [ 1..iterations ]).MoveToOuterDisposeScope()

let private network smoothing iterations start (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let finite = NetworkView.finiteRows view
    let received = view.Received.Lists |> Array.map (Array.filter (fun row -> finite[row]))
    let nodes = [| 0 .. received.Length - 1 |]
    let hears, deaf = nodes |> Array.partition (fun node -> not (Array.isEmpty received[node]))

    let heard =
        nodes
        |> Array.map (fun node ->
            if Array.isEmpty received[node] then
                [| view.Own[node] |]
            else
                received[node])

    let told = fromDistances smoothing iterations start finite heard view

    let shares =
        Array.map2 (fun rows -> Option.defaultValue (Array.create (Array.length rows) 0.0)) heard told

    let estimates = view.Rows.WeightedSums(view.Pool, heard, shares)

    match hears |> Array.filter (fun node -> told[node].IsNone) with
    | [||] -> ()
    | untold ->
        let steps = stepwise smoothing iterations start finite untold heard view
        estimates.index_copy_ (0L, Transfers.Send(untold, estimates.device), steps) |> ignore

    for node in deaf do
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
            |> Rule.measuringFromOwn
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
