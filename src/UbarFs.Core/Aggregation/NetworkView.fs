namespace UbarFs.Core

open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// The rows of the received estimates that a stage of a rule kept.
type Stage =
    {
        /// The name of the stage, one of the rule's.
        Name: string
        /// The rows, each once.
        Kept: int[]
    }

/// What a rule remembers of one node from iteration to iteration: named tensors, so that it can be saved. Nobody
/// changes a tensor that has been put here.
type Memory = Map<string, torch.Tensor>

/// What all nodes know when they aggregate in iteration k: rows of one pool of estimates, which nobody has to copy.
/// Item i of every array belongs to the i-th node that aggregates. Tensors are where the estimates are, and what is made of
/// them there waits for nothing: a form that reads none leaves a GPU at work.
type NetworkView =
    {
        /// Everything that is sent, and every own estimate, `[p, d]`; contiguous float32.
        Pool: torch.Tensor
        /// What can be asked of rows of the pool.
        Rows: RowOperations
        /// The row of each node's own estimate. A node that sends what it has shares the row with its receivers.
        Own: int[]
        /// The rows that each node received, in ascending order of the sender; perhaps none.
        Received: PaddedLists
        /// The nodes that sent them.
        Senders: int[][]
        /// What they are: under some protocols no estimates but half-steps or directions, as is what each node has itself.
        Messages: MessageKind
        /// W_ij of each node's senders, in their order: how it mixes.
        Weights: float[][]
        /// W_ii of each node. With the weights of its senders it makes 1.
        OwnWeights: float[]
        /// |N_i|: how many messages came in at each node, before any stage of a pipeline.
        Neighbours: int[]
        /// How many of each node's senders are Byzantine: only for a rule that is told, with `assumed: known`.
        Byzantine: int[]
        /// l(x_{k,i}, ξ_{k,i}), `[n]` in float64.
        OwnLosses: torch.Tensor
        /// Of rows of a pool that each node may ask for: the losses on its batch of what a selection `[n, m]` of them
        /// contains, at most so many in each line: `[n, m]` in float64, and +∞ where none was asked for. See
        /// `NetworkView.losses`.
        Losses: torch.Tensor -> PaddedLists -> int[] -> torch.Tensor -> torch.Tensor
        /// ∇l(x_{k,i}, ξ_{k,i}): rows of `[N, d]`, where node i's is `Nodes[i]`.
        Gradients: torch.Tensor
        /// The nodes.
        Nodes: int[]
        /// λ(k).
        Rate: float
        /// k, from 0.
        Iteration: int64
        /// k/T, the share of the run's iterations that are done.
        Progress: float
        /// ρ_i, the assumed share of benign neighbours.
        BenignRatio: float
        /// The random numbers of the i-th node for this iteration: a stream for each word.
        Random: int -> string -> KeyedRandom
        /// What the rule put away in each node's last iteration; empty in the first.
        Memories: Memory[]
    }

/// What a rule made of a view of all nodes.
type NetworkAggregate =
    {
        /// `[n, d]`: R of each node for a rule that aggregates, x_{k+1} for one that replaces the update.
        Estimates: torch.Tensor
        /// What each of the rule's selecting stages kept, in order: a selection `[n, m]` for each.
        Kept: torch.Tensor list
        /// What the rule wants to see again of each node in the next iteration.
        Memories: Memory[]
    }

/// What network forms of rules have in common. What a form makes of a node that received nothing is not looked at.
[<RequireQualifiedAccess>]
module NetworkView =

    /// n, the nodes.
    let nodes (network: NetworkView) = network.Own.Length

    /// p, the rows of the pool.
    let rows (network: NetworkView) = int network.Pool.shape[0]

    /// m_i, how many estimates each node received.
    let counts (network: NetworkView) = network.Received.Lists |> Array.map Array.length

    /// The selection of everything that was received.
    let all (network: NetworkView) : torch.Tensor = network.Received.IsListed

    /// The selection of what is finite.
    let finite (network: NetworkView) : torch.Tensor =
        use scope = torch.NewDisposeScope()
        let finite = network.Rows.FiniteRows network.Pool
        (finite.index network.Received.Rows &&& network.Received.IsListed).MoveToOuterDisposeScope()

    /// Whether each node's own estimate is finite, `[n]`.
    let ownFinite (network: NetworkView) : torch.Tensor =
        use scope = torch.NewDisposeScope()
        let own = Transfers.Send(network.Own, network.Pool.device)
        (network.Rows.FiniteRows network.Pool).index(own).MoveToOuterDisposeScope()

    /// For each row of the pool, whether it is finite. Reads.
    let finiteRows (network: NetworkView) : bool[] =
        use finite = network.Rows.FiniteRows network.Pool
        Transfers.Read<bool> finite

    /// The rows that each node received, behind them its own one if that is finite and anything came in. Reads.
    let withFiniteOwn (network: NetworkView) : int[][] =
        let finite = finiteRows network

        let joined own received =
            if finite[own] && not (Array.isEmpty received) then
                Array.append received [| own |]
            else
                received

        Array.map2 joined network.Own network.Received.Lists

    /// For each node, the losses on its batch of what a selection of the received estimates contains, at most so many in
    /// each line: `[n, m]` in float64, and +∞ where none was asked for.
    let losses (most: int[]) (selection: torch.Tensor) (network: NetworkView) : torch.Tensor =
        network.Losses network.Pool network.Received most selection

    /// ‖x_j − x_i‖ for everything that was received, `[n, m]`: +∞ where one of them is not finite.
    let distances (network: NetworkView) : torch.Tensor =
        network.Rows.Distances(network.Pool, network.Own, network.Received)

    /// Rows i of `[n, d]`: the gradients of the nodes.
    let gradients (network: NetworkView) : torch.Tensor =
        use nodes = Transfers.Send(network.Nodes, network.Gradients.device)
        network.Gradients.index_select (0L, nodes)

    /// One row for each node from `combine`, which is never shown an empty list of rows of the pool: the own row takes its
    /// place.
    let combined (combine: int[][] -> torch.Tensor) (lists: int[][]) (network: NetworkView) : torch.Tensor =
        let estimates =
            combine (Array.map2 (fun own list -> if Array.isEmpty list then [| own |] else list) network.Own lists)

        lists
        |> Array.iteri (fun node list ->
            if Array.isEmpty list then
                estimates[int64 node].copy_ network.Pool[int64 network.Own[node]] |> ignore)

        estimates

    /// The rows of the pool at some places of what each node received.
    let atPlaces (places: int[][]) (network: NetworkView) : int[][] =
        Array.map2 (fun (received: int[]) -> Array.map (fun place -> received[place])) network.Received.Lists places

    /// The selection of some places of what each node received.
    let selectionOf (places: int[][]) (network: NetworkView) : torch.Tensor =
        Selection.ofPlaces network.Received.Longest network.Pool.device places

    /// The mean of what each node kept, or its own estimate where it kept nothing.
    let meansOf (kept: torch.Tensor) (network: NetworkView) : torch.Tensor =
        network.Rows.KeptMeans(network.Pool, network.Own, network.Received, kept)

    /// A result of the rule's stages in order, which remembers what was remembered.
    let withStages kept (network: NetworkView) estimates =
        { Estimates = estimates; Kept = kept; Memories = network.Memories }

    /// A result without stages.
    let withoutStages (network: NetworkView) estimates = withStages [] network estimates
