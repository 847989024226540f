namespace UbarFs.Engine

open System.Diagnostics
open TorchSharp
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Kernels.Estimates

/// Where a network of nodes stands between two iterations: all that the rest of its training depends on.
type State =
    {
        /// Iterations done.
        Iteration: int
        /// x_k, `[n, d]`.
        Estimates: torch.Tensor
        /// What the rule remembers of each node.
        RuleMemories: Memory[]
        /// What the attack remembers of each node.
        AttackMemories: Memory[]
    }

/// What one iteration leaves behind.
type Iterated =
    {
        State: State
        /// The loss of every benign node on its own batch at x_k, in the order of `Network.benign`.
        Losses: float[]
        Times: PhaseTimes
        Selections: Selections
    }

/// The tensors of a state, which outlive the dispose scope that made them.
[<RequireQualifiedAccess>]
module State =

    let private remembered state =
        Seq.append state.RuleMemories state.AttackMemories |> Seq.collect (fun memory -> memory.Values)

    let private identities (tensors: torch.Tensor seq) =
        System.Collections.Generic.HashSet(tensors, HashIdentity.Reference)

    /// Hands what a memory has beyond the one before to the surrounding scope.
    let keepMemory (before: Memory) (memory: Memory) =
        let known = identities before.Values

        for tensor in memory.Values do
            if not (known.Contains tensor) then
                tensor.MoveToOuterDisposeScope() |> ignore

        memory

    /// Hands the state's tensors, except those that it shares with the one before, to the surrounding scope.
    let keep (before: State) (state: State) =
        let known = identities (remembered before)
        state.Estimates.MoveToOuterDisposeScope() |> ignore

        for tensor in identities (remembered state) do
            if not (known.Contains tensor) then
                tensor.MoveToOuterDisposeScope() |> ignore

        state

    /// Frees what the next state does not share.
    let release (next: State) (state: State) =
        let kept = identities (remembered next)
        state.Estimates.Dispose()

        for tensor in remembered state do
            if not (kept.Contains tensor) then
                tensor.Dispose()

/// One synchronous network of nodes, iteration by iteration.
[<RequireQualifiedAccess>]
module Simulation =

    /// x_0 and empty memories.
    let start (experiment: Experiment) : State =
        let run = experiment.Run
        let nodes = run.Network.Nodes
        use estimates = Initial.estimates experiment.Architecture run.Seed run.Training.Start nodes

        { Iteration = 0
          Estimates = estimates.``to`` (experiment.Samples.Images.device, copy = true)
          RuleMemories = Array.create nodes Map.empty
          AttackMemories = Array.create nodes Map.empty }

    // The function, with the time that it takes added to a clock.
    let private timed (clock: Stopwatch) work argument =
        clock.Start()

        try
            work argument
        finally
            clock.Stop()

    // What is settled in an iteration before anyone aggregates; arrays are by participant.
    type private Settled =
        { Batches: Batch[]
          Losses: float[]
          Knowledge: Omniscience
          Messages: Messages }

    // What an iteration's aggregation comes to; the stages are by participant.
    type private Aggregated =
        { Updated: torch.Tensor
          Remembered: Memory[]
          Stages: Stage list[]
          LossSeconds: float
          UpdateSeconds: float }

    let private culprit (run: Run) = $"rule '{run.Rule.Name}'"

    // A rule that takes its own step can overflow with the gradient.
    let private ofRule (run: Run) node (view: View) =
        let culprit, node = culprit run, Some node

        Guard.attempt culprit node view.Iteration (fun () ->
            let aggregate = Rule.aggregate run.Rule.Value view
            let inputs = [ view.Own; view.Received; view.Gradient ]
            Guard.aggregated culprit node view.Iteration view.Own.shape inputs aggregate.Estimate |> ignore
            aggregate)

    let private nodeByNode (experiment: Experiment) (memories: Memory[]) (settled: Settled) =
        let run, knowledge = experiment.Run, settled.Knowledge
        let updated, remembered = knowledge.Estimates.clone (), Array.copy memories
        let lossClock, updateClock = Stopwatch(), Stopwatch()

        let step index node =
            use inner = torch.NewDisposeScope()
            let received, senders = Messages.receivedBy experiment settled.Messages node

            let losses = Passes.lossesOn experiment settled.Batches[index] received |> timed lossClock

            let view =
                { Own = knowledge.Estimates[int64 node]
                  Received = received
                  Senders = senders
                  OwnLoss = settled.Losses[index]
                  Losses = losses
                  Gradient = knowledge.Gradients[int64 node]
                  Rate = knowledge.Rate
                  Iteration = knowledge.Iteration
                  BenignRatio = knowledge.BenignRatio
                  Memory = memories[node] }

            let aggregate = ofRule run node view
            updated[int64 node].copy_(timed updateClock (Rule.stepped run.Rule.Value view) aggregate) |> ignore
            remembered[node] <- State.keepMemory memories[node] aggregate.Memory
            aggregate.Stages

        let stages = Array.mapi step experiment.Participants

        { Updated = updated
          Remembered = remembered
          Stages = stages
          LossSeconds = lossClock.Elapsed.TotalSeconds
          UpdateSeconds = updateClock.Elapsed.TotalSeconds }

    let private ofNetworkRule (run: Run) iteration (network: NetworkView -> NetworkAggregate) (view: NetworkView) =
        let culprit = culprit run

        Guard.attempt culprit None iteration (fun () ->
            let aggregate = network view
            let shape = [| int64 view.Own.Length; view.Pool.shape[1] |]
            Guard.aggregated culprit None iteration shape [ view.Pool ] aggregate.Estimates |> ignore
            aggregate)

    let private allAtOnce (experiment: Experiment) memories alpha network (settled: Settled) =
        use scope = torch.NewDisposeScope()
        let knowledge = settled.Knowledge
        let pool = Messages.pool experiment settled.Messages experiment.Participants
        let lossClock, updateClock = Stopwatch(), Stopwatch()

        let view =
            { Pool = pool.Rows
              Own = pool.Own
              Received = pool.Received
              OwnLosses = settled.Losses
              Losses = timed lossClock (Passes.losses experiment settled.Batches pool.Rows)
              BenignRatio = knowledge.BenignRatio }

        let aggregate = ofNetworkRule experiment.Run knowledge.Iteration network view

        let alphas = pool.Received |> Array.map (fun received -> alpha received.Length)

        let steps =
            Guf.steps experiment.Participants alphas knowledge.Rate knowledge.Estimates aggregate.Estimates

        let updated = timed updateClock steps knowledge.Gradients

        { Updated = updated.MoveToOuterDisposeScope()
          Remembered = memories
          Stages = aggregate.Stages
          LossSeconds = lossClock.Elapsed.TotalSeconds
          UpdateSeconds = updateClock.Elapsed.TotalSeconds }

    // x_{k+1} and what the rule remembers: all nodes at once where the rule and the device allow it.
    let private aggregate (experiment: Experiment) (memories: Memory[]) (settled: Settled) =
        let rule = experiment.Run.Rule.Value

        match rule.Update, rule.Network with
        | Update.Guf alpha, Some network when RowKernels.Takes settled.Knowledge.Estimates ->
            allAtOnce experiment memories alpha network settled
        | _ -> nodeByNode experiment memories settled

    let private ofBenign (experiment: Experiment) losses =
        Array.zip experiment.Participants losses
        |> Array.filter (fun (node, _) -> not experiment.Network.Byzantine[node])
        |> Array.map snd

    let private times (clock: Stopwatch) training sent aggregated : PhaseTimes =
        { Training = training
          Attack = sent - training
          Aggregation = clock.Elapsed.TotalSeconds - sent - aggregated.UpdateSeconds
          Losses = aggregated.LossSeconds
          Update = aggregated.UpdateSeconds }

    /// Iteration k of the whole network: everyone draws ξ, computes loss and gradient at x_k, sends, aggregates what
    /// it received on the same ξ, and takes its step. The state it starts from stays as it is.
    let iterate (experiment: Experiment) (state: State) : Iterated =
        use scope = torch.NewDisposeScope()
        let run, clock = experiment.Run, Stopwatch.StartNew()
        let batches = Passes.batches experiment (int64 state.Iteration)
        let losses, gradients = Passes.gradients experiment batches state.Estimates
        let training = clock.Elapsed.TotalSeconds
        use _ = torch.no_grad ()
        let epoch = Schedule.epoch experiment.Schedule state.Iteration

        let knowledge =
            { Network = experiment.Network
              Estimates = state.Estimates
              Gradients = gradients
              Iteration = int64 state.Iteration
              Rate = Rate.at epoch run.Training.Rate
              BenignRatio = run.Network.BenignRatio }

        let messages, attackMemories = Messages.send experiment knowledge epoch state.AttackMemories

        let sent = clock.Elapsed.TotalSeconds

        let aggregated =
            aggregate
                experiment
                state.RuleMemories
                { Batches = batches
                  Losses = losses
                  Knowledge = knowledge
                  Messages = messages }

        let times = times clock training sent aggregated
        let senders = Messages.senders experiment messages
        let stages = run.Rule.Value.Stages

        let next =
            State.keep
                state
                { Iteration = state.Iteration + 1
                  Estimates = aggregated.Updated
                  RuleMemories = aggregated.Remembered
                  AttackMemories = attackMemories }

        { State = next
          Losses = ofBenign experiment losses
          Times = times
          Selections = Selections.observed stages experiment.Network experiment.Participants senders aggregated.Stages }

    /// The test accuracy of every benign node, as fractions, in the order of `Network.benign`.
    let evaluate (experiment: Experiment) (estimates: torch.Tensor) : float[] =
        Passes.accuracies experiment estimates (Network.benign experiment.Network)
