/// WFAgg: weights by three filters, of distance, of direction, and of how a sender moves from one iteration to the next.
[<RequireQualifiedAccess>]
module UbarFs.Core.WfAgg

open System
open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// So many digits are looked at of numbers that are compared: rounding must not decide between equal ones.
let private digits = 12

/// The number of Byzantine messages from which on each filter keeps one.
let private cap received = max 0 (received - 2)

/// A message that is finite: how far it is from the median, by distance and by angle, and the same from the sender's last
/// one, where there is one and the metrics have begun.
type private Sighting = { Apart: float; Turned: float; Moved: (float * float) option }

/// 1 − cos of two vectors, from their lengths, distance and scalar product. What has no length is at right angles to all.
let private turn product one other distance =
    let byProduct = 1.0 - product / (one * other)

    if not (Double.IsFinite byProduct) then
        1.0
    elif one <= 2.0 * other && other <= 2.0 * one then
        // For vectors that nearly coincide the product says little: 2 − 2cos is their distance as unit vectors, squared.
        let longer = one - other
        (distance - longer) / one * ((distance + longer) / other) / 2.0 |> max 0.0
    else
        byProduct

/// What the filters make of what is finite, by place, with the record of each before: its weight is the share of its votes.
let private weigh
    liars
    (standing: LocalView)
    (seen: (int * Sighting)[])
    (recordOf: int -> Movements.Record)
    : Mixing.Mix =
    let count = max 1 (standing.Neighbours - Liars.count liars standing.Headcount - 1)

    let nearest (number: Sighting -> float) =
        let largest = seen |> Array.fold (fun largest (_, sighting) -> max largest (number sighting)) 0.0

        let told sighting =
            if largest > 0.0 then
                Math.Round(number sighting / largest, digits)
            else
                0.0

        seen
        |> Array.sortBy (fun (place, sighting) -> struct (told sighting, place))
        |> Array.truncate count
        |> Array.map fst

    // Of two estimates each is as far from their median as the other, however it is rounded.
    let apart = if seen.Length = 2 then (fun _ -> 0.0) else _.Apart
    let near, aligned = nearest apart, nearest (fun sighting -> Math.Round(sighting.Turned, digits))

    let votes (place, sighting) =
        let isSteady = sighting.Moved |> Option.exists (fun moved -> Movements.isSteady moved (recordOf place))
        let vote worth holds = if holds then worth else 0

        vote 2 (Array.contains place near) + vote 2 (Array.contains place aligned) + vote 1 isSteady

    // In fifths: 0.4, 0.4 and 0.2, of which 0.6 is needed.
    let trusted =
        seen
        |> Array.map (fun (place, sighting) -> place, votes (place, sighting))
        |> Array.filter (fun (_, votes) -> votes >= 3)

    let total = trusted |> Array.sumBy snd |> float
    let own = if Array.isEmpty trusted then 1.0 else 0.0

    trusted
    |> Seq.map (fun (place, votes) -> place, float votes / total)
    |> Mixing.ofPlaces standing own

let private moved (seen: (int * Sighting)[]) = seen |> Array.map (fun (place, sighting) -> place, sighting.Moved)

/// What one node sees of the finite places of what it received.
let private sightings isMeasuring (past: Movements.Past) (finite: int[]) (view: View) : (int * Sighting)[] =
    use scope = torch.NewDisposeScope()
    let rows = Estimate.rows finite view.Received
    let median = (OrderStatistics.median (OrderStatistics.sorted rows)).to_type(view.Own.dtype).unsqueeze 0L
    let known = if isMeasuring then past.Last |> Option.toList else []
    let points = torch.cat (rows :: median :: known |> Array.ofList, 0L)
    let tamed = Estimate.tamed points

    let products = Transfers.Read<float>(Estimate.products tamed) |> Array.chunkBySize (int points.shape[0])

    let lengths = products |> Array.mapi (fun row products -> sqrt products[row])

    let distancesFrom point (points: torch.Tensor) =
        Estimate.distances points[int64 point] (points.narrow (0L, 0L, int64 finite.Length))

    let turned one other distance = turn products.[one].[other] lengths.[one] lengths.[other] distance
    let middle = finite.Length
    let apart, apartTamed = distancesFrom middle points, distancesFrom middle tamed

    finite
    |> Array.mapi (fun row place ->
        let moved =
            if isMeasuring then
                Movements.placeOf view.Senders[place] past
                |> Option.map (fun before ->
                    let last = middle + 1 + before

                    let distance (points: torch.Tensor) =
                        (Estimate.distances points[int64 last] (points[int64 row].unsqueeze 0L))[0]

                    distance points, turned row last (distance tamed))
            else
                None

        place,
        { Apart = apart[row]
          Turned = turned row middle apartTamed[row]
          Moved = moved })

let private reference liars alpha transitory (view: View) =
    use scope = torch.NewDisposeScope()
    let past = Movements.recall view.Memory
    let finite = Finite.rows view.Received

    let seen =
        if Array.isEmpty finite then
            [||]
        else
            sightings (view.Iteration >= int64 (transitory: int)) past finite view

    let mix =
        weigh liars (Weighing.standingOf view) seen (fun place -> Movements.recordOf past view.Senders[place])

    let aggregate = Mixing.aggregate [ "filters" ] false mix view
    let senders, records, whereabouts = Movements.after alpha past view.Senders (moved seen)

    let row whereabouts =
        match whereabouts, past.Last with
        | Movements.Before row, Some last -> last[int64 row]
        | (Movements.Now place | Movements.Before place), _ -> view.Received[int64 place]

    let last =
        if Array.isEmpty senders then
            None
        else
            Some(whereabouts |> Array.map row |> torch.stack)

    aggregate.Estimate.MoveToOuterDisposeScope() |> ignore

    { aggregate with
        Memory = Movements.remember { Senders = senders; Records = records; Last = last } }

/// What all nodes see, in one pool: what was sent, then the median of each node, then what each remembers.
type private Scene =
    {
        Pool: torch.Tensor
        /// The row of each node's median.
        Median: int -> int
        /// The row of a node's first remembered message.
        Remembered: int[]
    }

let private scene (heard: int[][]) (pasts: Movements.Past[]) (view: NetworkView) : Scene =
    let p = NetworkView.rows view

    let medians =
        view.Rows.Medians(
            view.Pool,
            Array.map2 (fun own rows -> if Array.isEmpty rows then [| own |] else rows) view.Own heard
        )

    let known = pasts |> Array.map _.Last

    let remembered =
        known |> Array.map (Option.map (fun last -> int last.shape[0]) >> Option.defaultValue 0)

    { Pool = torch.cat (Array.append [| view.Pool; medians |] (Array.choose id known), 0L)
      Median = fun node -> p + node
      Remembered = remembered |> Array.scan (+) (p + heard.Length) |> Array.truncate heard.Length }

let private network liars alpha transitory (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let isFinite = NetworkView.finiteRows view
    let isMeasuring = view.Iteration >= int64 (transitory: int)
    let pasts = view.Memories |> Array.map Movements.recall
    let heard = view.Received.Lists |> Array.map (Array.filter (fun row -> isFinite[row]))
    let scene = scene heard pasts view

    // For each node the places of what is finite, the row and the row of what the sender sent before.
    let messages =
        view.Received.Lists
        |> Array.mapi (fun node rows ->
            rows
            |> Array.indexed
            |> Array.filter (fun (_, row) -> isFinite[row])
            |> Array.map (fun (place, row) ->
                let before =
                    Movements.placeOf view.Senders[node].[place] pasts.[node]
                    |> Option.filter (fun _ -> isMeasuring)
                    |> Option.map (fun before -> scene.Remembered[node] + before)

                place, row, before))

    let pairs =
        messages
        |> Array.mapi (fun node messages ->
            messages
            |> Array.collect (fun (_, row, before) ->
                [| [| scene.Median node; row |]
                   yield! before |> Option.map (fun before -> [| before; row |]) |> Option.toArray |]))
        |> Array.concat

    let rows = int scene.Pool.shape[0]
    let squares = view.Rows.Squares(scene.Pool, RowPairs.Among(rows, pairs))
    let products = view.Rows.Products(scene.Pool, RowPairs.AmongAndWithin(rows, pairs))

    let between one other =
        let distance = sqrt squares[one, other]
        let length row = sqrt products.[row, row]
        distance, turn products.[one, other] (length one) (length other) distance

    let seen =
        messages
        |> Array.mapi (fun node ->
            Array.map (fun (place, row, before) ->
                let apart, turned = between row (scene.Median node)
                place, { Apart = apart; Turned = turned; Moved = Option.map (between row) before }))

    let mixes =
        seen
        |> Array.mapi (fun node seen ->
            weigh liars (Weighing.standingIn view node) seen (fun place ->
                Movements.recordOf pasts.[node] view.Senders[node].[place]))

    let remembering node =
        let senders, records, whereabouts =
            Movements.after alpha pasts.[node] view.Senders.[node] (moved seen.[node])

        let row whereabouts =
            match whereabouts with
            | Movements.Now place -> view.Received.Lists[node][place]
            | Movements.Before row -> scene.Remembered[node] + row

        let last =
            if Array.isEmpty senders then
                None
            else
                Some(Estimate.rows (Array.map row whereabouts) scene.Pool)

        Movements.remember { Senders = senders; Records = records; Last = last }

    let made = Mixing.aggregateTogether [ "filters" ] false mixes view

    { Estimates = made.Estimates.MoveToOuterDisposeScope()
      Kept = made.Kept |> List.map _.MoveToOuterDisposeScope()
      Memories = Array.init mixes.Length remembering }

let rule: Component<Rule> =
    settings {
        let! liars = Liars.assuming cap

        and! transitory =
            Setting.whole "transitory" 0 1_000_000 3 "iterations before the metrics of how a sender moves begin"

        and! forgetting =
            Setting.real
                "forgetting"
                (Interval.below 0.0 1.0)
                0.01
                "the weight that an older metric loses in each iteration"

        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha (reference liars forgetting transitory)
            |> Rule.allAtOnce (network liars forgetting transitory)
            |> Rule.selecting [ "filters" ]
            |> Rule.judgingSenders
            |> Liars.toleratedBy liars
            |> Rule.measuringFromOwn
            |> Rule.claiming
                [ Law.Scaling
                  Law.Mirroring
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint ]
    }
    |> Define.Named "wfagg"
    |> Component.describedBy
        "the mean of what two of three filters keep"
        "> D: the max(1, |N_i| − n̂ − 1) with the least ‖x_j − M‖\n\
         > C: as many with the least 1 − cos(x_j, M)\n\
         > T: those of whom both ‖x_j − x_j'‖ and 1 − cos(x_j, x_j') are\n\
         >    within one standard deviation of what they have been\n\
         > w_j = 0.4·[D keeps j] + 0.4·[C keeps j] + 0.2·[T keeps j]\n\
         > R = Σ w_j x_j / Σ w_j over those with w_j ≥ 0.6; x_i without any\n\n\
         M is the coordinate-wise median of the finite estimates that came in, rounded to their type, and x_j' what the \
         same sender sent before. Mean and standard deviation are exponential averages over all metrics before, a metric \
         weighing (1 − forgetting)^k after k more; the variance is the unbiased one. T keeps nobody with fewer than two \
         metrics before. Ties go to the lowest index; an estimate without length is at right angles to all. Every node \
         keeps the last message of each neighbour, which takes as much memory as their estimates.\n\n\
         The source's smoothing factor is 1 − α. It cuts each estimate to the median's length before C, which changes no \
         angle. The authors' program averages two metrics before alone, and over these the averages so far; here it is \
         one average over all. An estimate that is not finite is never kept, and no metric is taken of it. If nothing \
         is kept, a node whose own estimate is not finite restarts from the coordinate-wise median of the finite ones it \
         received."
        "Cajaraville-Aboy et al., Byzantine-Robust Aggregation for Securing Decentralized Federated Learning, 2024"
