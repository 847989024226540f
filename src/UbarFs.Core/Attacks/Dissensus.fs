/// Dissensus: every node is pushed away from its benign neighbours, so that they never agree.
[<RequireQualifiedAccess>]
module UbarFs.Core.Dissensus

open TorchSharp

/// x_i − ε Σ_j (x_j − x_i) / b_i over the benign neighbours j of the receiver i, which has b_i Byzantine ones. Its own
/// estimate for a receiver that has diverged.
let private push (epsilon: float) (knowledge: Omniscience) : OwnState -> Sent =
    let network, estimates = knowledge.Network, knowledge.Estimates
    let known = Omniscience.benign knowledge |> Set.ofArray

    fun state ->
        Sent.Each(fun receiver ->
            let own = estimates[int64 receiver]
            let neighbours = network.Neighbours[receiver] |> Array.filter known.Contains

            if neighbours.Length = 0 || not (Estimate.isFinite own) then
                state.Estimate
            else
                use scope = torch.NewDisposeScope()
                let byzantine = Network.byzantineNeighbours network receiver
                let weight = epsilon * float neighbours.Length / float byzantine
                let vector = own - Native.scaled weight (Estimate.meanOf neighbours estimates - own)
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
         The sums are over the neighbours of i, with the equal weights W of the average rule, so that they cancel. \
         With ε = 1 averaging leaves node i where it is; with more, its distance from its neighbours grows."
        "He, Karimireddy, Jaggi, 2022 (Byzantine-robust decentralized learning via ClippedGossip)"
