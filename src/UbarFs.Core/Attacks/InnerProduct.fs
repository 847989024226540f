/// Inner product manipulation: the aggregate still moves, but up the gradient.
[<RequireQualifiedAccess>]
module UbarFs.Core.InnerProduct

open TorchSharp

let private stepName = "step"

/// λ times the mean gradient of the benign nodes: the step that is in the estimates of the next iteration.
let private step (knowledge: Omniscience) : torch.Tensor =
    use scope = torch.NewDisposeScope()
    let gradient = Estimate.meanOf (Omniscience.benign knowledge) knowledge.Gradients
    (Native.scaled knowledge.Rate gradient).MoveToOuterDisposeScope()

let private remember (knowledge: Omniscience) : OwnState -> Memory =
    match Omniscience.benign knowledge with
    | [||] -> fun state -> state.Memory
    | _ ->
        let memory = Map [ stepName, step knowledge ]
        fun _ -> memory

let private send (epsilon: float) (knowledge: Omniscience) : OwnState -> Sent =
    match Omniscience.benign knowledge with
    | [||] -> fun state -> Sent.Everyone state.Estimate
    | nodes ->
        let mean = Estimate.meanOf nodes knowledge.Estimates

        fun state ->
            match Map.tryFind stepName state.Memory with
            | Some step -> Sent.Everyone(Native.sum mean (Native.scaled (1.0 + epsilon) step))
            | None -> Sent.Everyone mean

let attack: Component<Behaviour> =
    settings {
        let! epsilon = Setting.real "epsilon" Interval.nonNegative 0.5 "ε, the weight of the reversed step"

        return
            Adversary.sending (send epsilon)
            |> Adversary.remembering remember
            |> Strategy.Omniscient
            |> Attack.by
    }
    |> Define.Named "ipm"
    |> Component.describedBy
        "the benign mean with its last gradient step reversed"
        "> x̂ = x̄_k + (1 + ε)λ_{k−1}ḡ_{k−1},   x̂ = x̄_0 for k = 0\n\n\
         x̄ and ḡ are the means of the benign estimates and gradients.\n\n\
         Adapted: the source sends −εḡ in place of a gradient. An estimate carries the step −λ_{k−1}g_{k−1} of its \
         last update, so the benign mean without its step, x̄_k + λ_{k−1}ḡ_{k−1}, plus the manipulated step \
         ελ_{k−1}ḡ_{k−1} is sent. In a mean over n_b benign and n_f Byzantine estimates the step is −λ(n_b − \
         εn_f)/(n_b + n_f)·ḡ: its inner product with the descent direction is negative when ε > n_b/n_f."
        "Xie, Koyejo, Gupta, UAI 2019"
