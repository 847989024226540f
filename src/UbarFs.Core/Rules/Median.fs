/// Dmedian and the geometric median: points in the middle of what was received.
[<RequireQualifiedAccess>]
module UbarFs.Core.Median

open System
open TorchSharp
open UbarFs.Kernels.Estimates

/// A median is defined by the majority: it tolerates anything from fewer than half, whatever ρ is.
let private minority _ neighbours = (neighbours - 1) / 2

/// κ of the coordinate-wise median. Of h = m − f honest values at least k = ⌈m/2⌉ − f are on the median's far side of
/// their mean μ; as all h deviations add up to 0, (R − μ)² ≤ V·(h − k)/k by Cauchy and Schwarz. The bound is attained for
/// odd m, and sharper than the 4(1 + f/(m − 2f))² of Allouah et al., "Fixing by Mixing", AISTATS 2023.
let private marginalKappa neighbours byzantine =
    let honest, beyond = neighbours - byzantine, (neighbours + 1) / 2 - byzantine

    if 2 * byzantine < neighbours then
        float (honest - beyond) / float beyond
    else
        infinity

/// κ of the geometric median: Allouah et al.
let private geometricKappa neighbours byzantine =
    if 2 * byzantine < neighbours then
        4.0 * (1.0 + float byzantine / float (neighbours - 2 * byzantine)) ** 2.0
    else
        infinity

let private rule alpha kappa reference =
    Rule.aggregating alpha reference
    |> Rule.tolerating minority
    |> Rule.boundedBy kappa
    |> Rule.claiming
        [ Law.NeighbourOrder
          Law.Translation
          Law.Scaling
          Law.CoordinateRange
          Law.Containment
          Law.Fixpoint
          Law.Mirroring
          Law.OwnApart
          Law.Precision ]

/// R = MarMed{x_j, j ∈ N_i}, equation 14.
let private marginal (view: View) =
    use scope = torch.NewDisposeScope()
    let median = OrderStatistics.median (OrderStatistics.sorted view.Received)
    Aggregate.ofEstimate (median.to_type(view.Received.dtype).MoveToOuterDisposeScope())

let private marginalNetwork (view: NetworkView) =
    view
    |> NetworkView.combined (fun lists -> view.Rows.Medians(view.Pool, lists)) view.Received.Lists
    |> NetworkView.withoutStages view

let dmedian: Component<Rule> =
    settings {
        let! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"
        return rule alpha marginalKappa marginal |> Rule.allAtOnce marginalNetwork
    }
    |> Define.Named "dmedian"
    |> Component.describedBy
        "the median of every coordinate of what was received"
        "> R[c] = median{x_j[c], j ∈ N_i}\n\n\
         For an even number of neighbours it is the mean of the two middle values. NaN counts as +∞. A median is \
         defined by the majority, so ρ plays no part and n̂ = ⌊(|N_i|−1)/2⌋."
        "UBAR paper, equation 14; Yin et al., ICML 2018"

/// One step of Weiszfeld's algorithm from `centre` z towards T, the mean of the rows `[m, d]` weighted by 1/‖x_j − z‖.
/// Rows within ν of z have no direction: η of them hold it back by the share min(1, η/‖Σ_j (x_j − z)/‖x_j − z‖‖) of the
/// way (Vardi and Zhang, 2000). It stays where it is when every distance overflows.
let private weiszfeld (smoothing: float) (rows: torch.Tensor) (centre: torch.Tensor) =
    use scope = torch.NewDisposeScope()
    let distances = Estimate.distances centre rows

    let weights =
        distances |> Array.map (fun distance -> if distance <= smoothing then 0.0 else smoothing / distance)

    let holding = distances |> Seq.filter (fun distance -> distance <= smoothing) |> Seq.length

    match Array.sum weights with
    | 0.0 -> centre
    | total ->
        // Convex before the product, which then cannot overflow.
        let convex = torch.tensor (Array.map (fun weight -> weight / total) weights, device = rows.device)
        let target = convex.matmul rows
        let way = Estimate.distances centre (target.unsqueeze 0L) |> Array.head
        let held = min 1.0 (float holding / (total * (way / smoothing)))

        if holding = 0 then
            target.MoveToOuterDisposeScope()
        else
            (Native.sum (Native.scaled (1.0 - held) target) (Native.scaled held centre)).MoveToOuterDisposeScope()

/// The point itself, or the first of the rows with the smallest sum of distances if that is smaller by more than rounding.
/// Steps towards a received estimate that only just holds the others' pull get shorter without end.
let private orReceived (rows: torch.Tensor) (point: torch.Tensor) =
    let sum centre = Array.sum (Estimate.distances centre rows)

    let least, best = Seq.init (int rows.shape[0]) (fun row -> sum rows[int64 row], row) |> Seq.min

    if least < (1.0 - 1e-9) * sum point then
        rows[int64 best]
    else
        point

/// argmin_z Σ_j ‖z − x_j‖ over rows `[m, d]` in float64. It starts at the coordinate-wise median, where an outlier has no
/// weight yet, and measures lengths by the median distance from there, so that it moves and scales with its input.
let private geometric iterations tolerance (rows: torch.Tensor) =
    let start = OrderStatistics.median (OrderStatistics.sorted rows)
    let distances = Array.sort (Estimate.distances start rows)
    let radius = distances[distances.Length / 2]
    let smallest = tolerance * radius

    let rec descend left (centre: torch.Tensor) =
        let next = weiszfeld smallest rows centre
        let moved = Estimate.distances centre (next.unsqueeze 0L) |> Array.head

        if left = 1 || moved <= smallest then
            next
        else
            descend (left - 1) next

    // At least half of the estimates are the start, which is then the geometric median; or no distance is a number.
    if smallest = 0.0 || not (Double.IsFinite smallest) then
        start
    else
        // Rounding must not carry a coordinate out of its range, where it could overflow.
        (descend iterations start).minimum(rows.amax [| 0L |]).maximum(rows.amin [| 0L |])
        |> orReceived rows

let private ofFinite iterations tolerance (view: View) =
    use scope = torch.NewDisposeScope()
    let finite = Estimate.finiteRows view.Received |> Array.indexed |> Array.filter snd |> Array.map fst

    let median =
        if Array.isEmpty finite then
            view.Own.clone ()
        else
            let rows = (Estimate.rows finite view.Received).to_type torch.float64
            (geometric iterations tolerance rows).to_type(view.Received.dtype)

    Aggregate.ofEstimate (median.MoveToOuterDisposeScope())

/// Points that are mixtures of some points p_1 … p_m, known by these points' squared distances: what Weiszfeld's algorithm
/// needs of them costs m² products in the place of m vectors.
[<RequireQualifiedAccess>]
module private Mixture =

    /// ‖Σ_j w_j p_j − p_k‖² for all k, where Σ_j w_j = 1: Σ_j w_j D_jk − ½ Σ_ij w_i w_j D_ij.
    let squares (between: float[][]) (weights: float[]) : float[] =
        let pulls =
            between
            |> Array.map (fun row -> Array.fold2 (fun sum weight square -> sum + weight * square) 0.0 weights row)

        let own = 0.5 * Array.fold2 (fun sum weight pull -> sum + weight * pull) 0.0 weights pulls
        pulls |> Array.map (fun pull -> max 0.0 (pull - own))

    /// The distance between two mixtures: −½ Σ_ij v_i v_j D_ij for the difference v of their weights.
    let distance (between: float[][]) (one: float[]) (other: float[]) : float =
        let difference = Array.map2 (-) one other

        let pull row = Array.fold2 (fun sum weight square -> sum + weight * square) 0.0 difference row
        sqrt (max 0.0 (-0.5 * Array.fold2 (fun sum weight row -> sum + weight * pull row) 0.0 difference between))

/// The weights of the geometric median among m estimates and, last, of its start, the coordinate-wise median: `geometric` on
/// mixtures. `between` holds the squared distances of these m + 1 points.
let private mixed iterations tolerance (between: float[][]) : float[] =
    let count = between.Length - 1
    let start = Array.init (count + 1) (fun point -> if point = count then 1.0 else 0.0)
    let distances mixture = Mixture.squares between mixture |> Array.truncate count |> Array.map sqrt
    let radius = (distances start |> Array.sort)[count / 2]
    let smallest = tolerance * radius

    let step (centre: float[]) =
        let distances = distances centre

        let weights =
            distances |> Array.map (fun distance -> if distance <= smallest then 0.0 else smallest / distance)

        match Array.sum weights with
        | 0.0 -> centre
        | total ->
            let target = Array.append (weights |> Array.map (fun weight -> weight / total)) [| 0.0 |]
            let holding = distances |> Seq.filter (fun distance -> distance <= smallest) |> Seq.length

            if holding = 0 then
                target
            else
                let way = Mixture.distance between centre target
                let held = min 1.0 (float holding / (total * (way / smallest)))
                Array.map2 (fun target centre -> (1.0 - held) * target + held * centre) target centre

    let rec descend left centre =
        let next = step centre

        if left = 1 || Mixture.distance between centre next <= smallest then
            next
        else
            descend (left - 1) next

    if smallest = 0.0 || not (Double.IsFinite smallest) then
        start
    else
        let point = descend iterations start
        let sum row = between[row] |> Array.truncate count |> Array.sumBy sqrt
        let least, best = Seq.init count (fun row -> sum row, row) |> Seq.min

        if least < (1.0 - 1e-9) * Array.sum (distances point) then
            Array.init (count + 1) (fun row -> if row = best then 1.0 else 0.0)
        else
            point

/// How many times farther than half of the others an estimate may be before its number alone would spoil the products of the
/// rest: float64 has twice as many digits.
let private farthest = 1e8

/// For each received row that is farther than that from its node's start, the row that stands for it: as far as that
/// in the same direction, which is all that its pull depends on. Rows of the pool, the starts behind them, as `[more,
/// d]`, and which replaces which, by node and row.
let private proxies (pool: torch.Tensor) (starts: int[]) (received: int[][]) (view: NetworkView) =
    let squares = view.Rows.Squares(pool, RowPairs.Between(int pool.shape[0], starts, received))

    let ofNode node =
        let distances = received[node] |> Array.map (fun row -> sqrt squares[starts[node], row])

        let bound =
            if Array.isEmpty distances then
                infinity
            else
                farthest * (Array.sort distances)[distances.Length / 2]

        [ for row, distance in Array.zip received[node] distances do
              if bound > 0.0 && distance > bound then
                  let start = pool[int64 starts[node]].to_type torch.float64
                  let way = pool[int64 row].to_type torch.float64 - start
                  (node, row), (Native.sum start (Native.scaled (bound / distance) way)).to_type pool.dtype ]

    List.collect ofNode [ 0 .. starts.Length - 1 ]

/// The network form: the medians are rows behind those of the pool, and every pair of rows has its distance once.
let private geometricNetwork iterations tolerance (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let rows, finite = NetworkView.rows view, NetworkView.finiteRows view
    let received = view.Received.Lists |> Array.map (Array.filter (fun row -> finite[row]))

    let medians = view |> NetworkView.combined (fun lists -> view.Rows.Medians(view.Pool, lists)) received

    let pool = torch.cat ([| view.Pool; medians |], 0L)
    let starts = Array.init received.Length (fun node -> rows + node)
    let proxies = proxies pool starts received view

    let place = proxies |> List.mapi (fun index (key, _) -> key, int pool.shape[0] + index) |> Map.ofList

    let pool =
        if List.isEmpty proxies then
            pool
        else
            torch.cat ([| pool; torch.stack (proxies |> List.map snd) |], 0L)

    let points =
        received
        |> Array.mapi (fun node received ->
            let ofRow row = Map.tryFind (node, row) place |> Option.defaultValue row
            Array.append (Array.map ofRow received) [| starts[node] |])

    let squares = view.Rows.Squares(pool, RowPairs.Among(int pool.shape[0], points))

    let weights =
        points
        |> Array.map (fun points ->
            if points.Length = 1 then
                [| 1.0 |]
            else
                points
                |> Array.map (fun one -> points |> Array.map (fun other -> squares[one, other]))
                |> mixed iterations tolerance)

    view.Rows.WeightedSums(pool, points, weights).MoveToOuterDisposeScope()
    |> NetworkView.withoutStages view

let geometricMedian: Component<Rule> =
    settings {
        let! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"
        and! iterations = Setting.whole "iterations" 1 10_000 100 "the most steps of Weiszfeld's algorithm"

        and! tolerance =
            Setting.real
                "tolerance"
                (Interval.above 0.0 1.0)
                1e-9
                "the step that ends the algorithm and the distance ν that counts as none, as shares of the \
                 median distance from the coordinate-wise median"

        return
            rule alpha geometricKappa (ofFinite iterations tolerance)
            |> Rule.allAtOnce (geometricNetwork iterations tolerance)
    }
    |> Define.Named "geometric-median"
    |> Component.describedBy
        "the point with the least sum of distances to what came in"
        "> R = argmin_z Σ_j ‖z − x_j‖\n\
         > z ← Σ_j w_j x_j / Σ_j w_j,   w_j = 1/‖x_j − z‖\n\n\
         Over the finite received estimates, by Weiszfeld's algorithm (the second line) from the coordinate-wise \
         median; estimates within ν of z hold it back as Vardi and Zhang found. It ends with a step no longer than \
         `tolerance` times the median distance from that start, or after `iterations` steps; ν is the same length. R is \
         a received estimate if its sum of distances is smaller than that of the point so reached. \
         `rfa` takes a few smoothed steps instead, as RFA's authors do. Without a finite estimate, R = x_i."
        "Chen, Su and Xu, SIGMETRICS 2018; Weiszfeld, Tohoku Mathematical Journal 43, 1937; Vardi and Zhang, PNAS 2000"
