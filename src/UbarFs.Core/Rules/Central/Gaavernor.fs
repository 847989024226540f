/// GAA: a policy that weighs workers, rewarded by what their directions do to the loss on trusted images.
[<RequireQualifiedAccess>]
module UbarFs.Core.Gaavernor

open System
open TorchSharp
open UbarFs.Kernels

let private logitsKey = "logits"

/// The policy's logits by sender, with room for these; 0 for whoever is new.
let private remembered (senders: int[]) (memory: Memory) : float[] =
    let known =
        memory |> Map.tryFind logitsKey |> Option.map Transfers.Read<float> |> Option.defaultValue [||]

    let room = 1 + Array.fold max -1 senders
    Array.init (max room known.Length) (fun sender -> if sender < known.Length then known[sender] else 0.0)

let private softmax (logits: float[]) : float[] =
    let largest = Array.max logits
    let shares = logits |> Array.map (fun logit -> exp (logit - largest))
    let total = Array.sum shares
    shares |> Array.map (fun share -> share / total)

/// Rewards as advantages over what the policy expects of them, the largest of which is 1 in size.
let private advantages (policy: float[]) (rewards: float[]) : float[] =
    let expected = Array.fold2 (fun sum share reward -> sum + share * reward) 0.0 policy rewards
    let differences = rewards |> Array.map (fun reward -> reward - expected)
    let largest = differences |> Array.map abs |> Array.max

    if largest > 0.0 then
        differences |> Array.map (fun difference -> difference / largest)
    else
        differences

/// Rewards that are numbers: what has none is worth as little as the worst that has one.
let private numbered (rewards: float[]) : float[] option =
    match rewards |> Array.filter Double.IsFinite with
    | [||] -> None
    | known ->
        let worst = Array.min known - (Array.max known - Array.min known)
        Some(rewards |> Array.map (fun reward -> if Double.IsFinite reward then reward else worst))

let private reference rate (view: View) : Aggregate =
    use scope = torch.NewDisposeScope()
    let senders = view.Senders
    let logits = remembered senders view.Memory

    let estimate =
        match Finite.rows view.Received with
        | [||] -> Finite.own view
        | finite ->
            let ofFinite (numbers: float[]) = finite |> Array.map (fun row -> numbers[senders[row]])
            let policy = softmax (ofFinite logits)

            // Behind the step the policy learns what each would have been worth.
            view.Losses finite
            |> Array.map (fun loss -> -loss)
            |> numbered
            |> Option.iter (fun rewards ->
                for row, share, advantage in Array.zip3 finite policy (advantages policy rewards) do
                    let sender = senders[row]
                    logits[sender] <- logits[sender] + rate * float finite.Length * share * advantage)

            Estimate.weightedMean policy (Estimate.rows finite view.Received)

    { Aggregate.ofEstimate (estimate.MoveToOuterDisposeScope()) with
        Memory = Map [ logitsKey, torch.tensor(logits).MoveToOuterDisposeScope() ] }

let rule: Component<Rule> =
    settings {
        let! rate = Setting.real "rate" Interval.positive 0.1 "η, how fast the policy learns"

        return
            Rule.aggregating 0.0 (reference rate)
            |> Rule.central Allocation.Each
            |> Rule.judgingSenders
            |> Rule.measuringFromOwn
            |> Rule.costing Cost.LinearWithLosses
            |> Rule.tolerating (fun _ neighbours -> neighbours - 1)
            |> Rule.claiming [ Law.CoordinateRange; Law.Containment; Law.Fixpoint ]
    }
    |> Define.Named "gaavernor"
    |> Component.describedBy
        "a policy weighs nodes, rewarded by the loss on root images"
        "> α = softmax(φ),   R = Σ_j α_j m_j\n\
         > r_j = l(x_k) − l(x_k − λm_j) on a batch of the root images\n\
         > A_j = (r_j − Σ_i α_i r_i), divided by the largest of their sizes\n\
         > φ_j ← φ_j + η·m·α_j·A_j,   φ = 0 at first\n\n\
         The policy chooses by what it has learnt before, and learns from the rewards of the iteration. A direction that is \
         not finite is left out; one whose loss is not finite is worth less than all others.\n\n\
         Adapted: the source's agent is a network of neurons that sees the directions and the loss, draws weights from its \
         policy, and is trained by policy gradients with the fall of the loss on a quasi-validation set as the reward. Here \
         the policy is a logit for each node, and its gradient is exact: every node's direction is tried, which needs no \
         draws and learns faster than the source's agent does. Results are those of this agent, not of the source's."
        "Pan et al., Justinian's GAAvernor, USENIX Security 2020"
