namespace UbarFs.Core

open TorchSharp
open UbarFs.Kernels

/// What a rule made of a view.
type Aggregate =
    {
        /// `[d]`: R for a rule that aggregates, x_{k+1} for one that replaces the update.
        Estimate: torch.Tensor
        /// What each selecting stage kept, in order; empty for a rule that selects nothing.
        Stages: Stage list
        /// What the rule wants to see again in the node's next iteration.
        Memory: Memory
    }

/// What a rule's result is for.
[<RequireQualifiedAccess>]
type Update =
    /// It is R of equation 2, with α for a node with m neighbours.
    | Guf of alpha: (int -> float)
    /// It is R of equation 2, with the node's own weight W_ii for α.
    | Mixed
    /// It is x_{k+1}: the rule takes its own gradient step.
    | Replaced

/// Whose batches the nodes of a server draw.
[<RequireQualifiedAccess>]
type Allocation =
    /// Each its own.
    | Each
    /// Groups of so many nodes, with numbers in a row, have one share of the data and draw the same batches.
    | Groups of size: int
    /// Each its own and, with this chance, every other one's: it sends the signs that most of their gradients have.
    | Signs of chance: float

/// An aggregation rule: how one node makes one estimate of its own and the received ones. `Reference` must not
/// change the tensors of the view; the tensors it returns belong to the caller's dispose scope.
type Rule =
    {
        /// What its result is for.
        Update: Update
        /// What the rule means for one node. Never called without received estimates.
        Reference: View -> Aggregate
        /// The same for all nodes at once. It selects what `Reference` selects and differs from it by rounding alone.
        Network: (NetworkView -> NetworkAggregate) option
        /// The names of its selecting stages, in order; empty for a rule that selects nothing.
        Stages: string list
        /// The stages of a pipeline at whose end it stands; none for a rule by itself.
        Before: PipelineStage list
        /// Whether it keeps records of senders from iteration to iteration.
        JudgesSenders: bool
        /// Whether the own estimate is nothing but a place to measure from or to begin at. A server has 0 in its place.
        OwnIsOrigin: bool
        /// For a rule that only a server can follow: whose batches it has the nodes draw.
        Central: Allocation option
        /// How its time grows.
        Cost: Cost
        /// n̂: how many Byzantine estimates among m received ones the rule is defined for, given ρ.
        Tolerance: float -> int -> int
        /// What it promises.
        Claims: Law list
        /// κ of (f, κ)-robustness for m received estimates and n̂ = f, where it is known: the squared distance of R
        /// from the mean of any m − f of them is at most κ times their mean squared distance from it.
        Kappa: (int -> int -> float) option
        /// For a rule that needs a number of Byzantine neighbours: what it makes of a node's neighbourhood.
        Assumes: (Headcount -> Assumption) option
        /// For a rule that some neighbourhoods are too large for: why it cannot be computed there and what can, in the
        /// user's words.
        Objection: (Headcount -> string option) option
    }

[<RequireQualifiedAccess>]
module Aggregate =

    /// A result without stages and memory.
    let ofEstimate estimate = { Estimate = estimate; Stages = []; Memory = Map.empty }

    /// A result made of the rows that one stage kept.
    let ofSelection stage kept estimate = { ofEstimate estimate with Stages = [ { Name = stage; Kept = kept } ] }

[<RequireQualifiedAccess>]
module Rule =

    /// A rule for the general update function with one α for all nodes. It tolerates and claims nothing yet.
    let aggregating alpha reference =
        { Update = Update.Guf(fun _ -> alpha)
          Reference = reference
          Network = None
          Stages = []
          Before = []
          JudgesSenders = false
          OwnIsOrigin = false
          Central = None
          Cost = Cost.Linear
          Tolerance = fun _ _ -> 0
          Claims = []
          Kappa = None
          Assumes = None
          Objection = None }

    /// A rule that gives x_{k+1} itself.
    let replacing reference = { aggregating 0.0 reference with Update = Update.Replaced }

    /// The rule with a form for all nodes at once.
    let allAtOnce network (rule: Rule) = { rule with Network = Some network }

    /// The rule with the names of its selecting stages, in order: each result tells what each of them kept.
    let selecting stages (rule: Rule) = { rule with Stages = stages }

    /// The rule as one that keeps records of senders.
    let judgingSenders (rule: Rule) = { rule with JudgesSenders = true }

    /// The rule as one that takes the own estimate for nothing but a place to measure from or to begin at.
    let measuringFromOwn (rule: Rule) = { rule with OwnIsOrigin = true }

    /// The rule as one that only a server can follow.
    let central allocation (rule: Rule) = { rule with Central = Some allocation }

    /// The rule with a statement of how its time grows, which `ubarfs test-rule` measures.
    let costing cost (rule: Rule) = { rule with Cost = cost }

    /// The rule with n̂: how many Byzantine estimates it is defined for, given ρ and the number of received ones.
    let tolerating tolerance (rule: Rule) = { rule with Tolerance = tolerance }

    /// The rule with laws that it promises to keep, which `ubarfs test-rule` tries to break.
    let claiming laws (rule: Rule) = { rule with Claims = laws }

    /// The rule with the neighbourhoods that it cannot be computed for: runs on networks with such are refused.
    let objecting objection rule = { rule with Objection = Some objection }

    /// The rule with its κ for m received estimates, f of them Byzantine, where it is known.
    let boundedBy kappa (rule: Rule) = { rule with Kappa = Some kappa }

    // What a node without received estimates comes to: it keeps its own as R, or takes a plain gradient step if its rule
    // replaces the update.
    let private alone (rule: Rule) rate (own: torch.Tensor) gradient : torch.Tensor =
        match rule.Update with
        | Update.Guf _
        | Update.Mixed -> own.clone ()
        | Update.Replaced -> Guf.step 1.0 rate own own gradient

    /// What the rule makes of a view. A node that received nothing keeps its own estimate as R, and so does one whose
    /// rule replaces the update: it takes a plain gradient step.
    let aggregate (rule: Rule) (view: View) : Aggregate =
        if view.Received.shape[0] > 0L then
            rule.Reference view
        else
            { Estimate = alone rule view.Rate view.Own view.Gradient
              Stages = rule.Stages |> List.map (fun stage -> { Name = stage; Kept = [||] })
              Memory = view.Memory }

    /// The same from a form for all nodes at once.
    let aggregateTogether (rule: Rule) (form: NetworkView -> NetworkAggregate) (view: NetworkView) : NetworkAggregate =
        let made = form view

        let deaf =
            view.Received.Lists
            |> Seq.indexed
            |> Seq.filter (snd >> Array.isEmpty)
            |> Seq.map fst
            |> Array.ofSeq

        for node in deaf do
            use own = view.Pool[int64 view.Own[node]]
            use gradient = view.Gradients[int64 view.Nodes[node]]
            use estimate = alone rule view.Rate own gradient
            made.Estimates[int64 node].copy_ estimate |> ignore

        let memories =
            made.Memories
            |> Array.mapi (fun node memory ->
                if Array.contains node deaf then
                    view.Memories[node]
                else
                    memory)

        { made with Memories = memories }

    /// x_{k+1} of a node, from what its rule made of the view.
    let stepped (rule: Rule) (view: View) (aggregate: Aggregate) : torch.Tensor =
        let step alpha = Guf.step alpha view.Rate view.Own aggregate.Estimate view.Gradient

        match rule.Update with
        | Update.Guf alpha -> step (alpha (int view.Received.shape[0]))
        | Update.Mixed -> step view.OwnWeight
        | Update.Replaced -> aggregate.Estimate

    // α of a node with so many messages and its own weight.
    let private share (rule: Rule) neighbours ownWeight =
        match rule.Update with
        | Update.Guf alpha -> alpha neighbours
        | Update.Mixed -> ownWeight
        | Update.Replaced -> 0.0

    /// αx + (1 − α)R of a node whose step is in x already.
    let combined (rule: Rule) (view: View) (aggregate: Aggregate) : torch.Tensor =
        let alpha = share rule (int view.Received.shape[0]) view.OwnWeight
        // A rate of 0 takes no step; where its own estimate is finite so is 0 times that.
        Guf.step alpha 0.0 view.Own aggregate.Estimate view.Own

    /// The same of all nodes at once, from what each would send, `[N, d]`: a new tensor, in which the rows of other nodes
    /// stay as they are.
    let combinedTogether (rule: Rule) (view: NetworkView) (messages: torch.Tensor) (made: torch.Tensor) : torch.Tensor =
        let alphas = Array.map2 (share rule) (NetworkView.counts view) view.OwnWeights
        view.Rows.Update(messages, made, messages, view.Nodes, alphas, 0.0)

    /// x_{k+1} of all nodes at once, from x_k of the whole network, `[N, d]`: a new tensor, in which the rows of other nodes
    /// stay as they are.
    let steppedTogether (rule: Rule) (view: NetworkView) (estimates: torch.Tensor) (made: torch.Tensor) : torch.Tensor =
        let step alphas =
            view.Rows.Update(estimates, made, view.Gradients, view.Nodes, alphas, view.Rate)

        match rule.Update with
        | Update.Guf alpha -> step (NetworkView.counts view |> Array.map alpha)
        | Update.Mixed -> step view.OwnWeights
        | Update.Replaced ->
            use nodes = Transfers.Send(view.Nodes, estimates.device)
            estimates.index_copy (0L, nodes, made)

    /// x_{k+1} of a node, and what its rule made of the view.
    let update (rule: Rule) (view: View) : torch.Tensor * Aggregate =
        let aggregate = aggregate rule view
        stepped rule view aggregate, aggregate
