/// Dissensus: every node is pushed away from its benign neighbours, so that they never agree.
[<RequireQualifiedAccess>]
module UbarFs.Core.Dissensus

open TorchSharp

/// x_i − ε Σ_j W_ij(x_j − x_i) / Σ_j' W_ij' over the benign neighbours j of the receiver i, and the Byzantine ones j'.
/// The own estimate of the sender for a receiver that has diverged.
let private push (epsilon: float) (knowledge: Omniscience) : OwnState -> Sent =
    let network, estimates = knowledge.Network, knowledge.Estimates
    let known = Omniscience.benign knowledge |> Set.ofArray
    let weight = Omniscience.weight knowledge

    fun state ->
        Sent.Each(fun receiver ->
            let own = estimates[int64 receiver]
            let neighbours = network.Neighbours[receiver] |> Array.filter known.Contains

            if neighbours.Length = 0 || not (Estimate.isFinite own) then
                state.Estimate
            else
                use scope = torch.NewDisposeScope()
                // In units of the sender's, so that equal weights are exactly 1 each.
                let relative neighbour = weight receiver neighbour / weight receiver state.Node
                let weights = Array.map relative neighbours

                let byzantine =
                    network.Neighbours[receiver]
                    |> Array.filter (fun neighbour -> network.Byzantine[neighbour])
                    |> Array.sumBy relative

                let mean = Estimate.weightedMean weights (Estimate.rows neighbours estimates)
                let vector = own - Native.scaled (epsilon * Array.sum weights / byzantine) (mean - own)
                vector.MoveToOuterDisposeScope())

let attack: Component<Behaviour> =
    settings {
        let! epsilon = Setting.real "epsilon" Interval.nonNegative 1.0 "ε, how far each receiver is pushed"
        return Attack.by (Strategy.Omniscient(Adversary.sending (push epsilon)))
    }
    |> Define.Named "dissensus"
    |> Component.describedBy
        "pushes each neighbour away from its own benign neighbours"
        "> to node i:  x̂ = x_i − ε Σ_{j benign} W_ij(x_j − x_i) / Σ_{j Byzantine} W_ij\n\n\
         The sums are over the neighbours of i, and W is network.weights: what node i makes of each neighbour's \
         message. Equal weights cancel, and the numbers of its benign and of its Byzantine neighbours are left. With \
         ε = 1 average leaves node i where it is; with more, its distance from its neighbours grows."
        "He, Karimireddy, Jaggi, 2022 (Byzantine-robust decentralized learning via ClippedGossip)"
