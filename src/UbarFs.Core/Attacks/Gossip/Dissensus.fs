/// Dissensus: every node is pushed away from its benign neighbours, so that they never agree.
[<RequireQualifiedAccess>]
module UbarFs.Core.Dissensus

open TorchSharp

/// x_i − ε Σ_j W_ij(x_j − x_i) / Σ_j' W_ij' over the benign neighbours j of the receiver i, and the Byzantine ones j'.
/// None for a receiver that has diverged or hears no benign node that has not.
let private away (epsilon: float) (knowledge: Omniscience) (isKnown: int -> bool) receiver : torch.Tensor option =
    let network, estimates = knowledge.Network, knowledge.Estimates
    let own = estimates[int64 receiver]
    let isByzantine node = network.Byzantine[node]
    let neighbours = network.Neighbours[receiver] |> Array.filter isKnown

    match network.Neighbours[receiver] |> Array.filter isByzantine with
    | [||] -> None
    | _ when neighbours.Length = 0 || not (Estimate.isFinite own) -> None
    | byzantine ->
        use scope = torch.NewDisposeScope()
        let weight = Omniscience.weight knowledge receiver
        // In units of a Byzantine one's, so that equal weights are exactly 1 each.
        let relative neighbour = weight neighbour / weight byzantine[0]
        let weights = Array.map relative neighbours
        let mean = Estimate.weightedMean weights (Estimate.rows neighbours estimates)
        let factor = epsilon * Array.sum weights / Array.sumBy relative byzantine
        let vector = own - Native.scaled factor (mean - own)
        Some(vector.MoveToOuterDisposeScope())

/// To each receiver what pushes it away; where there is nothing to push it from, the sender's estimate.
let private push (epsilon: float) (knowledge: Omniscience) : OwnState -> Sent =
    let known = Omniscience.benign knowledge |> Set.ofArray
    let away = away epsilon knowledge known.Contains
    let vectors = Scope.ofEach knowledge.Estimates.device (Network.size knowledge.Network) id away
    fun state -> Sent.Each(fun receiver -> vectors[receiver] |> Option.defaultValue state.Estimate)

let private at epsilon = Strategy.Omniscient(Adversary.sending (push epsilon))

let dissensus: Component<Behaviour> =
    settings {
        let! epsilon = Setting.real "epsilon" Interval.nonNegative 1.0 "ε, how far each receiver is pushed"
        return Attack.ofStrength "epsilon" (0.0, 10.0) at epsilon
    }
    |> Define.Named "dissensus"
    |> Component.describedBy
        "pushes each neighbour away from its own benign neighbours"
        "> to node i:  x̂ = x_i − ε Σ_{j benign} W_ij(x_j − x_i) / Σ_{j Byzantine} W_ij\n\n\
         The sums are over the neighbours of i, and W is network.weights: what node i makes of each neighbour's \
         message. Equal weights cancel, and the numbers of its benign and of its Byzantine neighbours are left. With \
         ε = 1 average leaves node i where it is (`isolation`); with more, its distance from its neighbours grows.\n\n\
         Where sources differ: the paper has the mixing weights W, as here. Code without weights takes 1/|N_i| for \
         each, which is the same where `network.weights` are equal."
        "He, Karimireddy, Jaggi, 2022 (Byzantine-robust decentralized learning via ClippedGossip)"

let isolation: Component<Behaviour> =
    Setting.none (Attack.by (at 1.0))
    |> Define.Named "isolation"
    |> Component.describedBy
        "makes each neighbour's weighted mean its own estimate"
        "> to node i:  x̂ = x_i − Σ_{j benign} W_ij(x_j − x_i) / Σ_{j Byzantine} W_ij\n\n\
         It is `dissensus` with ε = 1: what the Byzantine neighbours of i send cancels what its benign ones say, so that \
         Σ_j W_ij x_j = x_i, and i learns alone. W is network.weights.\n\n\
         Where sources differ: with weights that are equal, Wu et al. have the same messages. A rule that does not mix by W \
         is not isolated by it."
        "Wu, Chen, Ling, IEEE TSP 2023 (isolation attack)"

let all = [ dissensus; isolation ]
