/// Averaging, the rule of attack-free decentralized learning.
[<RequireQualifiedAccess>]
module UbarFs.Core.Average

open TorchSharp

// The shares of what was received; none where all are equal, which is a plain mean.
let private shares (weights: float[]) =
    if weights |> Array.forall ((=) weights[0]) then
        None
    else
        let total = Array.sum weights
        Some(weights |> Array.map (fun weight -> weight / total))

/// R = Σ_j W_ij x_j / Σ_j W_ij: equation 3, where W gives all neighbours the same.
let private reference (view: View) = Aggregate.ofEstimate (Estimate.weightedMean view.Weights view.Received)

let private network (view: NetworkView) =
    let heard =
        view.Weights |> Array.map (fun weights -> if Array.isEmpty weights then [| 1.0 |] else weights)

    let mean (lists: int[][]) =
        if heard |> Array.forall (shares >> Option.isNone) then
            view.Rows.Means(view.Pool, lists)
        else
            let even (weights: float[]) = weights |> Array.map (fun _ -> 1.0 / float weights.Length)
            let weights = heard |> Array.map (fun weights -> shares weights |> Option.defaultValue (even weights))
            view.Rows.WeightedSums(view.Pool, lists, weights)

    view |> NetworkView.combined mean view.Received.Lists |> NetworkView.withoutStages view

let rule: Component<Rule> =
    { Rule.aggregating 0.0 reference with Update = Update.Mixed }
    |> Rule.allAtOnce network
    |> Rule.claiming (Law.OwnApart :: Law.Weightless :: Law.Precision :: Law.ofWeightedMean)
    |> Setting.none
    |> Define.Named "average"
    |> Component.describedBy
        "the mean of the received estimates; resists no attack"
        "> x' = Σ_{j ∈ N_i} W_ij x_j + W_ii x_i − λ∇l(x_i, ξ_i)\n\
         > R = Σ_j W_ij x_j / Σ_j W_ij,   α = W_ii\n\n\
         W is network.weights: by default W_ij = W_ii = 1/(|N_i| + 1), as in equation 3. It is the rule of attack-free \
         training: \
         a single neighbour can move the result anywhere (theorem 1), and one that sends NaN makes it NaN."
        "UBAR paper, equation 3; Lian et al., NeurIPS 2017"
