/// Election coding: every coordinate of a step is elected twice, by the workers and by the server.
[<RequireQualifiedAccess>]
module UbarFs.Core.Election

open TorchSharp
open UbarFs.Kernels

/// The sign that most voters have at each coordinate, `[d]`: 0 where they are even. What is no number does not vote.
let private vote (votes: torch.Tensor) : torch.Tensor =
    use scope = torch.NewDisposeScope()
    let votes = torch.where (votes.isnan (), torch.zeros_like votes, votes)
    votes.sign().sum(0L).sign().MoveToOuterDisposeScope()

let private reference (view: View) : Aggregate = Aggregate.ofEstimate (vote view.Received)

let rule: Component<Rule> =
    settings {
        let! chance =
            Setting.real
                "chance"
                (Interval.above 0.0 1.0)
                0.3
                "p, the chance that a node computes the gradient of another one's batch"

        return
            Rule.aggregating 0.0 reference
            |> Rule.central (Allocation.Signs chance)
            |> Rule.tolerating (fun _ neighbours -> (neighbours - 1) / 2)
            |> Rule.claiming [ Law.NeighbourOrder; Law.Containment; Law.Mirroring; Law.OwnApart ]
    }
    |> Define.Named "election"
    |> Component.describedBy
        "signs that workers and then the server vote for"
        "> node i has parts G_i: itself, and each other node with chance p\n\
         > m_i = sign Σ_{j ∈ G_i} sign ∇l(x_k, ξ_{k,j})\n\
         > R = sign Σ_i sign m_i,   x_{k+1} = x_k − λR\n\n\
         Bernoulli allocation: who computes whose batches is drawn once from the seed. Each node votes on the signs of the \
         gradients of its parts, and the server on the votes of all, which tolerates more liars than a single vote: with a \
         small p it is signSGD with a majority vote. A coordinate on which voters are even stays as it is. Every coordinate \
         moves by λ, so that a rate which suits gradients is far too large: begin at 0.001. It pays with as many gradients \
         as a node has parts. Momentum, weight decay, clipping and local steps are not defined for signs.\n\n\
         Where sources differ: the source gives every node each part with chance p; here a node always has its own as well, \
         so that none is without work."
        "Sohn, Han, Choi and Moon, Election Coding for Distributed Learning, NeurIPS 2020"
