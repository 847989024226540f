/// Rules that give weights: R is a sum of the own estimate and of received ones, each times a weight that follows
/// from how far they lie apart. A rule says what the weights are; both of its forms are made here.
[<RequireQualifiedAccess>]
module UbarFs.Core.Mixing

open System
open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// What a node knows besides distances.
type Standing =
    {
        /// W_ij of what it received, by place, and W_ii.
        Weights: float[]
        OwnWeight: float
        /// What n̂ follows from.
        Headcount: Headcount
    }

    /// m, the received estimates.
    member standing.Neighbours = standing.Weights.Length

/// The weights of the received estimates, by place, and of the own one.
type Mix = { Received: float[]; Own: float }

/// What a rule goes by: the weights from distances by place, infinite for an estimate that is not finite. What is
/// infinitely far must have the weight 0.
type Weighing =
    /// From the distances of the received estimates from the own one.
    | FromOwn of (Standing -> float[] -> Mix)
    /// From the distances of the received estimates from 0.
    | FromZero of (Standing -> float[] -> Mix)
    /// From the squared distances of any two: the own one is point 0, and place j is point j + 1.
    | Among of (Standing -> float[][] -> Mix)

/// The weights `own` and 0, except for what some places have.
let ofPlaces (standing: Standing) own (weights: (int * float) seq) : Mix =
    let received = Array.zeroCreate standing.Neighbours

    for place, weight in weights do
        received[place] <- weight

    { Received = received; Own = own }

/// The mean of what is at some places; without any, the own estimate.
let meanOf (standing: Standing) (places: int[]) : Mix =
    if Array.isEmpty places then
        ofPlaces standing 1.0 []
    else
        ofPlaces standing 0.0 (places |> Seq.map (fun place -> place, 1.0 / float places.Length))

/// The places of what is finite, nearest first; ties to the lowest place.
let nearestFirst (distances: float[]) : int[] =
    [| 0 .. distances.Length - 1 |]
    |> Array.filter (fun place -> Double.IsFinite distances[place])
    |> Array.sortBy (fun place -> struct (distances[place], place))

let private keptOf (mix: Mix) =
    mix.Received |> Array.indexed |> Array.filter (fun (_, weight) -> weight > 0.0) |> Array.map fst

let private standingOf (view: View) : Standing =
    { Weights = view.Weights
      OwnWeight = view.OwnWeight
      Headcount = Headcount.ofView view }

// Squares up to a common factor, where the plain ones overflow: weights do not depend on the scale.
let private squaresAmong (view: View) : float[][] =
    let all = torch.cat ([| view.Own.unsqueeze 0L; view.Received |], 0L)
    let finite = Estimate.finiteRows all
    let plain = Estimate.pairwiseSquares all

    let overflows =
        plain
        |> Seq.indexed
        |> Seq.exists (fun (one, row) ->
            row
            |> Seq.indexed
            |> Seq.exists (fun (other, square) -> Double.IsInfinity square && finite[one] && finite[other]))

    if overflows then
        Estimate.pairwiseSquares (Native.scaled (Math.ScaleB(1.0, -600)) (all.to_type torch.float64))
    else
        plain

// In float64, and within the range of what has a weight: rounding must not carry it out.
let private summed (mix: Mix) (view: View) : torch.Tensor =
    let kept = keptOf mix
    let rows = (Estimate.rows kept view.Received).to_type torch.float64
    let own = view.Own.to_type(torch.float64).unsqueeze 0L
    let hasOwn = mix.Own <> 0.0 || Array.isEmpty kept
    let points = if hasOwn then torch.cat ([| own; rows |], 0L) else rows
    let weights = kept |> Array.map (fun place -> mix.Received[place])

    let weights =
        if hasOwn then
            Array.append [| mix.Own |] weights
        else
            weights

    let sum = points.t().mv(torch.tensor (weights, device = points.device))
    sum.minimum(points.amax [| 0L |]).maximum(points.amin [| 0L |]).to_type view.Own.dtype

/// What the rule means for one node. One whose own estimate is lost restarts, unless it plays no part.
let reference (stages: string list) needsOwn weighing (view: View) : Aggregate =
    use scope = torch.NewDisposeScope()
    let standing = standingOf view

    let mix =
        match weighing with
        | FromOwn weigh -> weigh standing (Estimate.distances view.Own view.Received)
        | FromZero weigh -> weigh standing (Estimate.distances (torch.zeros_like view.Own) view.Received)
        | Among weigh -> weigh standing (squaresAmong view)

    let isLost = not (Estimate.isFinite view.Own)
    let kept = keptOf mix

    let estimate, kept =
        if isLost && (needsOwn || Array.isEmpty kept) then
            Finite.restart view, [||]
        else
            summed mix view, kept

    { Aggregate.ofEstimate (estimate.MoveToOuterDisposeScope()) with
        Stages = stages |> List.map (fun name -> { Name = name; Kept = kept }) }

let private distancesOf (table: torch.Tensor) (view: NetworkView) : float[][] =
    let numbers = Transfers.Read<float> table |> Array.chunkBySize view.Received.Longest
    Array.map2 Array.truncate (NetworkView.counts view) numbers

let private norms (view: NetworkView) : float[][] =
    let rays = view.Own |> Array.map (fun own -> Ray(TrimmedMeans.Nobody, own, TrimmedMeans.Nobody))
    let seen = view.Rows.Project(view.Pool, view.Received.Lists, rays)

    seen.Squares
    |> Array.map (Array.map (fun square -> if Double.IsFinite square then sqrt square else infinity))

let private among (view: NetworkView) : float[][][] =
    let points =
        Array.map2 (fun own received -> Array.append [| own |] received) view.Own view.Received.Lists

    let squares = view.Rows.Squares(view.Pool, RowPairs.Among(NetworkView.rows view, points))

    points
    |> Array.map (fun points ->
        Array.init points.Length (fun one ->
            Array.init points.Length (fun other ->
                if one = other then
                    0.0
                elif points[one] = points[other] && not (squares.IsFinite points[one]) then
                    infinity
                else
                    squares[points[one], points[other]])))

/// The same for all nodes at once, from distances that those who share a pair share.
let network (stages: string list) needsOwn weighing (view: NetworkView) : NetworkAggregate =
    use scope = torch.NewDisposeScope()

    let standing node : Standing =
        { Weights = view.Weights[node]
          OwnWeight = view.OwnWeights[node]
          Headcount = Headcount.ofNode view node }

    let weighed weigh numbers = numbers |> Array.mapi (fun node numbers -> weigh (standing node) numbers)

    let mixes =
        match weighing with
        | FromOwn weigh -> weighed weigh (distancesOf (NetworkView.distances view) view)
        | FromZero weigh -> weighed weigh (norms view)
        | Among weigh -> weighed weigh (among view)

    let finite = NetworkView.finiteRows view
    let isRestarting node = not finite[view.Own[node]] && (needsOwn || Array.isEmpty (keptOf mixes[node]))
    let lost = [| 0 .. mixes.Length - 1 |] |> Array.filter isRestarting

    let kept = mixes |> Array.mapi (fun node mix -> if isRestarting node then [||] else keptOf mix)

    let rows, weights =
        mixes
        |> Array.mapi (fun node mix ->
            let received = view.Received.Lists[node]
            let rows = kept[node] |> Array.map (fun place -> received[place])
            let weights = kept[node] |> Array.map (fun place -> mix.Received[place])

            if mix.Own <> 0.0 || Array.isEmpty rows then
                Array.append [| view.Own[node] |] rows,
                Array.append [| (if Array.isEmpty rows then 1.0 else mix.Own) |] weights
            else
                rows, weights)
        |> Array.unzip

    let estimates = view.Rows.WeightedSums(view.Pool, rows, weights)
    Finite.restarted lost finite view estimates
    let selection = NetworkView.selectionOf kept view

    { Estimates = estimates.MoveToOuterDisposeScope()
      Kept = stages |> List.map (fun _ -> selection.clone().MoveToOuterDisposeScope())
      Memories = view.Memories }

/// A rule of weights, with α and the name of its selecting stage if it has one.
let rule alpha (stages: string list) needsOwn weighing : Rule =
    Rule.aggregating alpha (reference stages needsOwn weighing)
    |> Rule.allAtOnce (network stages needsOwn weighing)
    |> Rule.selecting stages
