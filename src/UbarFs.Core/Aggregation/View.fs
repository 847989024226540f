namespace UbarFs.Core

open TorchSharp
open UbarFs.Kernels

/// What node i knows when it aggregates in iteration k.
type View =
    {
        /// i, the node.
        Node: int
        /// x_{k,i}, `[d]`.
        Own: torch.Tensor
        /// The received estimates, `[m, d]`, in ascending order of the sender.
        Received: torch.Tensor
        /// The nodes that sent them.
        Senders: int[]
        /// What they are: under some protocols no estimates but half-steps or directions, as is what the node has itself.
        Messages: MessageKind
        /// W_ij of the senders, in their order: how a node mixes.
        Weights: float[]
        /// W_ii. With the weights of the senders it makes 1.
        OwnWeight: float
        /// |N_i|: how many messages came in, before any stage of a pipeline.
        Neighbours: int
        /// How many of the senders are Byzantine: only for a rule that is told, with `assumed: known`.
        Byzantine: int
        /// l(x_{k,i}, ξ_{k,i}): the mean loss of the own estimate on the node's batch.
        OwnLoss: float
        /// The losses of some received estimates (by row) on the same batch.
        Losses: int[] -> float[]
        /// The losses of any estimates `[k, d]` on the same batch.
        LossesOf: torch.Tensor -> float[]
        /// ∇l(x_{k,i}, ξ_{k,i}), `[d]`.
        Gradient: torch.Tensor
        /// λ(k).
        Rate: float
        /// k, from 0.
        Iteration: int64
        /// k/T, the share of the run's iterations that are done.
        Progress: float
        /// ρ_i, the assumed share of benign neighbours.
        BenignRatio: float
        /// The node's own random numbers for this iteration: a stream for each word.
        Random: string -> KeyedRandom
        /// What the rule put away in the node's last iteration; empty in the first.
        Memory: Memory
    }

[<RequireQualifiedAccess>]
module View =

    /// A node that mixes evenly, in the first of its iterations: all losses are 1, and gradient, rate and seed are 0.
    /// Received estimates are `[m, d]`, from senders 0 … m − 1, of which none is Byzantine.
    let evenly (own: torch.Tensor) (received: torch.Tensor) : View =
        let neighbours = int received.shape[0]
        let share = 1.0 / float (neighbours + 1)

        { Node = neighbours
          Own = own
          Received = received
          Senders = [| 0 .. neighbours - 1 |]
          Messages = MessageKind.Estimates
          Weights = Array.create neighbours share
          OwnWeight = share
          Neighbours = neighbours
          Byzantine = 0
          OwnLoss = 1.0
          Losses = Array.map (fun _ -> 1.0)
          LossesOf = fun estimates -> Array.create (int estimates.shape[0]) 1.0
          Gradient = torch.zeros_like own
          Rate = 0.0
          Iteration = 0L
          Progress = 0.0
          BenignRatio = 0.4
          Random = fun word -> Random.stream 0L (Purpose.Aggregation word) neighbours 0L
          Memory = Map.empty }

/// What the number of Byzantine neighbours that a node assumes can follow from.
type Headcount =
    {
        /// ρ of the network.
        BenignRatio: float
        /// |N_i|, the messages that came in.
        Neighbours: int
        /// m, the estimates that the rule sees: as many, unless stages of a pipeline made others of them.
        Received: int
        /// How many of the neighbours are Byzantine.
        Byzantine: int
    }

/// How many Byzantine neighbours a rule reckons with at a node.
type Assumption =
    {
        /// How many it was told, or follow from ρ.
        Wanted: int
        /// n̂: as many of these as the rule is defined for.
        Taken: int
    }

[<RequireQualifiedAccess>]
module Headcount =

    /// Of one node.
    let ofView (view: View) : Headcount =
        { BenignRatio = view.BenignRatio
          Neighbours = view.Neighbours
          Received = int view.Received.shape[0]
          Byzantine = view.Byzantine }

    /// Of the i-th node.
    let ofNode (view: NetworkView) i : Headcount =
        { BenignRatio = view.BenignRatio
          Neighbours = view.Neighbours[i]
          Received = view.Received.Lists[i].Length
          Byzantine = view.Byzantine[i] }

    /// Of a node in a network where nobody is silent, with the ρ that all assume.
    let inNetwork benignRatio (network: Network) node : Headcount =
        let neighbours = network.Neighbours[node].Length

        { BenignRatio = benignRatio
          Neighbours = neighbours
          Received = neighbours
          Byzantine = Network.byzantineNeighbours network node }
