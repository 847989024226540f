/// Inner product manipulation: the aggregate still moves, but up the gradient.
[<RequireQualifiedAccess>]
module UbarFs.Core.InnerProduct

open TorchSharp

let private stepName = "step"

/// λ times the gradients of all nodes, `[n, d]`, or their mean over the benign ones, `[d]`: the steps that are in the
/// estimates of the next iteration.
let private steps scope (knowledge: Omniscience) : torch.Tensor =
    use inner = torch.NewDisposeScope()

    let gradients =
        match scope with
        | Scope.Network -> Estimate.meanOf (Omniscience.benign knowledge) knowledge.Gradients
        | Scope.Neighbourhood -> knowledge.Gradients

    (Native.scaled knowledge.Rate gradients).MoveToOuterDisposeScope()

let private remember scope (knowledge: Omniscience) : OwnState -> Memory =
    match Omniscience.benign knowledge with
    | [||] -> fun state -> state.Memory
    | _ ->
        let memory = Map [ stepName, steps scope knowledge ]
        fun _ -> memory

/// The benign mean, and the nodes that it is of.
let private mean (knowledge: Omniscience) nodes (_: int) = Estimate.meanOf nodes knowledge.Estimates, nodes

let private reversed scope (epsilon: float) (state: OwnState) (mean: torch.Tensor, nodes: int[]) =
    use inner = torch.NewDisposeScope()

    match Map.tryFind stepName state.Memory, scope with
    | Some step, Scope.Network -> Native.sum mean (Native.scaled (1.0 + epsilon) step)
    | Some steps, Scope.Neighbourhood -> Native.sum mean (Native.scaled (1.0 + epsilon) (Estimate.meanOf nodes steps))
    | None, _ -> mean.alias ()
    |> _.MoveToOuterDisposeScope()

// The step that is in what is sent in the same iteration: no memory is needed.
let private fresh scope (epsilon: float) (knowledge: Omniscience) =
    let reverse (knowledge: Omniscience) nodes (_: int) =
        use inner = torch.NewDisposeScope()
        let direction = Estimate.meanOf nodes knowledge.Gradients

        match knowledge.Messages with
        | MessageKind.Directions -> Native.scaled -epsilon direction
        | MessageKind.HalfSteps
        | MessageKind.Estimates ->
            Native.sum
                (Estimate.meanOf nodes knowledge.Estimates)
                (Native.scaled ((1.0 + epsilon) * knowledge.Rate) direction)
        |> _.MoveToOuterDisposeScope()

    Scope.vectors scope reverse knowledge |> Scope.sent scope knowledge (fun _ -> id)

let private ofUpdate scope (epsilon: float) : Strategy =
    let send (knowledge: Omniscience) =
        if knowledge.Messages <> MessageKind.Estimates then
            fresh scope epsilon knowledge
        else
            // The step is the same tensor in the memories of all who share the knowledge.
            Scope.made scope fst mean knowledge |> Scope.sent scope knowledge (reversed scope epsilon)

    Adversary.sending send |> Adversary.remembering (remember scope) |> Strategy.Omniscient

let private ofMessage scope (epsilon: float) : Strategy =
    Scope.ofEstimates scope (fun benign _ ->
        use mean = Estimate.mean benign
        Native.scaled -epsilon mean)
    |> Strategy.Omniscient

let attack: Component<Behaviour> =
    settings {
        let! strength =
            Setting.real "strength" Interval.nonNegative 0.1 "ε, the length of what is reversed over the true one's"

        and! reversed = Setting.choice "of" [ "message"; "update" ] "message" "what is reversed"
        and! scope = Scope.setting

        let at =
            if reversed = "message" then
                ofMessage scope
            else
                ofUpdate scope

        return Attack.ofStrength "strength" (0.0, 10.0) at strength
    }
    |> Define.Named "ipm"
    |> Component.describedBy
        "the benign mean, or the step in it, reversed"
        "> message:  x̂ = −ε x̄_k\n\
         > update:   x̂ = x̄_k + (1 + ε)λ_{k−1}ḡ_{k−1},   x̂ = x̄_0 for k = 0\n\n\
         Under `adapt-then-combine` the step is that of the same iteration, x̂ = x̄ + (1 + ε)λm̄ with the mean direction m̄ \
         of the half-steps x̄; with a `server` x̂ = −εm̄ either way.\n\n\
         x̄ and ḡ are the means of the benign estimates and gradients: of all of them, or for each receiver of those \
         that `scope` says.\n\n\
         Where sources differ: the source sends −εḡ in place of a gradient. Published code for decentralized learning \
         applies that to whatever is sent, here estimates: `of: message`. An estimate carries the step −λ_{k−1}g_{k−1} \
         of its last update, so `of: update` sends the benign mean without its step plus the manipulated step \
         ελ_{k−1}ḡ_{k−1}, which is what the source does to a server. In a mean over n_b benign and n_f Byzantine \
         estimates the step is −λ(n_b − εn_f)/(n_b + n_f)·ḡ: its inner product with the descent direction is negative \
         when ε > n_b/n_f. The source has 0.1 and 0.5 among its ε."
        "Xie, Koyejo, Gupta, UAI 2019"
