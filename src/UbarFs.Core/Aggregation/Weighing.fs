namespace UbarFs.Core

open System
open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// What a node knows besides distances.
type LocalView =
    {
        /// W_ij of what it received, by place, and W_ii.
        Weights: float[]
        OwnWeight: float
        /// What n̂ follows from.
        Headcount: Headcount
        /// The node's random numbers for this iteration: a stream for each word.
        Random: string -> KeyedRandom
    }

    /// m, the received estimates.
    member standing.Neighbours = standing.Weights.Length

/// What follows from how far estimates lie apart. A distance is infinite for an estimate that is not finite.
type Weighing<'made> =
    /// From the distances of the received estimates from the own one, by place.
    | FromOwn of (LocalView -> float[] -> 'made)
    /// From the distances of the received estimates from 0, by place.
    | FromZero of (LocalView -> float[] -> 'made)
    /// From the squared distances of any two: the own one is point 0, and place j is point j + 1.
    | Among of (LocalView -> float[][] -> 'made)

/// How a node, and how all nodes, come to what follows from distances.
[<RequireQualifiedAccess>]
module Weighing =

    /// What one node knows.
    let standingOf (view: View) : LocalView =
        { Weights = view.Weights
          OwnWeight = view.OwnWeight
          Headcount = Headcount.ofView view
          Random = view.Random }

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

    /// What one node comes to.
    let ofView (weighing: Weighing<'made>) (view: View) : 'made =
        use scope = torch.NewDisposeScope()
        let standing = standingOf view

        match weighing with
        | FromOwn weigh -> weigh standing (Estimate.distances view.Own view.Received)
        | FromZero weigh -> weigh standing (Estimate.distances (torch.zeros_like view.Own) view.Received)
        | Among weigh -> weigh standing (squaresAmong view)

    /// What the i-th node knows.
    let standingIn (view: NetworkView) i : LocalView =
        { Weights = view.Weights[i]
          OwnWeight = view.OwnWeights[i]
          Headcount = Headcount.ofNode view i
          Random = view.Random i }

    /// The numbers of a table `[n, m]` for what each node received.
    let distancesOf (table: torch.Tensor) (view: NetworkView) : float[][] =
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

    /// What each node comes to, from distances that those who share a pair share.
    let ofNetwork (weighing: Weighing<'made>) (view: NetworkView) : 'made[] =
        use scope = torch.NewDisposeScope()

        let weighed weigh numbers =
            numbers |> Array.mapi (fun node numbers -> weigh (standingIn view node) numbers)

        match weighing with
        | FromOwn weigh -> weighed weigh (distancesOf (NetworkView.distances view) view)
        | FromZero weigh -> weighed weigh (norms view)
        | Among weigh -> weighed weigh (among view)

    /// The places of what is finite, nearest first; ties to the lowest place.
    let nearestFirst (distances: float[]) : int[] =
        [| 0 .. distances.Length - 1 |]
        |> Array.filter (fun place -> Double.IsFinite distances[place])
        |> Array.sortBy (fun place -> struct (distances[place], place))
