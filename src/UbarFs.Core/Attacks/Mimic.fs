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

let private meanName, directionName = "mean", "direction"
let private sumsName, targetName = "sums", "target"

/// What has been learnt of the benign messages so far.
type private Learnt =
    {
        /// μ, the mean of all messages of all iterations, `[d]`.
        Mean: torch.Tensor
        /// z, of length 1, `[d]`.
        Direction: torch.Tensor
        /// Σ_k ⟨z_k, x_{k,i}⟩ of each benign node, `[n_b]`.
        Sums: torch.Tensor
    }

/// The vector over its length, or another one where it has none.
let private normalised (otherwise: torch.Tensor) (vector: torch.Tensor) =
    let length = Native.read (vector.norm ())

    if length > 0.0 && System.Double.IsFinite length then
        Native.scaled (1.0 / length) vector
    else
        otherwise

/// The direction in which rows `[m, d]` vary most: Cᵀu for the leading eigenvector u of their products.
let private leading (centred: torch.Tensor) : torch.Tensor =
    let products = Transfers.Read<float>(Estimate.products centred)
    let rows = centred.shape[0]
    let struct (_, vectors) = torch.linalg.eigh (torch.tensor(products).view(rows, rows))
    let vector = vectors.select(1L, -1L).``to`` centred.device
    centred.t().mv vector |> normalised (torch.zeros_like centred[0L])

/// One step of Oja's method from what was learnt before, if anything was. Messages that are not finite teach nothing.
let private learn (knowledge: Omniscience) (before: Learnt option) : Learnt =
    use scope = torch.NewDisposeScope()
    let rows = Estimate.rows (Network.benign knowledge.Network) knowledge.Estimates
    let wide = rows.to_type torch.float64
    let finite = wide.isfinite().all(1L, true)
    let known = torch.where (finite, wide, torch.zeros_like wide)
    let count = Native.read (finite.sum ())
    let weight = 1.0 / (1.0 + float knowledge.Iteration)
    let blend old ``new`` = Native.sum (Native.scaled (1.0 - weight) old) (Native.scaled weight ``new``)

    let now = known.sum [| 0L |] |> Native.scaled (1.0 / max 1.0 count)

    let mean =
        match before with
        | Some learnt when count > 0.0 -> blend learnt.Mean now
        | Some learnt -> learnt.Mean.clone ()
        | None -> now

    let centred = torch.where (finite, known - mean, torch.zeros_like known)

    let direction =
        match before with
        | Some learnt ->
            let pulled = centred.t().mv(centred.mv learnt.Direction) |> normalised (torch.zeros_like mean)
            blend learnt.Direction pulled |> normalised (learnt.Direction.clone ())
        | None -> leading centred

    let projections = known.mv direction

    let sums =
        match before with
        | Some learnt -> Native.sum learnt.Sums projections
        | None -> projections

    { Mean = mean.MoveToOuterDisposeScope()
      Direction = direction.MoveToOuterDisposeScope()
      Sums = sums.MoveToOuterDisposeScope() }

/// The benign node whose projections sum up farthest from 0; the lowest of several.
let private influential (knowledge: Omniscience) (learnt: Learnt) : int =
    use _ = torch.NewDisposeScope()
    let sums = Transfers.Read<float> learnt.Sums |> Array.map abs
    let largest = Array.max sums
    (Network.benign knowledge.Network)[Array.findIndex ((=) largest) sums]

let private remembered (memory: Memory) : Learnt option =
    match Map.tryFind meanName memory, Map.tryFind directionName memory, Map.tryFind sumsName memory with
    | Some mean, Some direction, Some sums -> Some { Mean = mean; Direction = direction; Sums = sums }
    | _ -> None

/// What nodes with the same memory learn together. The memories of all who share the knowledge hold the same tensors, or
/// equal ones where they were read from a file.
let private together (knowledge: Omniscience) : Memory -> Learnt =
    let made = ResizeArray<Learnt option * Learnt>()

    let isSame (one: Learnt option) (other: Learnt option) =
        let same (one: torch.Tensor) (other: torch.Tensor) =
            obj.ReferenceEquals(one, other) || Transfers.Read<bool>(one.eq(other).all())[0]

        match one, other with
        | None, None -> true
        | Some one, Some other ->
            same one.Direction other.Direction && same one.Mean other.Mean && same one.Sums other.Sums
        | _ -> false

    fun memory ->
        let before = remembered memory

        match made |> Seq.tryFind (fst >> isSame before) with
        | Some(_, learnt) -> learnt
        | None ->
            let learnt = learn knowledge before
            made.Add(before, learnt)
            learnt

/// Copies the node that stands out most by now, and after the warm-up the last one for good.
let private ofInfluential warmup : Adversary<Omniscience> =
    let send (knowledge: Omniscience) =
        let learn = together knowledge

        fun (state: OwnState) ->
            match Map.tryFind targetName state.Memory with
            | Some target -> copyOf knowledge (int (Native.read target))
            | None -> copyOf knowledge (influential knowledge (learn state.Memory))

    let remember (knowledge: Omniscience) =
        let learn = together knowledge
        let target = System.Collections.Generic.Dictionary<Learnt, torch.Tensor>(HashIdentity.Reference)

        let chosen learnt =
            if not (target.ContainsKey learnt) then
                target[learnt] <- torch.tensor (int64 (influential knowledge learnt))

            Map [ targetName, target[learnt] ]

        fun (state: OwnState) ->
            if state.Memory.ContainsKey targetName then
                state.Memory
            else
                let learnt = learn state.Memory

                if knowledge.Iteration + 1L < int64 warmup then
                    Map
                        [ meanName, learnt.Mean
                          directionName, learnt.Direction
                          sumsName, learnt.Sums ]
                else
                    chosen learnt

    Adversary.sending send |> Adversary.remembering remember

let private outside attack node (network: Network) (_: int[]) =
    if not (Array.contains node (Network.benign network)) then
        Some $"{attack} cannot copy node {node}: the benign nodes are 0 to {(Network.benign network).Length - 1}"
    else
        None

let private mimic: Component<Behaviour> =
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
            Setting.whole "warmup" 1 System.Int32.MaxValue 20 "iterations after which an influential node stays chosen"

        return
            match target with
            | Ok node ->
                { Attack.by (Strategy.Omniscient(ofNode node)) with
                    Objection = outside "mimic" node }
            | Error "neighbour" -> Attack.by (Strategy.Omniscient ofNeighbour)
            | Error _ -> Attack.by (Strategy.Omniscient(ofInfluential warmup))
    }
    |> Define.Named "mimic"
    |> Component.describedBy
        "all Byzantine nodes copy one benign node"
        "> x̂ = x_{k,i*} for one benign node i*\n\
         > influential:  i* = argmax_i |Σ_{l ≤ k} ⟨z_l, x_{l,i}⟩|\n\
         >   μ_k = (k μ_{k−1} + x̄_k)/(k + 1)\n\
         >   z_k ∝ k z_{k−1} + y/‖y‖,   y = Σ_i (x_{k,i} − μ_k)⟨x_{k,i} − μ_k, z_{k−1}⟩\n\
         > neighbour:    i* = the receiver's benign neighbour with the lowest number\n\n\
         i goes through all benign nodes, x̄_k is the mean of their estimates, and z has length 1: Oja's method for the \
         direction in which their messages vary most over time. z_0 is that of the first iteration, exactly. The \
         attackers mimic from the first iteration on; after the warm-up the node that was chosen last stays. It harms \
         most when the nodes' data differ.\n\n\
         Where sources differ: the paper weighs y as it is, the authors' code by its length, as here, so that the scale \
         of the messages does not count. The paper sums the projections, as here; the code takes those of the current \
         messages alone, without the absolute value, and starts from a random z."
        "Karimireddy, He, Jaggi, ICLR 2022"

let private duplicate: Component<Behaviour> =
    settings {
        let! node = Setting.whole "of" 0 System.Int32.MaxValue 0 "the benign node that is copied"

        return
            { Attack.by (Strategy.Omniscient(ofNode node)) with
                Objection = outside "duplicate" node }
    }
    |> Define.Named "duplicate"
    |> Component.describedBy
        "sends what one benign node sends, again"
        "> x̂ = x_{k,i} for a given benign node i\n\n\
         All Byzantine nodes send the same node's message, also to those who hear it from that node itself. It is `mimic` \
         with a target of one's own.\n\n\
         Where sources differ: nothing is said of which node; it is node 0 here."
        "Wu, Chen, Ling, IEEE TSP 2023 (sample-duplicating attack)"

let all: Component<Behaviour> list = [ mimic; duplicate ]
