namespace UbarFs.Engine

open System.Diagnostics
open System.Runtime.ExceptionServices
open System.Threading
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
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

/// What one iteration has to tell.
type Told =
    {
        /// The loss of every benign node on its own batch at x_k, in the order of `Network.benign`.
        Losses: float[]
        Selections: Selections
    }

/// What one iteration leaves behind. The reading fails if a rule for all nodes made what it must not.
type Iterated = { State: State; Times: PhaseTimes; Told: Reading<Told> }

/// The tensors of a state, which outlive the dispose scope that made them.
[<RequireQualifiedAccess>]
module State =

    let private remembered state =
        Seq.append state.RuleMemories state.AttackMemories |> Seq.collect (fun memory -> memory.Values)

    /// Tensors told apart by what they are, not by their numbers.
    let identities (tensors: torch.Tensor seq) = System.Collections.Generic.HashSet(tensors, HashIdentity.Reference)

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

    // What is settled in an iteration before anyone aggregates. The losses are by participant, in float64.
    type private Settled =
        { Batches: Batches
          Losses: torch.Tensor
          Knowledge: Omniscience
          Messages: Messages }

    // What an iteration's aggregation comes to.
    type private Aggregated =
        { Updated: torch.Tensor
          Remembered: Memory[]
          Selected: Reading<Selections>
          LossSeconds: float
          UpdateSeconds: float }

    let private culprit (run: Run) = $"rule '{run.Rule.Name}'"

    // What the benign ones selected, from what the stages kept by participant.
    let private selected (experiment: Experiment) settled stages =
        let senders = Messages.senders experiment settled.Messages
        Selections.observed experiment.Run.Rule.Value.Stages experiment.Network experiment.Participants senders stages

    // A rule that takes its own step can overflow with the gradient.
    let private ofRule (run: Run) node (view: View) =
        let culprit, node = culprit run, Some node

        Guard.attempt culprit node view.Iteration (fun () ->
            let aggregate = Rule.aggregate run.Rule.Value view
            let inputs = [ view.Own; view.Received; view.Gradient ]
            Guard.aggregated culprit node view.Iteration view.Own.shape inputs aggregate.Estimate
            aggregate)

    // Seconds that the workers spent together, as so many of them at a time.
    let private shared workers (ticks: int64) = float ticks / float Stopwatch.Frequency / float workers

    let private timedBy (ticks: int64 ref) work argument =
        let start = Stopwatch.GetTimestamp()

        try
            work argument
        finally
            Interlocked.Add(&ticks.contents, Stopwatch.GetTimestamp() - start) |> ignore

    // Hands tensors that a worker made to the dispose scope of this thread.
    let private adopt (memories: Memory[]) (remembered: Memory[]) =
        match torch.CurrentDisposeScope with
        | null -> ()
        | scope ->
            for before, memory in Array.zip memories remembered do
                let known = State.identities before.Values

                for tensor in memory.Values do
                    if not (known.Contains tensor) then
                        scope.Attach tensor |> ignore

    // One node's part of the iteration depends on no other node's, so that the workers share the nodes. A device has its
    // own order of things to do.
    let private nodeByNode (experiment: Experiment) (memories: Memory[]) (settled: Settled) =
        let run, knowledge = experiment.Run, settled.Knowledge
        let updated, remembered = knowledge.Estimates.clone (), Array.copy memories
        let ownLosses = Transfers.Read<float> settled.Losses
        let lossTicks, updateTicks = ref 0L, ref 0L
        let nodes = experiment.Participants
        let stages, failures = Array.zeroCreate nodes.Length, Array.create nodes.Length None

        let step index =
            use inner = torch.NewDisposeScope()
            let node = nodes[index]
            let received, senders = Messages.receivedBy experiment settled.Messages node

            let view =
                { Own = knowledge.Estimates[int64 node]
                  Received = received
                  Senders = senders
                  OwnLoss = ownLosses[index]
                  Losses = Passes.lossesOn experiment settled.Batches index received |> timedBy lossTicks
                  Gradient = knowledge.Gradients[int64 node]
                  Rate = knowledge.Rate
                  Iteration = knowledge.Iteration
                  BenignRatio = knowledge.BenignRatio
                  Memory = memories[node] }

            let aggregate = ofRule run node view

            updated[int64 node].copy_(timedBy updateTicks (Rule.stepped run.Rule.Value view) aggregate)
            |> ignore

            remembered[node] <- State.keepMemory memories[node] aggregate.Memory
            stages[index] <- aggregate.Stages

        // Of several nodes that fail the first is told, whoever came first.
        let attempt index =
            try
                step index
            with error ->
                failures[index] <- Some(ExceptionDispatchInfo.Capture error)

        let workers =
            if RowKernels.IsOnDevice knowledge.Estimates then
                Seq.iter step [ 0 .. nodes.Length - 1 ]
                1
            else
                Workers.ForEach(nodes.Length, attempt)
                failures |> Array.tryPick id |> Option.iter _.Throw()
                adopt memories remembered
                max 1 (min nodes.Length Workers.Count)

        { Updated = updated
          Remembered = remembered
          Selected = Reading.known (selected experiment settled stages)
          LossSeconds = shared workers lossTicks.Value
          UpdateSeconds = shared workers updateTicks.Value }

    // R of all participants, what else a rule for all of them made, and whether the first can be.
    let private guarded (experiment: Experiment) (settled: Settled) (pool: Pool) (made: unit -> torch.Tensor * 'more) =
        let culprit, iteration = culprit experiment.Run, settled.Knowledge.Iteration

        Guard.attempt culprit None iteration (fun () ->
            let estimates, more = made ()
            let shape = [| pool.Own.LongLength; pool.Rows.shape[1] |]
            estimates, more, Guard.aggregatedTogether culprit iteration shape pool.Rows estimates)

    // R of all participants, whether it can be, and what they selected.
    let private inNetworkForm (experiment: Experiment) settled network lossClock (pool: Pool) =
        let view: NetworkView =
            { Pool = pool.Rows
              Own = pool.Own
              Received = pool.Received
              OwnLosses = lazy Transfers.Read<float> settled.Losses
              Losses = timed lossClock (Passes.losses experiment settled.Batches pool.Rows)
              BenignRatio = settled.Knowledge.BenignRatio }

        let estimates, stages, sound =
            guarded experiment settled pool (fun () ->
                let aggregate: NetworkAggregate = network view
                aggregate.Estimates, aggregate.Stages)

        estimates, sound, Reading.known (selected experiment settled stages)

    // The same in the form for a device.
    let private inDeviceForm (experiment: Experiment) settled stacks form lossClock (pool: Pool) =
        let losses sizes = timed lossClock (DevicePasses.tableOfLosses experiment stacks pool.Rows sizes)

        let view: DeviceView =
            { Pool = pool.Rows
              Own = pool.Own
              Received = pool.Received
              OwnLosses = settled.Losses
              Losses = losses
              BenignRatio = settled.Knowledge.BenignRatio }

        let estimates, kept, sound =
            guarded experiment settled pool (fun () ->
                let aggregate: DeviceAggregate = form view
                aggregate.Estimates, aggregate.Kept)

        let stages, senders = experiment.Run.Rule.Value.Stages, Messages.senders experiment settled.Messages
        estimates, sound, Selections.onDevice stages experiment.Network experiment.Participants senders kept

    let private allAtOnce (experiment: Experiment) memories alpha settled aggregate =
        use scope = torch.NewDisposeScope()
        let knowledge = settled.Knowledge
        let pool = Messages.pool experiment settled.Messages experiment.Participants
        let lossClock, updateClock = Stopwatch(), Stopwatch()
        let estimates, sound, selected = aggregate lossClock pool
        let alphas = pool.Received |> Array.map (fun received -> alpha received.Length)
        let steps = Guf.steps experiment.Participants alphas knowledge.Rate knowledge.Estimates estimates
        let updated = timed updateClock steps knowledge.Gradients

        { Updated = updated.MoveToOuterDisposeScope()
          Remembered = memories
          Selected = selected |> Reading.map2 (fun () selected -> selected) sound |> Reading.keep
          LossSeconds = lossClock.Elapsed.TotalSeconds
          UpdateSeconds = updateClock.Elapsed.TotalSeconds }

    // x_{k+1} and what the rule remembers: all nodes at once where the rule and the device allow it.
    let private aggregate (experiment: Experiment) (memories: Memory[]) (settled: Settled) =
        let rule = experiment.Run.Rule.Value

        match rule.Update, settled.Batches, rule.OnDevice, rule.Network with
        | Update.Guf alpha, Batches.Stacked stacks, Some form, _ ->
            allAtOnce experiment memories alpha settled (inDeviceForm experiment settled stacks form)
        | Update.Guf alpha, _, _, Some network when RowKernels.Takes settled.Knowledge.Estimates ->
            allAtOnce experiment memories alpha settled (inNetworkForm experiment settled network)
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
        let losses = losses |> Reading.ofNumbers (ofBenign experiment)
        let told losses selections = { Losses = losses; Selections = selections }

        let next =
            State.keep
                state
                { Iteration = state.Iteration + 1
                  Estimates = aggregated.Updated
                  RuleMemories = aggregated.Remembered
                  AttackMemories = attackMemories }

        { State = next
          Times = times
          Told = aggregated.Selected |> Reading.map2 told losses |> Reading.keep }

    /// What every benign node achieves on the test images, in the order of `Network.benign`.
    let evaluate (experiment: Experiment) (estimates: torch.Tensor) : Tested[] =
        Passes.tested experiment estimates (Network.benign experiment.Network)
