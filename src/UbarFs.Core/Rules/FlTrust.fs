/// FLTrust: neighbours count as far as their updates agree with the node's own.
[<RequireQualifiedAccess>]
module UbarFs.Core.FlTrust

open System
open TorchSharp
open UbarFs.Kernels

let private memoryKey = "previous"

/// TS_j = ReLU(cos(g_j, g_0)) for each row g_j of `[m, d]`, from the lengths of all; 0 for an update of no length.
let private trust (root: torch.Tensor) rootLength (updates: torch.Tensor) (lengths: float[]) =
    let products = Transfers.Read<float>(updates.mv root)

    Array.map2
        (fun product length ->
            let cosine = product / (rootLength * length)
            if Double.IsFinite cosine then max 0.0 cosine else 0.0)
        products
        lengths

/// R = x_{i,k−1} + (Σ_j TS_j (‖g_0‖/‖g_j‖) g_j) / Σ_j TS_j with g_j = x_j − x_{i,k−1} and g_0 = x_i − x_{i,k−1};
/// x_i if nobody is trusted.
let private bootstrap (previous: torch.Tensor) (view: View) =
    let finite = Finite.rows view.Received
    let received = Estimate.rows finite view.Received
    let start = previous.to_type torch.float64
    let root = view.Own.to_type torch.float64 - start
    let updates = received.to_type torch.float64 - start
    let rootLength = Estimate.distances previous (view.Own.unsqueeze 0L) |> Array.head
    let lengths = Estimate.distances previous received
    let scores = trust root rootLength updates lengths
    let total = Array.sum scores
    let trusted = Array.zip finite scores |> Array.filter (fun (_, score) -> score > 0.0) |> Array.map fst

    if Array.isEmpty trusted then
        Aggregate.ofSelection "trust" trusted (view.Own.clone ())
    else
        let weight score length =
            if score > 0.0 then
                score / total * rootLength / length
            else
                0.0

        let weights = torch.tensor (Array.map2 weight scores lengths, device = updates.device)
        Aggregate.ofSelection "trust" trusted ((Native.sum start (updates.t().mv weights)).to_type view.Own.dtype)

let private reference (view: View) =
    use scope = torch.NewDisposeScope()

    let aggregate =
        match Map.tryFind memoryKey view.Memory, Estimate.isFinite view.Own with
        | Some previous, true -> bootstrap previous view
        | None, true -> Aggregate.ofSelection "trust" [||] (view.Own.clone ())
        // Without a root no neighbour can be judged: a lost node goes back to where it was, if it remembers.
        | Some previous, false -> Aggregate.ofSelection "trust" [||] (previous.clone ())
        | None, false -> Aggregate.ofSelection "trust" [||] (Finite.restart view)

    let memory =
        if Estimate.isFinite view.Own then
            Map.ofList [ memoryKey, view.Own.clone().MoveToOuterDisposeScope() ]
        else
            view.Memory

    aggregate.Estimate.MoveToOuterDisposeScope() |> ignore
    { aggregate with Memory = memory }

let rule: Component<Rule> =
    settings {
        let! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha reference
            |> Rule.selecting [ "trust" ]
            |> Rule.tolerating (fun _ neighbours -> neighbours)
            |> Rule.claiming [ Law.NeighbourOrder; Law.Containment; Law.Fixpoint ]
    }
    |> Define.Named "fltrust"
    |> Component.describedBy
        "weighs updates by their cosine with the own, at its length"
        "> g_0 = x_{i,k} − x_{i,k−1},   g_j = x_{j,k} − x_{i,k−1}\n\
         > TS_j = ReLU(cos(g_j, g_0))\n\
         > R = x_{i,k−1} + Σ_j TS_j (‖g_0‖/‖g_j‖) g_j / Σ_j TS_j\n\n\
         g_0, the node's own last update, is the root of trust, and g_j is what neighbour j proposes. In the first \
         iteration, and when nobody is trusted, R = x_i.\n\n\
         Adapted: in the source a server computes g_0 by training on a clean root dataset; here every node is its \
         own root. An estimate that is not finite is never trusted. A node whose own estimate is not finite \
         restarts from the last finite one it had, or else from the coordinate-wise median of the finite ones it \
         received."
        "Cao, Fang, Liu and Gong, FLTrust, NDSS 2021"
