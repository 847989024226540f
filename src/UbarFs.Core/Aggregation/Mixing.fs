/// Rules that give weights: R is a sum of the own estimate and of received ones, each times a weight that follows
/// from how far they lie apart. A rule says what the weights are; both of its forms are made here.
[<RequireQualifiedAccess>]
module UbarFs.Core.Mixing

open System
open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// The weights of the received estimates, by place, and of the own one.
type Mix = { Received: float[]; Own: float }

/// The weights `own` and 0, except for what some places have.
let ofPlaces (standing: LocalView) own (weights: (int * float) seq) : Mix =
    let received = Array.zeroCreate standing.Neighbours

    for place, weight in weights do
        received[place] <- weight

    { Received = received; Own = own }

/// The mean of what is at some places; without any, the own estimate.
let meanOf (standing: LocalView) (places: int[]) : Mix =
    if Array.isEmpty places then
        ofPlaces standing 1.0 []
    else
        ofPlaces standing 0.0 (places |> Seq.map (fun place -> place, 1.0 / float places.Length))

/// x_i + the mean over some places of x_j − x_i, cut to a radius; without any, the own estimate.
let meanWithin radius (standing: LocalView) (distances: float[]) (places: int[]) : Mix =
    if Array.isEmpty places then
        ofPlaces standing 1.0 []
    else
        let share = 1.0 / float places.Length

        let left place =
            if distances[place] > radius then
                radius / distances[place]
            else
                1.0
        // What is cut off is the own estimate's.
        let own = places |> Array.sumBy (fun place -> share * (1.0 - left place))
        places |> Seq.map (fun place -> place, share * left place) |> ofPlaces standing own

let private keptOf (mix: Mix) =
    mix.Received |> Array.indexed |> Array.filter (fun (_, weight) -> weight > 0.0) |> Array.map fst

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

/// What one node makes of its weights. One whose own estimate is lost restarts, unless it plays no part.
let aggregate (stages: string list) needsOwn (mix: Mix) (view: View) : Aggregate =
    use scope = torch.NewDisposeScope()
    let isLost = not (Estimate.isFinite view.Own)
    let kept = keptOf mix

    let estimate, kept =
        if isLost && (needsOwn || Array.isEmpty kept) then
            Finite.restart view, [||]
        else
            summed mix view, kept

    { Aggregate.ofEstimate (estimate.MoveToOuterDisposeScope()) with
        Stages = stages |> List.map (fun name -> { Name = name; Kept = kept }) }

/// What the rule means for one node.
let reference (stages: string list) needsOwn (weighing: Weighing<Mix>) (view: View) : Aggregate =
    aggregate stages needsOwn (Weighing.ofView weighing view) view

/// What all nodes make of their weights.
let aggregateTogether (stages: string list) needsOwn (mixes: Mix[]) (view: NetworkView) : NetworkAggregate =
    use scope = torch.NewDisposeScope()
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

/// The same for all nodes at once, from distances that those who share a pair share.
let network (stages: string list) needsOwn (weighing: Weighing<Mix>) (view: NetworkView) : NetworkAggregate =
    aggregateTogether stages needsOwn (Weighing.ofNetwork weighing view) view

/// A rule of weights, with α and the name of its selecting stage if it has one.
let rule alpha (stages: string list) needsOwn (weighing: Weighing<Mix>) : Rule =
    Rule.aggregating alpha (reference stages needsOwn weighing)
    |> Rule.allAtOnce (network stages needsOwn weighing)
    |> Rule.selecting stages
