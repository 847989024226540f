/// Attacks by nodes that know nothing but their own state, and the two ways not to attack.
[<RequireQualifiedAccess>]
module UbarFs.Core.SimpleAttacks

open TorchSharp
open UbarFs.Kernels

let private none =
    Setting.none Attack.honest
    |> Define.Named "none"
    |> Component.describedBy
        "Byzantine nodes follow the protocol like everyone else"
        "> x̂ = x_k\n\n\
         An attack-free network of the same size: Byzantine nodes train on their data and send their estimates, but \
         their accuracy does not count. For the baseline without them, see `absent`."
        "an attack-free network of the same size"

let absent: Component<Attack> =
    Setting.none Attack.Absent
    |> Define.Named "absent"
    |> Component.describedBy
        "Byzantine nodes are left out, with their data: the fair baseline"
        "The benign nodes keep the edges between them and the data that they have under an attack. So the baseline \
         has as many benign nodes and as much data for each as the runs that it is compared with."
        "UBAR paper, section VI-A: 'the same configuration without Byzantine nodes'"

/// A fresh random vector with independent coordinates N(0, σ²).
let private gaussianVector (sigma: float) (state: OwnState) =
    let values = Array.zeroCreate<float32>(int state.Estimate.shape[0])
    state.Random.FillGaussian values
    use scope = torch.NewDisposeScope()
    let vector = Transfers.Send(torch.tensor values, state.Estimate.device).to_type state.Estimate.dtype
    (Native.scaled sigma vector).MoveToOuterDisposeScope()

let private gaussian =
    settings {
        let! sigma = Setting.real "sigma" Interval.positive 1.0 "standard deviation of each coordinate"
        return Attack.alone (gaussianVector sigma >> Sent.Everyone)
    }
    |> Define.Named "gaussian"
    |> Component.describedBy
        "sends a fresh random vector in every iteration"
        "> x̂ ~ N(0, σ²I)\n\n\
         The same vector goes to all neighbours."
        "UBAR paper, section VI-C"

let private bitFlip =
    Setting.none (Attack.alone (fun state -> Sent.Everyone(state.Estimate.neg ())))
    |> Define.Named "bit-flip"
    |> Component.describedBy
        "sends its own estimate with every sign flipped"
        "> x̂ = −x_k"
        "UBAR paper, section VI-C; Xie et al., 2018"

let all: Component<Behaviour> list = [ none; gaussian; bitFlip ]
