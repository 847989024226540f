namespace UbarFs.Engine

open System.Diagnostics
open System.Runtime.ExceptionServices
open System.Threading
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// What some nodes learnt from their batches in one iteration.
type Trained =
    {
        /// The nodes, ascending. Item i of what follows is the i-th one's.
        Nodes: int[]
        /// ξ_{k,i}.
        Batches: Batches
        /// l(x_{k,i}, ξ_{k,i}), `[n]` in float64.
        Losses: torch.Tensor
        /// What the step follows, ∇l(x_{k,i}, ξ_{k,i}) unless momentum or other steps make something else of it: rows of
        /// `[N, d]`, by the number of the node; zero for all others.
        Gradients: torch.Tensor
        /// What momentum remembers, by the number of the node: that of all others as it was.
        Directions: torch.Tensor option
    }

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
          Batches = directed.Batches
          Losses = directed.Losses
          Gradients = directed.Total
          Directions = directed.Kept }

    /// All that there is to know in an iteration before anyone sends: what attacks go by.
    let knowledge (experiment: Experiment) iteration (estimates: torch.Tensor) (gradients: torch.Tensor) : Omniscience =
        let run = experiment.Run

        { Network = experiment.Network
          Weights = run.Network.Weights
          Estimates = estimates
          Gradients = gradients
          Iteration = iteration
          Rate = Schedule.rate experiment.Schedule run.Training.Rate (int iteration)
          BenignRatio = run.Network.BenignRatio
          // No node has this number.
          Random = fun () -> Random.stream run.Seed Purpose.Attack run.Network.Nodes iteration }

    // The function, with the time that it takes added to a clock.
    let private timed (clock: Stopwatch) work argument =
        clock.Start()

        try
            work argument
        finally
            clock.Stop()

    // What is settled before some nodes aggregate.
    type private Settled = { Trained: Trained; Knowledge: Omniscience; Messages: Messages }

    let private byzantineAmong (experiment: Experiment) senders =
        senders |> Seq.filter (fun sender -> experiment.Network.Byzantine[sender]) |> Seq.length

    let private progress (experiment: Experiment) (iteration: int64) =
        float iteration / float (max 1 experiment.Schedule.Iterations)

    let private random (run: Run) node iteration word = Random.stream run.Seed (Purpose.Aggregation word) node iteration

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
                let known = Memories.identities before.Values

                for tensor in memory.Values do
                    if not (known.Contains tensor) then
                        scope.Attach tensor |> ignore

    // What one of the nodes sees when it aggregates by itself.
    let private viewOf
        (experiment: Experiment)
        (memories: Memory[])
        (settled: Settled)
        ownLosses
        lossTicks
        index
        : View =
        let run, knowledge, trained = experiment.Run, settled.Knowledge, settled.Trained
        let node = trained.Nodes[index]
        let received, senders = Messages.receivedBy experiment settled.Messages node
        let weights = MixingWeights.heard run.Network.Weights experiment.Network.Neighbours node senders

        { Node = node
          Own = knowledge.Estimates[int64 node]
          Received = received
          Senders = senders
          Weights = fst weights
          OwnWeight = snd weights
          Neighbours = senders.Length
          Byzantine = byzantineAmong experiment senders
          OwnLoss = Array.item index ownLosses
          Losses = Passes.lossesOn experiment trained.Batches index received |> timedBy lossTicks
          LossesOf =
            timedBy lossTicks (fun estimates ->
                let rows = [| 0 .. int estimates.shape[0] - 1 |]
                Passes.lossesOn experiment trained.Batches index estimates rows)
          Gradient = knowledge.Gradients[int64 node]
          Rate = knowledge.Rate
          Iteration = knowledge.Iteration
          Progress = progress experiment knowledge.Iteration
          BenignRatio = knowledge.BenignRatio
          Random = random run node knowledge.Iteration
          Memory = memories[node] }

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
        let trained = settled.Trained
        let nodes, ownLosses = trained.Nodes, Transfers.Read<float> trained.Losses
        let lossTicks, updateTicks = ref 0L, ref 0L
        let stages = Array.zeroCreate nodes.Length

        let step index =
            use inner = torch.NewDisposeScope()
            let node = nodes[index]
            let view = viewOf experiment memories settled ownLosses lossTicks index
            let aggregate = ofRule run node view

            updated[int64 node].copy_(timedBy updateTicks (Rule.stepped run.Rule.Value view) aggregate)
            |> ignore

            remembered[node] <- Memories.keep memories[node] aggregate.Memory
            stages[index] <- aggregate.Stages

        let workers = forEach experiment nodes.Length step

        if not experiment.AllAtOnce then
            adopt memories remembered

        { Updated = updated
          Remembered = remembered
          Selected =
            let senders = Messages.senders experiment settled.Messages
            Reading.known (Selections.observed run.Rule.Value.Stages experiment.Network nodes senders stages)
          LossSeconds = shared workers lossTicks.Value
          UpdateSeconds = shared workers updateTicks.Value }

    // What all nodes see when they aggregate at once.
    let private networkView (experiment: Experiment) (memories: Memory[]) (settled: Settled) lossClock : NetworkView =
        let knowledge, trained = settled.Knowledge, settled.Trained
        let nodes, iteration = trained.Nodes, settled.Knowledge.Iteration
        let pool = Messages.pool experiment settled.Messages nodes
        let heard = Array.map (Messages.senders experiment settled.Messages) nodes
        let ofNode = MixingWeights.heard experiment.Run.Network.Weights experiment.Network.Neighbours
        let weights = Array.map2 ofNode nodes heard

        let losses rows received most selection =
            timed lossClock (Passes.lossesOfSelection experiment trained.Batches rows received most) selection

        { Pool = pool.Rows
          Rows = experiment.Rows
          Own = pool.Own
          Received = PaddedLists(pool.Received, pool.Rows.device)
          Senders = heard
          Weights = Array.map fst weights
          OwnWeights = Array.map snd weights
          Neighbours = heard |> Array.map Array.length
          Byzantine = heard |> Array.map (byzantineAmong experiment)
          OwnLosses = trained.Losses
          Losses = losses
          Gradients = knowledge.Gradients
          Nodes = nodes
          Rate = knowledge.Rate
          Iteration = iteration
          Progress = progress experiment iteration
          BenignRatio = knowledge.BenignRatio
          Random = fun node -> random experiment.Run nodes[node] iteration
          Memories = nodes |> Array.map (fun node -> memories[node]) }

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
        let rule, knowledge, nodes = experiment.Run.Rule.Value, settled.Knowledge, settled.Trained.Nodes
        let senders = Messages.senders experiment settled.Messages
        let lossClock, updateClock = Stopwatch(), Stopwatch()
        let view = networkView experiment memories settled lossClock
        let made, sound = madeOf experiment form view
        let updated = timed updateClock (Rule.steppedTogether rule view knowledge.Estimates) made.Estimates
        let selected = Selections.ofSelections rule.Stages experiment.Network nodes senders made.Kept
        let remembered = Array.copy memories

        for node, memory in Array.zip nodes made.Memories do
            remembered[node] <- Memories.keep memories[node] memory

        { Updated = updated.MoveToOuterDisposeScope()
          Remembered = remembered
          Selected = selected |> Reading.map2 (fun () selected -> selected) sound |> Reading.keep
          LossSeconds = lossClock.Elapsed.TotalSeconds
          UpdateSeconds = updateClock.Elapsed.TotalSeconds }

    /// Some nodes aggregate what they received and take their step: x_{k+1}, and what their rule remembers.
    let aggregate experiment knowledge (memories: Memory[]) (trained: Trained) (messages: Messages) : Aggregated =
        let settled = { Trained = trained; Knowledge = knowledge; Messages = messages }

        match experiment.Run.Rule.Value.Network with
        | Some form -> allAtOnce experiment memories settled form
        | None -> nodeByNode experiment memories settled

    // What of an iteration some of its nodes learnt.
    let private only (experiment: Experiment) iteration (trained: Trained) (nodes: int[]) : Trained =
        let places = nodes |> Array.map (fun node -> System.Array.BinarySearch(trained.Nodes, node))

        { trained with
            Nodes = nodes
            Batches =
                match trained.Batches with
                | Batches.Apart batches -> Batches.Apart(places |> Array.map (fun place -> batches[place]))
                | Batches.Stacked _ -> Passes.batches experiment iteration nodes
            Losses = trained.Losses.index_select (0L, Transfers.Send(places, trained.Losses.device)) }

    /// R of some nodes, `[r, d]`, if some messages were under way: exactly what they would come to. All nodes must have
    /// trained. Nothing is remembered of it.
    let respond
        experiment
        (knowledge: Omniscience)
        memories
        trained
        (nodes: int[])
        (messages: Messages)
        : torch.Tensor =
        use scope = torch.NewDisposeScope()
        use _ = torch.no_grad ()

        let settled =
            { Trained = only experiment knowledge.Iteration trained nodes
              Knowledge = knowledge
              Messages = messages }

        match experiment.Run.Rule.Value.Network with
        | Some form ->
            let made, _ = networkView experiment memories settled (Stopwatch()) |> madeOf experiment form
            made.Estimates.MoveToOuterDisposeScope()
        | None ->
            let made = torch.zeros_like (Estimate.rows nodes knowledge.Estimates)
            let ownLosses = Transfers.Read<float> settled.Trained.Losses

            let step index =
                use inner = torch.NewDisposeScope()
                let view = viewOf experiment memories settled ownLosses (ref 0L) index
                made[int64 index].copy_ (ofRule experiment.Run nodes[index] view).Estimate |> ignore

            forEach experiment nodes.Length step |> ignore
            made.MoveToOuterDisposeScope()

    /// What some nodes send, and what the attacks of those that are Byzantine remember, by the number of the node. What all
    /// have learnt and what their rule remembers is there for attackers that try messages out.
    let send experiment (knowledge: Omniscience) (trained: Trained) (rules: Memory[]) memories (nodes: int[]) =
        let epoch = Schedule.epoch experiment.Schedule (int knowledge.Iteration)
        Messages.send experiment knowledge (respond experiment knowledge rules trained) epoch memories nodes
