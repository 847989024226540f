/// Stages that blend: each estimate that they hand on is a sum of the own one and of received ones, with weights that
/// follow from how far they lie apart. A stage says what the weights are; both of its forms are made here.
[<RequireQualifiedAccess>]
module UbarFs.Core.Blending

open System
open System.Collections.Generic
open TorchSharp
open UbarFs.Kernels

/// One estimate that a stage hands on.
type Blend =
    {
        /// The weight of the own estimate.
        Own: float
        /// The weights of received ones, by place.
        Parts: (int * float)[]
        /// The places of those for which it stands; none for the own one.
        StandsFor: int[]
    }

/// What is at a place, as it is.
let at place : Blend = { Own = 0.0; Parts = [| place, 1.0 |]; StandsFor = [| place |] }

/// The own estimate, as it is.
let own: Blend = { Own = 1.0; Parts = [||]; StandsFor = [||] }

/// The mean of what is at some places (not empty), which stands for others.
let mean (standsFor: int[]) (places: int[]) : Blend =
    { Own = 0.0
      Parts = places |> Array.map (fun place -> place, 1.0 / float places.Length)
      StandsFor = standsFor }

let private originOf (blend: Blend) : Provenance =
    { StandsFor = blend.StandsFor
      MadeOf = blend.Parts |> Array.map fst |> Array.sort }

let private isConvex (weights: float[]) =
    Array.forall (fun weight -> weight >= 0.0) weights && abs (Array.sum weights - 1.0) < 1e-9

// In float64. Rounding must not carry a mean out of the range of its parts.
let private sum (view: View) (blend: Blend) : torch.Tensor =
    match blend with
    | { Own = 0.0; Parts = [| place, 1.0 |] } -> view.Received[int64 place].clone()
    | { Own = 1.0; Parts = [||] } -> view.Own.clone ()
    | _ ->
        use scope = torch.NewDisposeScope()
        let rows = (Estimate.rows (Array.map fst blend.Parts) view.Received).to_type torch.float64
        let own = view.Own.to_type(torch.float64).unsqueeze 0L
        let weights = blend.Parts |> Array.map snd

        let points, weights =
            if blend.Own <> 0.0 then
                torch.cat ([| own; rows |], 0L), Array.append [| blend.Own |] weights
            else
                rows, weights

        let sum = points.t().mv(torch.tensor (weights, device = points.device))

        let sum =
            if isConvex weights then
                sum.minimum(points.amax [| 0L |]).maximum(points.amin [| 0L |])
            else
                sum

        sum.to_type(view.Own.dtype).MoveToOuterDisposeScope()

/// What the stage means for one node.
let reference (weighing: Weighing<Blend[]>) (view: View) : Prepared =
    use scope = torch.NewDisposeScope()
    let blends = Weighing.ofView weighing view
    let estimates = blends |> Array.map (sum view)

    { Estimates = torch.stack(estimates).MoveToOuterDisposeScope()
      Origins = Array.map originOf blends }

/// The same for all nodes at once. Blends of the same rows with the same weights are made once.
let network (weighing: Weighing<Blend[]>) (view: NetworkView) : NetworkPrepared =
    let blends = Weighing.ofNetwork weighing view
    let known = Dictionary<struct (int[] * float[]), int>(HashIdentity.Structural)
    let lists, weights = ResizeArray<int[]>(), ResizeArray<float[]>()

    let rowOf rows shares =
        let key = struct (rows, shares)

        match known.TryGetValue key with
        | true, row -> row
        | false, _ ->
            known[key] <- lists.Count
            lists.Add rows
            weights.Add shares
            lists.Count - 1

    let ofBlend node (blend: Blend) =
        let rows = blend.Parts |> Array.map (fun (place, _) -> view.Received.Lists[node][place])
        let shares = Array.map snd blend.Parts

        if blend.Own <> 0.0 then
            rowOf (Array.append [| view.Own[node] |] rows) (Array.append [| blend.Own |] shares)
        else
            rowOf rows shares

    let own = view.Own |> Array.map (fun row -> rowOf [| row |] [| 1.0 |])
    let received = blends |> Array.mapi (fun node -> Array.map (ofBlend node))

    { Pool = view.Rows.WeightedSums(view.Pool, lists.ToArray(), weights.ToArray())
      Own = own
      Received = received
      Origins = blends |> Array.map (Array.map originOf) }

/// A stage of weights, in both forms.
let stage (weighing: Weighing<Blend[]>) : PipelineStage =
    PipelineStage.preparing (reference weighing) |> PipelineStage.allAtOnce (network weighing)
