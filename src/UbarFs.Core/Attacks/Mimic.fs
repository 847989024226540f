/// Mimicry: everything sent is a benign node's own, but one of them is heard many times over.
[<RequireQualifiedAccess>]
module UbarFs.Core.Mimic

open TorchSharp
open UbarFs.Kernels

let private copyOf (knowledge: Omniscience) (node: int) = Sent.Everyone knowledge.Estimates[int64 node]

/// Copies one node for ever.
let private ofNode node : Adversary<Omniscience> = Adversary.sending (fun knowledge _ -> copyOf knowledge node)

/// Sends each receiver what its first benign neighbour sends.
let private ofNeighbour: Adversary<Omniscience> =
    Adversary.sending (fun knowledge state ->
        let benignNeighbour receiver =
            knowledge.Network.Neighbours[receiver]
            |> Array.tryFind (fun neighbour -> not knowledge.Network.Byzantine[neighbour])

        Sent.Each(fun receiver ->
            match benignNeighbour receiver with
            | Some neighbour -> knowledge.Estimates[int64 neighbour]
            | None -> state.Estimate))

let private gramName, targetName = "gram", "target"

/// Inner products of the benign estimates about their mean, `[n_b, n_b]`; 0 for one that is not finite.
let private gram (knowledge: Omniscience) : torch.Tensor =
    use scope = torch.NewDisposeScope()
    let estimates = Estimate.rows (Network.benign knowledge.Network) knowledge.Estimates
    let estimates = estimates.to_type torch.float64
    let finite = estimates.isfinite().all(1L, true)
    let known = torch.where (finite, estimates, torch.zeros_like estimates)
    let count = max 1L (Transfers.Read<int64>(finite.sum ())[0])
    let mean = known.sum [| 0L |] |> Native.scaled (1.0 / float count)
    let centred = torch.where (finite, estimates - mean, torch.zeros_like estimates)
    centred.mm(centred.t ()).MoveToOuterDisposeScope()

/// The benign node with the largest part in the direction in which the benign estimates differ most: argmax |u_i| over
/// the leading eigenvector u of the inner products.
let private influential (knowledge: Omniscience) (gram: torch.Tensor) : int =
    use _ = torch.NewDisposeScope()
    let gram = torch.tensor(Transfers.Read<float> gram).view gram.shape
    let struct (_, vectors) = torch.linalg.eigh gram
    let position = vectors.select(1L, -1L).abs().argmax() |> Native.read
    (Network.benign knowledge.Network)[int position]

/// Follows the protocol while it adds the inner products up, and copies the most influential node afterwards.
let private ofInfluential warmup : Adversary<Omniscience> =
    let send knowledge (state: OwnState) =
        match Map.tryFind targetName state.Memory with
        | Some target -> copyOf knowledge (int (Native.read target))
        | None -> Sent.Everyone state.Estimate

    let remember (knowledge: Omniscience) =
        let now = lazy gram knowledge

        fun (state: OwnState) ->
            if state.Memory.ContainsKey targetName then
                state.Memory
            else
                let sum =
                    match Map.tryFind gramName state.Memory with
                    | Some before -> Native.sum before now.Value
                    | None -> now.Value

                if knowledge.Iteration + 1L < int64 warmup then
                    Map [ gramName, sum ]
                else
                    Map [ targetName, torch.tensor (int64 (influential knowledge sum)) ]

    Adversary.sending send |> Adversary.remembering remember

let private outside node (network: Network) (_: int[]) =
    if node >= Network.size network || network.Byzantine[node] then
        Some $"mimic cannot copy node {node}: the benign nodes are 0 to {(Network.benign network).Length - 1}"
    else
        None

let attack: Component<Behaviour> =
    settings {
        let! target =
            Setting.wholeOrWord
                "target"
                0
                System.Int32.MaxValue
                [ "influential"; "neighbour" ]
                "influential"
                "the benign node that is copied, or how it is chosen"

        and! warmup =
            Setting.whole "warmup" 1 System.Int32.MaxValue 20 "iterations before an influential node is chosen"

        return
            match target with
            | Ok node -> { Attack.by (Strategy.Omniscient(ofNode node)) with Objection = outside node }
            | Error "neighbour" -> Attack.by (Strategy.Omniscient ofNeighbour)
            | Error _ -> Attack.by (Strategy.Omniscient(ofInfluential warmup))
    }
    |> Define.Named "mimic"
    |> Component.describedBy
        "all Byzantine nodes copy one benign node"
        "> x̂ = x_{k,i*} for one benign node i*\n\
         > influential:  i* = argmax_i |u_i|, Σ_k C_k C_kᵀ u = θu with the largest θ\n\
         > neighbour:    i* = the receiver's benign neighbour with the lowest number\n\n\
         The rows of C_k are the benign estimates of iteration k minus their mean; the sum is over the warm-up, in \
         which the attackers follow the protocol.\n\n\
         Adapted: the source finds the direction of largest variance of the gradients with Oja's rule and sums \
         projections on it; here it is that of the estimates, in one eigenproblem. It harms most when the nodes' \
         data differ."
        "Karimireddy, He, Jaggi, ICLR 2022"
