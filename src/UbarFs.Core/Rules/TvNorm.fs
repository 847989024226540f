/// Stochastic subgradient descent with a total variation (TV) norm penalty on disagreement.
[<RequireQualifiedAccess>]
module UbarFs.Core.TvNorm

open TorchSharp

/// x' = x_i − λ(∇l(x_i, ξ) + penalty·Σ_{j ∈ N_i} sign(x_i − x_j)), the subgradient step for
/// Σ_i E l(x_i, ξ) + (penalty/2) Σ_i Σ_{j ∈ N_i} ‖x_i − x_j‖₁.
let private step penalty (view: View) =
    let neighbours = Estimate.rows (Finite.rows view.Received) view.Received
    let pulls = (view.Own - neighbours).sign().sum 0L
    view.Own - Native.scaled view.Rate (Native.sum view.Gradient (Native.scaled penalty pulls))

let private reference penalty (view: View) =
    use scope = torch.NewDisposeScope()

    let next =
        if Estimate.isFinite view.Own then
            step penalty view
        else
            Finite.restart view

    Aggregate.ofEstimate (next.MoveToOuterDisposeScope())

let private network penalty (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let finite = NetworkView.finiteRows view
    let lists = view.Received.Lists |> Array.map (Array.filter (fun row -> finite[row]))
    let pulls = view.Rows.SignSums(view.Pool, view.Own, lists)
    let slopes = Native.sum (NetworkView.gradients view) (Native.scaled penalty pulls)
    let next = Estimate.rows view.Own view.Pool - Native.scaled view.Rate slopes
    let lost = [| 0 .. lists.Length - 1 |] |> Array.filter (fun node -> not finite[view.Own[node]])
    Finite.restarted lost finite view next
    next.MoveToOuterDisposeScope() |> NetworkView.withoutStages view

let rule: Component<Rule> =
    settings {
        let! penalty =
            Setting.real
                "penalty"
                Interval.nonNegative
                0.01
                "the weight of the TV norm: no neighbour moves a coordinate by more than λ·penalty in an iteration. \
                 Larger values agree sooner and give liars more room; the source tunes it"

        return
            Rule.replacing (reference penalty)
            |> Rule.allAtOnce (network penalty)
            // What a neighbour can do is bounded, not screened: the rule is defined for any number of liars.
            |> Rule.tolerating (fun _ neighbours -> neighbours)
            |> Rule.claiming [ Law.NeighbourOrder; Law.Mirroring; Law.Containment; Law.Precision ]
    }
    |> Define.Named "tv-norm"
    |> Component.describedBy
        "the sign of disagreement: nobody moves a coordinate far"
        "> x' = x_i − λ(∇l(x_i, ξ) + penalty·Σ_{j ∈ N_i} sign(x_i − x_j))\n\n\
         A stochastic subgradient step for the loss plus penalty times the total variation norm of the network's \
         estimates. What a neighbour can do is bounded, not screened.\n\n\
         Adapted: the source adds a regulariser f₀(x) (weight decay) to every node's loss; it belongs to the loss \
         and is left out here. An estimate that is not finite pulls nowhere. A node whose own estimate is not \
         finite restarts from the coordinate-wise median of the finite ones it received."
        "Peng and Ling, IEEE ICASSP 2020; Peng, Li and Ling, Signal Processing 183, 2021 (arXiv:2005.06276)"
