namespace UbarFs.Engine

open System.Diagnostics
open System.Runtime.ExceptionServices
open System.Threading
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// What some nodes came to in one iteration.
type Aggregated =
    {
        /// Their x_{k+1}, in x_k of the whole network, `[N, d]`.
        Updated: torch.Tensor
        /// What their rule remembers, by the number of the node.
        Remembered: Memory[]
        /// What the benign ones among them selected.
        Selected: Reading<Selections>
        /// Seconds for the losses of what they received, and for the steps of equation 2.
        LossSeconds: float
        UpdateSeconds: float
    }

/// The three parts of an iteration, for some nodes of a network: all of them, as the simulation has it, or one alone.
/// Nobody's numbers depend on who else is computed: apart or together, they are the same bits on the CPU.
[<RequireQualifiedAccess>]
module Node =

    /// Some nodes draw ξ_{k,i} and compute loss and gradient there, at their rows of x_k `[N, d]`, and go on from there for
    /// as many local steps as they do. `directions` are what momentum remembers.
    let train (experiment: Experiment) (iteration: int64) (nodes: int[]) estimates directions : Trained =
        let directed = Directions.walk experiment iteration nodes estimates directions

        { Nodes = nodes
          Estimates = estimates
          Batches = directed.Batches
          Losses = directed.Losses
          Gradients = directed.Total
          Directions = directed.Kept }

    // x_{k+1} of all nodes, from what those that aggregated made.
    let private ofAll (experiment: Experiment) (settled: Settled) (updated: torch.Tensor) =
        match experiment.Network.Server with
        | Some server ->
            Exchange.served settled.Knowledge.Rate settled.Estimates (updated.narrow (0L, int64 server, 1L))
        | None -> updated

    let private culprit (run: Run) = $"rule '{run.Rule.Name}'"

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

    // Hands tensors that a worker made to the dispose scope of this thread.
    let private adopt (memories: Memory[]) (remembered: Memory[]) =
        match torch.CurrentDisposeScope with
        | null -> ()
        | scope ->
            for before, memory in Array.zip memories remembered do
                let known = Memories.identities before.Values

                for tensor in memory.Values do
                    if not (known.Contains tensor) then
                        scope.Attach tensor |> ignore

    // One node's part of the iteration depends on no other node's, so that the workers share the nodes. A device has its
    // own order of things to do. Gives how many worked at a time.
    let private forEach (experiment: Experiment) count (step: int -> unit) =
        let failures = Array.create count None

        // Of several nodes that fail the first is told, whoever came first.
        let attempt index =
            try
                step index
            with error ->
                failures[index] <- Some(ExceptionDispatchInfo.Capture error)

        if experiment.AllAtOnce then
            Seq.iter step [ 0 .. count - 1 ]
            1
        else
            Workers.ForEach(count, attempt)
            failures |> Array.tryPick id |> Option.iter _.Throw()
            max 1 (min count Workers.Count)

    let private nodeByNode (experiment: Experiment) (memories: Memory[]) (settled: Settled) =
        let run, knowledge = experiment.Run, settled.Knowledge
        let updated, remembered = knowledge.Estimates.clone (), Array.copy memories
        let rule, nodes, ownLosses = run.Rule.Value, settled.Nodes, Transfers.Read<float> settled.OwnLosses
        let lossTicks, updateTicks = ref 0L, ref 0L
        let stages = Array.zeroCreate nodes.Length

        let next (view: View) (aggregate: Aggregate) =
            match knowledge.Messages with
            | MessageKind.Estimates -> Rule.stepped rule view aggregate
            | MessageKind.HalfSteps -> Rule.combined rule view aggregate
            | MessageKind.Directions -> aggregate.Estimate

        let step index =
            use inner = torch.NewDisposeScope()
            let node = nodes[index]
            let view = Views.ofNode experiment memories settled ownLosses lossTicks index
            let aggregate = ofRule run node view

            updated[int64 node].copy_(Views.timedBy updateTicks (next view) aggregate) |> ignore

            remembered[node] <- Memories.keep memories[node] aggregate.Memory
            stages[index] <- aggregate.Stages

        let workers = forEach experiment nodes.Length step

        if not experiment.AllAtOnce then
            adopt memories remembered

        { Updated = ofAll experiment settled updated
          Remembered = remembered
          Selected =
            let senders = Messages.senders experiment settled.Messages
            Reading.known (Selections.observed rule.Stages experiment.Network nodes senders stages)
          LossSeconds = shared workers lossTicks.Value
          UpdateSeconds = shared workers updateTicks.Value }

    // What a rule's form for all nodes makes of a view, and whether that is sound.
    let private madeOf (experiment: Experiment) form (view: NetworkView) =
        let culprit = culprit experiment.Run

        Guard.attempt culprit None view.Iteration (fun () ->
            let made = Rule.aggregateTogether experiment.Run.Rule.Value form view
            let shape = [| view.Own.LongLength; view.Pool.shape[1] |]
            made, Guard.aggregatedTogether experiment culprit view.Iteration shape view.Pool made.Estimates)

    // A rule's form for all nodes at once.
    let private allAtOnce (experiment: Experiment) (memories: Memory[]) (settled: Settled) form =
        use scope = torch.NewDisposeScope()
        let rule, knowledge, nodes = experiment.Run.Rule.Value, settled.Knowledge, settled.Nodes
        let senders = Messages.senders experiment settled.Messages
        let lossClock, updateClock = Stopwatch(), Stopwatch()
        let view = Views.ofAll experiment memories settled lossClock
        let made, sound = madeOf experiment form view

        let next (made: torch.Tensor) =
            match knowledge.Messages with
            | MessageKind.Estimates -> Rule.steppedTogether rule view knowledge.Estimates made
            | MessageKind.HalfSteps -> Rule.combinedTogether rule view knowledge.Estimates made
            | MessageKind.Directions -> Exchange.served knowledge.Rate settled.Estimates made

        let updated = Views.timed updateClock next made.Estimates
        let selected = Selections.ofSelections rule.Stages experiment.Network nodes senders made.Kept
        let remembered = Array.copy memories

        for node, memory in Array.zip nodes made.Memories do
            remembered[node] <- Memories.keep memories[node] memory

        { Updated = updated.MoveToOuterDisposeScope()
          Remembered = remembered
          Selected = selected |> Reading.map2 (fun () selected -> selected) sound |> Reading.keep
          LossSeconds = lossClock.Elapsed.TotalSeconds
          UpdateSeconds = updateClock.Elapsed.TotalSeconds }

    /// Some nodes aggregate what they received and take their step, or a server does it for all: x_{k+1}, and what their
    /// rule remembers.
    let aggregate
        (experiment: Experiment)
        knowledge
        (memories: Memory[])
        (trained: Trained)
        (messages: Messages)
        : Aggregated =
        let nodes = Network.aggregators experiment.Network trained.Nodes
        let settled = Views.settle experiment knowledge trained nodes messages

        match experiment.Run.Rule.Value.Network with
        | Some form -> allAtOnce experiment memories settled form
        | None -> nodeByNode experiment memories settled

    /// R of some nodes, `[r, d]`, if some messages were under way: exactly what they would come to. All nodes must have
    /// trained. Nothing is remembered of it.
    let respond
        (experiment: Experiment)
        (knowledge: Omniscience)
        memories
        trained
        (nodes: int[])
        (messages: Messages)
        : torch.Tensor =
        use scope = torch.NewDisposeScope()
        use _ = torch.no_grad ()

        let settled = Views.settle experiment knowledge trained nodes messages

        match experiment.Run.Rule.Value.Network with
        | Some form ->
            let made, _ = Views.ofAll experiment memories settled (Stopwatch()) |> madeOf experiment form
            made.Estimates.MoveToOuterDisposeScope()
        | None ->
            let made = torch.zeros_like (Estimate.rows nodes knowledge.Estimates)
            let ownLosses = Transfers.Read<float> settled.OwnLosses

            let step index =
                use inner = torch.NewDisposeScope()
                let view = Views.ofNode experiment memories settled ownLosses (ref 0L) index
                made[int64 index].copy_ (ofRule experiment.Run nodes[index] view).Estimate |> ignore

            forEach experiment nodes.Length step |> ignore
            made.MoveToOuterDisposeScope()

    /// What some nodes send, and what the attacks of those that are Byzantine remember, by the number of the node. What all
    /// have learnt and what their rule remembers is there for attackers that try messages out.
    let send experiment (knowledge: Omniscience) (trained: Trained) (rules: Memory[]) memories (nodes: int[]) =
        let epoch = Schedule.epoch experiment.Schedule (int knowledge.Iteration)
        Messages.send experiment knowledge (respond experiment knowledge rules trained) epoch memories nodes
