/// SignGuard: of ordinary length, and with the signs that most have.
[<RequireQualifiedAccess>]
module UbarFs.Core.SignGuard

open System
open TorchSharp
open UbarFs.Kernels

/// How many coordinates a node looks at, and which lengths it takes for ordinary, as shares of their median.
type private Screen = { Share: float; Lower: float; Upper: float }

/// Distances that differ by this share of a bandwidth are equal: rounding must not decide.
let private rounding = 1e-9

/// How often signs were positive, 0 and negative.
type private Signs = float[]

let private distance (one: Signs) (other: Signs) =
    Array.fold2 (fun sum one other -> sum + (one - other) * (one - other)) 0.0 one other |> sqrt

/// The mean distance of the nearest half around each point, itself included.
let private bandwidth (points: Signs[]) : float =
    let nearest = max 1 (points.Length / 2)

    let reach point = points |> Array.map (distance point) |> Array.sort |> Array.item (nearest - 1)
    // In ascending order: the order of the neighbours must not round the mean.
    points |> Array.map reach |> Array.sort |> Array.average

/// The points that the kernel around a centre covers.
let private covered width centre (points: Signs[]) =
    points |> Array.filter (fun point -> distance centre point <= width * (1.0 + rounding))

let private meanOf (points: Signs[]) : Signs = Array.init 3 (fun part -> Array.averageBy (Array.item part) points)

/// Where the means of what the kernel covers lead from a point.
let private shifted width (points: Signs[]) (start: Signs) : Signs =
    let rec shift steps centre =
        let next = meanOf (covered width centre points)

        if steps = 1 || distance centre next <= 1e-3 * width then
            next
        else
            shift (steps - 1) next

    shift 300 start

/// The places of the largest of the groups that mean shift with a flat kernel finds; of several as large, the one with the
/// lowest place.
let private largestGroup (points: Signs[]) : int[] =
    let width = bandwidth points
    let centres = points |> Array.map (shifted width points)
    let weight place = (covered width centres[place] points).Length

    // The centres that cover most are left; others within their reach are the same.
    let peaks =
        [| 0 .. points.Length - 1 |]
        |> Array.sortBy (fun place -> struct (-(weight place), place))
        |> Array.fold
            (fun peaks place ->
                let isKnown peak = distance centres[peak] centres[place] <= width * (1.0 + rounding)

                if List.exists isKnown peaks then
                    peaks
                else
                    peaks @ [ place ])
            []

    let tie = rounding * width

    let groupOf point =
        let nearest = peaks |> List.map (fun peak -> distance centres[peak] point) |> List.min
        peaks |> List.find (fun peak -> distance centres[peak] point <= nearest + tie)

    [| 0 .. points.Length - 1 |]
    |> Array.groupBy (fun place -> groupOf points[place])
    |> Array.map snd
    |> Array.sortBy (fun places -> struct (-places.Length, places[0]))
    |> Array.head

/// The weights from the distances of the received estimates and the signs of their differences from the own one.
let private weigh screen (standing: LocalView) (distances: float[]) (signs: Signs[]) : Mixing.Mix =
    match Weighing.nearestFirst distances |> Array.sort with
    | [||] -> Mixing.meanOf standing [||]
    | finite ->
        let middle = finite |> Array.map (fun place -> distances[place]) |> OrderStatistics.medianOf

        let isOrdinary place =
            screen.Lower * middle <= distances[place] && distances[place] <= screen.Upper * middle

        finite
        |> Array.map (fun place -> signs[place])
        |> largestGroup
        |> Array.map (fun row -> finite[row])
        |> Array.filter isOrdinary
        |> Mixing.meanWithin middle standing distances

/// The coordinates that a node looks at.
let private drawn screen (dimension: int64) (random: KeyedRandom) : int[] =
    let count = max 1 (int (floor (screen.Share * float dimension + 1e-9)))
    Random.distinct random count (int dimension)

/// What a received estimate was found to be, of so many coordinates.
let private signsOf (coordinates: int) above below : Signs =
    [| float above; float (coordinates - above - below); float below |]

let private reference screen (view: View) =
    use scope = torch.NewDisposeScope()
    let coordinates = drawn screen view.Own.shape[0] (view.Random "sign-guard")
    let places = Transfers.Send(coordinates, view.Own.device)

    let received, own = view.Received.index_select (1L, places), view.Own.index_select (0L, places)

    let counts (signs: torch.Tensor) = Transfers.Read<int64>(signs.sum 1L) |> Array.map int

    let signs =
        Array.map2 (signsOf coordinates.Length) (counts (received.gt own)) (counts (received.lt own))

    let mix = weigh screen (Weighing.standingOf view) (Estimate.distances view.Own view.Received) signs
    let aggregate = Mixing.aggregate [ "signs" ] true mix view
    aggregate.Estimate.MoveToOuterDisposeScope() |> ignore
    aggregate

let private network screen (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let coordinates = Array.zeroCreate (NetworkView.nodes view)

    let draw node =
        coordinates[node] <- drawn screen view.Pool.shape[1] (view.Random node "sign-guard")

    Workers.ForEach(coordinates.Length, draw)
    let counts = view.Rows.CountSigns(view.Pool, view.Own, view.Received.Lists, coordinates)
    let distances = Weighing.distancesOf (NetworkView.distances view) view

    let mixes =
        Array.init coordinates.Length (fun node ->
            Array.map2 (signsOf coordinates[node].Length) counts.Above[node] counts.Below[node]
            |> weigh screen (Weighing.standingIn view node) distances[node])

    let made = Mixing.aggregateTogether [ "signs" ] true mixes view

    { made with
        Estimates = made.Estimates.MoveToOuterDisposeScope()
        Kept = made.Kept |> List.map _.MoveToOuterDisposeScope() }

let rule: Component<Rule> =
    settings {
        let! share =
            Setting.real "share" (Interval.above 0.0 1.0) 0.1 "the share of the coordinates whose signs are looked at"

        and! lower = Setting.ratio "lower" 0.1 "L, the least length, as a share of the median"

        and! upper =
            Setting.real
                "upper"
                { Interval.positive with Low = 1.0; LowClosed = true }
                3.0
                "R, the greatest length likewise"

        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"
        let screen = { Share = share; Lower = lower; Upper = upper }

        return
            Rule.aggregating alpha (reference screen)
            |> Rule.allAtOnce (network screen)
            |> Rule.selecting [ "signs" ]
            |> Rule.tolerating (fun _ neighbours -> (neighbours - 1) / 2)
            // The order of the neighbours does matter: several groups are often as large.
            |> Rule.measuringFromOwn
            |> Rule.claiming
                [ Law.Translation
                  Law.Scaling
                  Law.Mirroring
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint
                  Law.Precision ]
    }
    |> Define.Named "sign-guard"
    |> Component.describedBy
        "those of ordinary length whose signs are like most others'"
        "> g_j = x_j − x_i,   M = the median of the ‖g_j‖\n\
         > ordinary: L·M ≤ ‖g_j‖ ≤ R·M\n\
         > kept: the ordinary of the largest group by signs\n\
         > R = x_i + the mean over the kept of min(1, M/‖g_j‖)·g_j\n\n\
         Each node draws a `share` of the coordinates in each iteration, and counts how often each g_j is positive, 0 and \
         negative there. Mean shift with a flat kernel groups these counts; its bandwidth is the mean distance of the \
         nearest half. Of groups as large the one with the lowest index is taken. If nothing is kept, R = x_i. This is the \
         source's plain SignGuard, without the similarities that two variants add to the signs.\n\n\
         Adapted: the source is about gradients; here the differences x_j − x_i take their place. An estimate that is not \
         finite is left out first. A node whose own estimate is not finite restarts from the coordinate-wise median of the \
         finite ones it received."
        "Xu, Huang, Song and Lan, Byzantine-robust Federated Learning through Collaborative Malicious Gradient Filtering, \
         ICDCS 2022 (SignGuard)"
