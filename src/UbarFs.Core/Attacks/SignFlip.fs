/// Training backwards: the node's own progress, reversed.
[<RequireQualifiedAccess>]
module UbarFs.Core.SignFlip

open TorchSharp

let private previousName = "previous"

/// x_{k−1} − s(x_k − x_{k−1}); x_k in the first iteration, when there has been no update.
let private ofUpdate (scale: float) : Adversary<unit> =
    let send () (state: OwnState) =
        match Map.tryFind previousName state.Memory with
        | Some previous ->
            use scope = torch.NewDisposeScope()
            let reversed = previous - Native.scaled scale (state.Estimate - previous)
            Sent.Everyone(reversed.MoveToOuterDisposeScope())
        | None -> Sent.Everyone state.Estimate

    Adversary.sending send
    |> Adversary.remembering (fun () state -> Map [ previousName, state.Estimate.clone () ])

/// x_k + sλ∇l(x_k, ξ_k)
let private ofGradient (scale: float) : Adversary<unit> =
    Adversary.sending (fun () state ->
        use scope = torch.NewDisposeScope()
        let ascended = Native.sum state.Estimate (Native.scaled (scale * state.Rate) state.Gradient)
        Sent.Everyone(ascended.MoveToOuterDisposeScope()))

/// The step that is in a message, reversed: x_k + sλm where x_k − λm is due, −sm where m is.
let private inMessage (messages: MessageKind) (scale: float) (state: OwnState) =
    match messages with
    | MessageKind.Directions -> Native.scaled -scale state.Gradient
    | MessageKind.HalfSteps
    | MessageKind.Estimates -> Native.sum state.Estimate (Native.scaled ((1.0 + scale) * state.Rate) state.Gradient)

// What the protocol has a node send is known once it asks.
let private reversing (ofEstimates: float -> Adversary<unit>) (scale: float) : Adversary<unit> =
    let adversary = ofEstimates scale

    { adversary with
        Send =
            fun () state ->
                match state.Messages with
                | MessageKind.Estimates -> adversary.Send () state
                | messages ->
                    use scope = torch.NewDisposeScope()
                    Sent.Everyone((inMessage messages scale state).MoveToOuterDisposeScope()) }

let attack: Component<Behaviour> =
    settings {
        let! reversed = Setting.choice "of" [ "update"; "gradient" ] "update" "what is reversed"

        and! scale =
            Setting.real "scale" Interval.nonNegative 1.0 "s, the length of what is sent over the true one's"

        let adversary = if reversed = "update" then ofUpdate else ofGradient
        return Attack.ofStrength "scale" (0.0, 10.0) (reversing adversary >> Strategy.OwnState) scale
    }
    |> Define.Named "sign-flip"
    |> Component.describedBy
        "sends its estimate as if its last step went the other way"
        "> update:    x̂ = x_{k−1} − s(x_k − x_{k−1}),   x̂ = x_0 for k = 0\n\
         > gradient:  x̂ = x_k + sλ∇l(x_k, ξ_k)\n\n\
         Under `adapt-then-combine` both are x̂ = x_k + sλm_k, and with a `server` x̂ = −sm_k, as in the source: m_k is the \
         direction of the node's step.\n\n\
         A scale of 4 is common.\n\n\
         Adapted: the source sends −s times the gradient; where estimates are exchanged, the update since the last \
         one is what a node contributes. (`bit-flip` reverses the whole estimate.)"
        "Li, Xu, Chen, Giannakis, Ling, AAAI 2019"
