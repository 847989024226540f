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

/// A random vector with independent coordinates N(0, σ²), like an estimate.
let private gaussianVector (sigma: float) (random: KeyedRandom) (like: torch.Tensor) =
    let values = Array.zeroCreate<float32>(int like.shape[0])
    random.FillGaussian values
    use scope = torch.NewDisposeScope()
    let vector = Transfers.Send(torch.tensor values, like.device).to_type like.dtype
    (Native.scaled sigma vector).MoveToOuterDisposeScope()

/// Each node's own vector, or one for all.
let private aroundZero shared (sigma: float) : Strategy =
    if shared then
        Strategy.Colluding(
            Adversary.sending (fun (collusion: Collusion) ->
                let vector = gaussianVector sigma (collusion.Random()) (collusion.Estimates.select (0L, 0L))
                fun _ -> Sent.Everyone vector)
        )
    else
        let send () (state: OwnState) = Sent.Everyone(gaussianVector sigma state.Random state.Estimate)
        Strategy.OwnState(Adversary.sending send)

/// The same around the mean of benign estimates.
let private aroundMean scope shared (sigma: float) : Strategy =
    let mean (knowledge: Omniscience) nodes (_: int) = Estimate.meanOf nodes knowledge.Estimates

    Strategy.Omniscient(
        Adversary.sending (fun (knowledge: Omniscience) ->
            let common = lazy gaussianVector sigma (knowledge.Random()) (knowledge.Estimates.select (0L, 0L))
            let means = Scope.vectors scope mean knowledge

            fun state ->
                let noise =
                    if shared then
                        common.Value
                    else
                        gaussianVector sigma state.Random state.Estimate

                Scope.sent scope knowledge (fun _ mean -> Native.sum mean noise) means state)
    )

let private gaussian =
    settings {
        let! sigma = Setting.real "sigma" Interval.positive 1.0 "standard deviation of each coordinate"

        and! shared =
            Setting.truth "shared" false "whether all Byzantine nodes send one vector, not each its own"

        and! around =
            Setting.choice "around" [ "zero"; "mean" ] "zero" "what the vectors are around: 0, or the benign mean"

        and! scope =
            Scope.describing "the benign nodes in the mean: all, or for each receiver those among it and its neighbours"

        let at =
            if around = "zero" then
                aroundZero shared
            else
                aroundMean scope shared

        return Attack.ofStrength "sigma" (0.1, 10.0) at sigma
    }
    |> Define.Named "gaussian"
    |> Component.describedBy
        "sends a fresh random vector in every iteration"
        "> zero:  x̂ ~ N(0, σ²I)\n\
         > mean:  x̂ ~ N(x̄, σ²I)\n\n\
         The same vector goes to all neighbours, unless x̄ is of each receiver's neighbourhood (`scope`, which counts for \
         `around: mean` alone). A node that has no benign mean to go by, since those nodes have diverged, sends its \
         estimate.\n\n\
         Where sources differ: the UBAR paper draws around 0, each node by itself; Wu et al. around the benign mean with \
         σ = 30, and others let all liars send one vector: `shared`."
        "UBAR paper, section VI-C; Wu, Chen, Ling, IEEE TSP 2023"

let private bitFlip =
    settings {
        let! scale =
            Setting.real "scale" Interval.nonNegative 1.0 "s, the length of what is sent over the true one's"

        let flipped (scale: float) =
            let send () (state: OwnState) = Sent.Everyone(Native.scaled -scale state.Estimate)
            Strategy.OwnState(Adversary.sending send)

        return Attack.ofStrength "scale" (0.0, 10.0) flipped scale
    }
    |> Define.Named "bit-flip"
    |> Component.describedBy
        "sends its own estimate with every sign flipped"
        "> x̂ = −s·x_k\n\n\
         Where sources differ: s = 1 is the UBAR paper's. Others call this sign flipping and send −4 times the message; \
         `sign-flip` reverses the last step alone."
        "UBAR paper, section VI-C; Xie et al., 2018"

let private constant =
    settings {
        let! value = Setting.real "value" Interval.unbounded 100.0 "what is in every coordinate"

        let everywhere (value: float) =
            let send () (state: OwnState) =
                Sent.Everyone(Native.number value (fun value -> torch.full_like (state.Estimate, value)))

            Strategy.OwnState(Adversary.sending send)

        return Attack.ofStrength "value" (0.0, 100.0) everywhere value
    }
    |> Define.Named "constant"
    |> Component.describedBy
        "sends the same number in every coordinate"
        "> x̂ = c·(1, …, 1)\n\n\
         Where sources differ: in the number; 100 is common."
        "Li, Xu, Chen, Giannakis, Ling, AAAI 2019 (same-value attacks)"

let all: Component<Behaviour> list = [ none; gaussian; bitFlip; constant ]
