namespace UbarFs.Core

open System
open TorchSharp
open UbarFs.Kernels.Estimates

/// Where one of the estimates that a stage of a pipeline hands on comes from.
type Provenance =
    {
        /// The places of the received estimates for which it stands: it takes over their weights, and the sender of the
        /// first. None for the own estimate, which has joined.
        StandsFor: int[]
        /// The places of the received estimates that it is made of.
        MadeOf: int[]
    }

/// What a stage made of what one node received.
type Prepared =
    {
        /// `[m', d]`, of the type of the received estimates.
        Estimates: torch.Tensor
        /// Where each row comes from.
        Origins: Provenance[]
    }

/// The same for all nodes: rows of a pool of its own, which has the own estimates too.
type NetworkPrepared =
    {
        /// `[p', d]`; contiguous float32.
        Pool: torch.Tensor
        /// The row of each node's own estimate.
        Own: int[]
        /// The rows that each node hands on.
        Received: int[][]
        /// Where each of them comes from.
        Origins: Provenance[][]
    }

/// A stage of a pipeline: what becomes of the received estimates before a rule aggregates them. `Reference` must not change
/// the tensors of the view; the tensor it returns belongs to the caller's dispose scope.
type PipelineStage =
    {
        /// What the stage means for one node. Never called without received estimates.
        Reference: View -> Prepared
        /// The same for all nodes at once. It differs from `Reference` by rounding alone.
        Network: (NetworkView -> NetworkPrepared) option
        /// Whether the own estimate joins what was received.
        JoinsOwn: bool
        /// Whether the own estimate is nothing but a place to measure from. A server has 0 in its place.
        OwnIsOrigin: bool
        /// Whether what it hands on has no single sender any more, so that no rule behind it can judge senders.
        MergesSenders: bool
        /// How many estimates it hands on of so many.
        Count: int -> int
        /// How many Byzantine estimates among so many it is defined for, given ρ.
        Tolerance: float -> int -> int
        /// For a stage that needs a number of Byzantine neighbours: what it makes of a node's neighbourhood.
        Assumes: (Headcount -> Assumption) option
        /// How its time grows.
        Cost: Cost
        /// What it promises: the laws that a rule behind it keeps if the rule keeps them itself.
        Claims: Law list
        /// κ of a rule behind it, for m received estimates, f of them Byzantine, and the rule's own κ; where it is known.
        Kappa: (int -> int -> float -> float) option
    }

[<RequireQualifiedAccess>]
module Provenance =

    /// A received estimate, changed or not.
    let at place : Provenance = { StandsFor = [| place |]; MadeOf = [| place |] }

    /// The own estimate.
    let own: Provenance = { StandsFor = [||]; MadeOf = [||] }

[<RequireQualifiedAccess>]
module Prepared =

    /// Estimates that stand for the received ones, one for each in their order.
    let oneByOne (estimates: torch.Tensor) : Prepared =
        { Estimates = estimates
          Origins = Array.init (int estimates.shape[0]) Provenance.at }

[<RequireQualifiedAccess>]
module PipelineStage =

    /// A stage that hands on one estimate for each. It is defined for any number of liars, and claims nothing yet.
    let preparing reference : PipelineStage =
        { Reference = reference
          Network = None
          JoinsOwn = false
          OwnIsOrigin = false
          MergesSenders = false
          Count = id
          Tolerance = fun _ neighbours -> neighbours
          Assumes = None
          Cost = Cost.Linear
          Claims = []
          Kappa = None }

    /// The stage with a form for all nodes at once.
    let allAtOnce network (stage: PipelineStage) = { stage with Network = Some network }

    /// The stage with how many estimates it hands on of so many.
    let counting count (stage: PipelineStage) = { stage with Count = count }

    /// The stage as one in which the own estimate joins: R has it already, so that an α which follows from W is 0.
    let joiningOwn (stage: PipelineStage) = { stage with JoinsOwn = true }

    /// The stage as one that takes the own estimate for nothing but a place to measure from.
    let measuringFromOwn (stage: PipelineStage) = { stage with PipelineStage.OwnIsOrigin = true }

    /// The stage as one that leaves no single senders.
    let mergingSenders (stage: PipelineStage) = { stage with MergesSenders = true }

    /// The stage with how many Byzantine estimates it is defined for, given ρ and the number of received ones.
    let tolerating tolerance (stage: PipelineStage) = { stage with PipelineStage.Tolerance = tolerance }

    /// The stage with a statement of how its time grows.
    let costing cost (stage: PipelineStage) = { stage with PipelineStage.Cost = cost }

    /// The stage with the laws that a rule behind it keeps if it keeps them itself.
    let claiming laws (stage: PipelineStage) = { stage with PipelineStage.Claims = laws }

    /// The stage with κ of a rule behind it.
    let boundedBy kappa (stage: PipelineStage) = { stage with PipelineStage.Kappa = Some kappa }

    /// The laws that a stage can claim.
    let laws = Law.OwnApart :: Law.ofWeightedMean

    // The own weight is left to the own estimate unless that has joined; what nothing stands for goes to it too.
    let private weighed (weights: float[]) ownWeight (origins: Provenance[]) =
        let joined = origins |> Array.exists (fun origin -> Array.isEmpty origin.StandsFor)
        let represented = origins |> Seq.collect _.StandsFor |> Set.ofSeq

        let lost =
            weights
            |> Seq.indexed
            |> Seq.sumBy (fun (place, weight) -> if represented.Contains place then 0.0 else weight)

        let ofOrigin (origin: Provenance) =
            match origin.StandsFor with
            | [||] -> ownWeight
            | places -> places |> Array.sumBy (fun place -> weights[place])

        Array.map ofOrigin origins, (if joined then lost else ownWeight + lost)

    let private sender node (senders: int[]) (origin: Provenance) =
        if Array.isEmpty origin.StandsFor then
            node
        else
            senders[Array.min origin.StandsFor]

    /// What a node knows behind a stage, which draws its random numbers under a word of its own.
    let next (prepared: Prepared) (view: View) : View =
        let weights, ownWeight = weighed view.Weights view.OwnWeight prepared.Origins

        { view with
            Received = prepared.Estimates
            Senders = prepared.Origins |> Array.map (sender view.Node view.Senders)
            Weights = weights
            OwnWeight = ownWeight
            Losses =
                fun rows ->
                    if Array.isEmpty rows then
                        [||]
                    else
                        use asked = Estimate.rows rows prepared.Estimates
                        view.LossesOf asked }

    /// The same for all nodes.
    let nextOfAll (prepared: NetworkPrepared) (view: NetworkView) : NetworkView =
        let weights, ownWeights =
            Array.map3 weighed view.Weights view.OwnWeights prepared.Origins |> Array.unzip

        { view with
            Pool = prepared.Pool
            Own = prepared.Own
            Received = PaddedLists(prepared.Received, prepared.Pool.device)
            Senders =
                Array.map3
                    (fun node senders -> Array.map (sender node senders))
                    view.Nodes
                    view.Senders
                    prepared.Origins
            Weights = weights
            OwnWeights = ownWeights }
