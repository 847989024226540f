/// FLTrust: neighbours count as far as their updates agree with the node's own.
[<RequireQualifiedAccess>]
module UbarFs.Core.FlTrust

open System
open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

let private memoryKey = "previous"

/// TS_j/Σ TS·‖g_0‖/‖g_j‖ with TS_j = ReLU(cos(g_j, g_0)), from the products ⟨g_j, g_0⟩ and the lengths of all; 0 for an
/// update of no length.
let private weights rootLength (products: float[]) (lengths: float[]) =
    let scores =
        Array.map2
            (fun product length ->
                let cosine = product / (rootLength * length)
                if Double.IsFinite cosine then max 0.0 cosine else 0.0)
            products
            lengths

    let total = Array.sum scores

    Array.map2
        (fun score length ->
            if score > 0.0 then
                score / total * rootLength / length
            else
                0.0)
        scores
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
    let weights = weights rootLength (Transfers.Read<float>(updates.mv root)) lengths

    let trusted =
        Array.zip finite weights |> Array.filter (fun (_, weight) -> weight > 0.0) |> Array.map fst

    if Array.isEmpty trusted then
        Aggregate.ofSelection "trust" trusted (view.Own.clone ())
    else
        let weights = torch.tensor (weights, device = updates.device)
        Aggregate.ofSelection "trust" trusted ((Native.sum start (updates.t().mv weights)).to_type view.Own.dtype)

/// Where updates begin: at the node's previous estimate, if it has one, and where messages are updates themselves at 0.
let private startOf messages (memory: Memory) (own: torch.Tensor) : torch.Tensor option =
    match messages with
    | MessageKind.Directions -> Some(torch.zeros_like own)
    | MessageKind.Estimates
    | MessageKind.HalfSteps -> Map.tryFind memoryKey memory

let private reference (view: View) =
    use scope = torch.NewDisposeScope()

    let aggregate =
        match startOf view.Messages view.Memory view.Own, Estimate.isFinite view.Own with
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

/// The network form: the nodes' previous estimates are rows behind those of the pool, and R is a weighted sum of rows.
let private network (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let finite, p, n = NetworkView.finiteRows view, NetworkView.rows view, NetworkView.nodes view
    let none = torch.zeros_like view.Pool[0L]
    let previous = view.Memories |> Array.map (fun memory -> startOf view.Messages memory none)
    let rows = previous |> Array.map (Option.defaultValue none) |> torch.stack
    let pool = torch.cat ([| view.Pool; rows |], 0L)
    let isJudge node = finite[view.Own[node]] && previous[node].IsSome

    let places =
        view.Received.Lists
        |> Array.mapi (fun node received ->
            if isJudge node then
                [| 0 .. received.Length - 1 |] |> Array.filter (fun place -> finite[received[place]])
            else
                [||])

    let received = NetworkView.atPlaces places view
    // The own estimate comes last: its distance from the origin is the length of g_0.
    let lists = Array.map2 (fun received own -> Array.append received [| own |]) received view.Own
    let rays = view.Own |> Array.mapi (fun node own -> Ray(p + node, own, p + node))
    let seen = view.Rows.Project(pool, lists, rays)

    let mixtures =
        Array.init n (fun node ->
            let own = view.Own[node]
            let lengths = seen.Squares[node] |> Array.map sqrt
            let count = received[node].Length

            let weights =
                weights lengths[count] (Array.truncate count seen.Products[node]) (Array.truncate count lengths)

            let trusted =
                Array.zip places[node] weights |> Array.filter (fun (_, weight) -> weight > 0.0) |> Array.map fst

            if trusted.Length > 0 then
                let start = 1.0 - Array.sum weights
                trusted, Array.append [| p + node |] received[node], Array.append [| start |] weights
            elif not finite[own] && previous[node].IsSome then
                [||], [| p + node |], [| 1.0 |]
            else
                [||], [| own |], [| 1.0 |])

    let trusted, rows, weights = Array.unzip3 mixtures
    let estimates = view.Rows.WeightedSums(pool, rows, weights)
    let isLost node = not finite[view.Own[node]] && previous[node].IsNone
    Finite.restarted ([| 0 .. n - 1 |] |> Array.filter isLost) finite view estimates
    let own = Estimate.rows view.Own view.Pool

    let remember node =
        if finite[view.Own[node]] then
            Map.ofList [ memoryKey, own[int64 node].MoveToOuterDisposeScope() ]
        else
            view.Memories[node]

    { Estimates = estimates.MoveToOuterDisposeScope()
      Kept = [ (NetworkView.selectionOf trusted view).MoveToOuterDisposeScope() ]
      Memories = Array.init n remember }

let rule: Component<Rule> =
    settings {
        let! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha reference
            |> Rule.allAtOnce network
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
         Under `protocol: server` with `root` images, messages are updates, and g_0 is the server's own: R = \
         Σ_j TS_j (‖g_0‖/‖g_j‖) g_j / Σ_j TS_j, as in the source.\n\n\
         Adapted: in the source a server computes g_0 by training on a clean root dataset; elsewhere every node is its \
         own root. An estimate that is not finite is never trusted. A node whose own estimate is not finite \
         restarts from the last finite one it had, or else from the coordinate-wise median of the finite ones it \
         received."
        "Cao, Fang, Liu and Gong, FLTrust, NDSS 2021"
