namespace UbarFs.Core

open TorchSharp
open UbarFs.Kernels.Estimates

/// The rows of the received estimates that a stage of a rule kept.
type Stage =
    {
        /// The name of the stage, one of the rule's.
        Name: string
        /// The rows, each once.
        Kept: int[]
    }

/// What all nodes know when they aggregate in iteration k: rows of one pool of estimates, which nobody has to copy.
/// Item i of every array belongs to the i-th node that aggregates.
type NetworkView =
    {
        /// Everything that is sent, and every own estimate, `[p, d]`; contiguous float32 on the CPU.
        Pool: torch.Tensor
        /// The row of each node's own estimate. A node that sends what it has shares the row with its receivers.
        Own: int[]
        /// The rows that each node received, in ascending order of the sender; perhaps none.
        Received: int[][]
        /// l(x_{k,i}, ξ_{k,i}).
        OwnLosses: Lazy<float[]>
        /// For each node, the losses of some rows of the pool on its batch.
        Losses: int[][] -> float[][]
        /// ρ_i, the assumed share of benign neighbours.
        BenignRatio: float
    }

/// What a rule made of a view of all nodes.
type NetworkAggregate =
    {
        /// R of each node, `[n, d]`.
        Estimates: torch.Tensor
        /// What each selecting stage kept, by node, as places in what the node received.
        Stages: Stage list[]
    }

/// What all nodes know, for a form of a rule that leaves every number on the device with the estimates: the host says
/// what is computed and sees no result. Item i of every array belongs to the i-th node that aggregates.
type DeviceView =
    {
        /// As in a network's view.
        Pool: torch.Tensor
        /// As in a network's view.
        Own: int[]
        /// As in a network's view.
        Received: int[][]
        /// l(x_{k,i}, ξ_{k,i}), `[n]` in float64.
        OwnLosses: torch.Tensor
        /// For each node, the losses on its batch of the first so many rows in its line of a table `[n, s]` of rows of
        /// the pool: `[n, s]` in float64, infinite where none was asked for.
        Losses: int[] -> torch.Tensor -> torch.Tensor
        /// ρ_i, the assumed share of benign neighbours.
        BenignRatio: float
    }

/// What a rule made of such a view.
type DeviceAggregate =
    {
        /// R of each node, `[n, d]`.
        Estimates: torch.Tensor
        /// For each of the rule's stages in order, which places in what each node received it kept: `[n, m]` for the
        /// longest of these lists, or for m = 1 if nobody received anything.
        Kept: torch.Tensor list
    }

/// What network forms of rules have in common. Where a node has nothing to aggregate, its R is its own estimate.
[<RequireQualifiedAccess>]
module NetworkView =

    /// p, the rows of the pool.
    let rows (network: NetworkView) = int network.Pool.shape[0]

    /// For each row of the pool, whether it is finite.
    let finiteRows (network: NetworkView) : bool[] = FiniteRows.Of(network.Pool, [| 0 .. rows network - 1 |])

    /// One row for each node from `combine`, which is never shown an empty list of rows of the pool.
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
        Array.map2 (fun (received: int[]) -> Array.map (fun place -> received[place])) network.Received places

    /// The mean of what each node kept.
    let meansOf (kept: int[][]) (network: NetworkView) : torch.Tensor =
        combined (fun lists -> RowMeans.Of(network.Pool, lists)) (atPlaces kept network) network

    /// A result without stages.
    let withoutStages (network: NetworkView) estimates =
        { Estimates = estimates; Stages = Array.create network.Own.Length [] }

    /// A result of named stages. A node that received nothing has kept nothing.
    let withStages (stages: (string * int[][]) list) (network: NetworkView) estimates =
        let ofNode node _ = stages |> List.map (fun (name, kept) -> { Name = name; Kept = kept[node] })
        { Estimates = estimates; Stages = Array.mapi ofNode network.Received }
