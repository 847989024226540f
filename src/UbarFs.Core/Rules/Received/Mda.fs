/// Minimum-diameter averaging.
[<RequireQualifiedAccess>]
module UbarFs.Core.Mda

open System

let private cap neighbours = (neighbours - 1) / 2

/// Sets that are looked at for one node at most.
let private mostSets = 1e6

/// C(m, f), in floating point: it can be beyond every whole number.
let private subsets received byzantine =
    Seq.fold (fun product step -> product * float (received - byzantine + step) / float step) 1.0 [ 1..byzantine ]

let private objection liars (headcount: Headcount) =
    let byzantine = Liars.count liars headcount
    let sets = subsets headcount.Received byzantine

    if sets > mostSets then
        let sets = sets.ToString("0.#e0", Globalization.CultureInfo.InvariantCulture)

        Some
            $"with m = {headcount.Received} neighbours and n̂ = {byzantine} it would search C(m, n̂) = {sets} sets, and \
              a million are the most: take 'nna' or 'meamed', or a smaller 'assumed'"
    else
        None

/// Steps of the search before it is given up: some seconds.
let private mostSteps = 50_000_000L

/// The first set of so many places, in the order of their numbers, whose two farthest members are nearest together.
/// Sets that are no better than the best so far are not completed.
let private smallest (squares: float[][]) (size: int) (candidates: int[]) : int[] =
    let mutable best, bestDiameter, steps = [||], infinity, 0L
    let chosen = Array.zeroCreate size

    let rec search count first diameter =
        steps <- steps + 1L

        if steps > mostSteps then
            invalidOp
                $"mda: no set of {size} among {candidates.Length} estimates was found to be the closest in {mostSteps} \
                  steps; assume fewer Byzantine neighbours, or take multi-krum"

        if count = size then
            best <- Array.copy chosen
            bestDiameter <- diameter
        else
            for index in first .. candidates.Length - (size - count) do
                let next = candidates[index]
                let mutable widest = diameter

                for member' in 0 .. count - 1 do
                    widest <- max widest (squares[chosen[member'] + 1][next + 1])

                if widest < bestDiameter then
                    chosen[count] <- next
                    search (count + 1) (index + 1) widest

    if size <= candidates.Length then
        search 0 0 0.0

    // All distances overflow.
    if Array.isEmpty best then
        Array.truncate size candidates
    else
        best

let private weigh liars (standing: LocalView) (squares: float[][]) : Mixing.Mix =
    let neighbours = standing.Neighbours
    let byzantine = Liars.count liars standing.Headcount

    // A row that is not finite is infinitely far from all others, and a single one is finite if it is 0 from itself.
    let isFinite place =
        neighbours = 1 && Double.IsFinite(squares.[place + 1].[0])
        || squares[place + 1]
           |> Seq.indexed
           |> Seq.exists (fun (other, square) -> other <> place + 1 && Double.IsFinite square)

    let candidates = [| 0 .. neighbours - 1 |] |> Array.filter isFinite

    smallest squares (min (neighbours - byzantine) candidates.Length) candidates
    |> Mixing.meanOf standing

let rule: Component<Rule> =
    settings {
        let! liars = Liars.assuming cap
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Mixing.rule alpha [ "closest" ] false (Among(weigh liars))
            |> Liars.toleratedBy liars
            |> Rule.objecting (objection liars)
            |> Rule.costing Cost.Quadratic
            // The order of the neighbours does matter: several sets are often equally close.
            |> Rule.claiming
                [ Law.Translation
                  Law.Scaling
                  Law.Rotation
                  Law.Mirroring
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint
                  Law.OwnApart
                  Law.MeanOfKept
                  Law.Precision ]
    }
    |> Define.Named "mda"
    |> Component.describedBy
        "the mean of the closest-knit set of received estimates"
        "> S* = argmin_S max_{j, j' ∈ S} ‖x_j − x_j'‖,   |S| = |N_i| − n̂\n\
         > R = (1/|S*|) Σ_{j ∈ S*} x_j,   n̂ ≤ ⌊(|N_i| − 1)/2⌋\n\n\
         The search is exact and takes the first of several sets that are equally close. It leaves out what cannot be \
         better than the best so far. Networks where C(|N_i|, n̂) is beyond a million at some node are refused before \
         anything is computed: `nna` and `meamed` do with any number of neighbours. An estimate that is not finite is \
         never kept; if none is left, R = x_i."
        "El Mhamdi et al., Genuinely Distributed Byzantine Machine Learning, PODC 2020; Rousseeuw, 1985"
