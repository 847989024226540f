namespace UbarFs.Engine

open System.Diagnostics
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
        /// x_k of the whole network, `[N, d]`.
        Estimates: torch.Tensor
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

/// What is settled before some nodes aggregate.
type Settled =
    {
        Nodes: int[]
        /// The batches that losses are taken on; none for a server without images.
        Batches: Batches option
        OwnLosses: torch.Tensor
        /// x_k, `[N, d]`.
        Estimates: torch.Tensor
        Knowledge: Omniscience
        Messages: Messages
    }

/// What nodes know in an iteration: before anyone sends, and when they aggregate.
[<RequireQualifiedAccess>]
module Views =

    /// All that there is to know in an iteration before anyone sends, from x_k and the directions of all steps: what
    /// attacks go by.
    let knowledge (experiment: Experiment) iteration (estimates: torch.Tensor) (gradients: torch.Tensor) : Omniscience =
        let run = experiment.Run
        let rate = Schedule.rate experiment.Schedule run.Training.Rate (int iteration)

        { Network = experiment.Network
          Weights = run.Network.Weights
          Estimates = Exchange.messages experiment rate estimates gradients
          Messages = Protocol.messages run.Protocol.Value
          Gradients = gradients
          Iteration = iteration
          Rate = rate
          BenignRatio = run.Network.BenignRatio
          // No Byzantine node has this number.
          Random = fun () -> Random.stream run.Seed Purpose.Attack run.Network.Nodes iteration }

    // The number of an iteration's first local step.
    let private firstStep (experiment: Experiment) (iteration: int64) =
        iteration * int64 experiment.Run.Training.LocalSteps

    // What of an iteration some of its nodes learnt.
    let private only (experiment: Experiment) iteration (trained: Trained) (nodes: int[]) : Trained =
        let places = nodes |> Array.map (fun node -> System.Array.BinarySearch(trained.Nodes, node))

        { trained with
            Nodes = nodes
            Batches =
                match trained.Batches with
                | Batches.Apart batches -> Batches.Apart(places |> Array.map (fun place -> batches[place]))
                | Batches.Stacked _ -> Passes.batches experiment (firstStep experiment iteration) nodes
            Losses = trained.Losses.index_select (0L, Transfers.Send(places, trained.Losses.device)) }

    // The losses of what some nodes would send, each on its own batch. A rule that asks for none has nothing of them.
    let private lossesAt (experiment: Experiment) (knowledge: Omniscience) estimates (nodes: int[]) batches =
        if Protocols.asksForLosses experiment.Run.Rule.Value || Chosen.hasCode experiment.Run.Rule then
            let rows = Exchange.judged experiment knowledge.Rate estimates (Estimate.rows nodes knowledge.Estimates)
            let own = Array.init nodes.Length Array.singleton
            torch.tensor (Passes.losses experiment batches rows own |> Array.map Array.head)
        else
            torch.tensor (nodes |> Array.map (fun _ -> nan))

    /// What some nodes aggregate from: they have trained, or are a server.
    let settle experiment (knowledge: Omniscience) (trained: Trained) (nodes: int[]) messages : Settled =
        let settled batches (losses: torch.Tensor) =
            { Nodes = nodes
              Batches = batches
              OwnLosses = losses.``to`` knowledge.Estimates.device
              Estimates = trained.Estimates
              Knowledge = knowledge
              Messages = messages }

        let known () : Trained =
            if nodes = trained.Nodes then
                trained
            else
                only experiment knowledge.Iteration trained nodes

        match experiment.Run.Protocol.Value with
        | Protocol.Gossip ->
            let trained = known ()
            settled (Some trained.Batches) trained.Losses
        | Protocol.AdaptThenCombine ->
            let trained = known ()

            settled (Some trained.Batches) (lossesAt experiment knowledge trained.Estimates nodes trained.Batches)
        | Protocol.Server root when root > 0 ->
            let batches = Passes.batches experiment (firstStep experiment knowledge.Iteration) nodes
            settled (Some batches) (lossesAt experiment knowledge trained.Estimates nodes batches)
        | Protocol.Server _ -> settled None (torch.tensor (nodes |> Array.map (fun _ -> nan)))

    let private batchesOf (settled: Settled) =
        settled.Batches
        |> Option.defaultWith (fun () ->
            invalidOp "it asks for losses, and the server has no images: 'root' gives it some")

    let private byzantineAmong (experiment: Experiment) senders =
        senders |> Seq.filter (fun sender -> experiment.Network.Byzantine[sender]) |> Seq.length

    let private progress (experiment: Experiment) (iteration: int64) =
        float iteration / float (max 1 experiment.Schedule.Iterations)

    let private random (run: Run) node iteration word = Random.stream run.Seed (Purpose.Aggregation word) node iteration

    /// The function, with the time that it takes added to a clock.
    let timed (clock: Stopwatch) work argument =
        clock.Start()

        try
            work argument
        finally
            clock.Stop()

    /// The function, with the ticks that it takes added up by whoever calls it.
    let timedBy (ticks: int64 ref) work argument =
        let start = Stopwatch.GetTimestamp()

        try
            work argument
        finally
            Interlocked.Add(&ticks.contents, Stopwatch.GetTimestamp() - start) |> ignore

    /// What one of the nodes sees when it aggregates by itself.
    let ofNode (experiment: Experiment) (memories: Memory[]) (settled: Settled) ownLosses lossTicks index : View =
        let run, knowledge = experiment.Run, settled.Knowledge
        let node = settled.Nodes[index]

        let losses =
            timedBy lossTicks (fun (estimates, rows) ->
                Exchange.judged experiment knowledge.Rate settled.Estimates estimates
                |> fun estimates -> Passes.lossesOn experiment (batchesOf settled) index estimates rows)

        let received, senders = Messages.receivedBy experiment settled.Messages node
        let weights = MixingWeights.heard run.Network.Weights experiment.Network.Neighbours node senders

        { Node = node
          Own = knowledge.Estimates[int64 node]
          Received = received
          Senders = senders
          Messages = knowledge.Messages
          Weights = fst weights
          OwnWeight = snd weights
          Neighbours = senders.Length
          Byzantine = byzantineAmong experiment senders
          OwnLoss = Array.item index ownLosses
          Losses = fun rows -> losses (received, rows)
          LossesOf = fun estimates -> losses (estimates, [| 0 .. int estimates.shape[0] - 1 |])
          Gradient = knowledge.Gradients[int64 node]
          Rate = knowledge.Rate
          Iteration = knowledge.Iteration
          Progress = progress experiment knowledge.Iteration
          BenignRatio = knowledge.BenignRatio
          Random = random run node knowledge.Iteration
          Memory = memories[node] }

    /// What all nodes see when they aggregate at once.
    let ofAll (experiment: Experiment) (memories: Memory[]) (settled: Settled) lossClock : NetworkView =
        let knowledge, nodes, iteration = settled.Knowledge, settled.Nodes, settled.Knowledge.Iteration
        let pool = Messages.pool experiment settled.Messages nodes
        let heard = Array.map (Messages.senders experiment settled.Messages) nodes
        let ofNode = MixingWeights.heard experiment.Run.Network.Weights experiment.Network.Neighbours
        let weights = Array.map2 ofNode nodes heard

        let losses rows received most selection =
            timed
                lossClock
                (fun selection ->
                    let rows = Exchange.judged experiment knowledge.Rate settled.Estimates rows
                    Passes.lossesOfSelection experiment (batchesOf settled) rows received most selection)
                selection

        { Pool = pool.Rows
          Rows = experiment.Rows
          Own = pool.Own
          Received = PaddedLists(pool.Received, pool.Rows.device)
          Senders = heard
          Messages = knowledge.Messages
          Weights = Array.map fst weights
          OwnWeights = Array.map snd weights
          Neighbours = heard |> Array.map Array.length
          Byzantine = heard |> Array.map (byzantineAmong experiment)
          OwnLosses = settled.OwnLosses
          Losses = losses
          Gradients = knowledge.Gradients
          Nodes = nodes
          Rate = knowledge.Rate
          Iteration = iteration
          Progress = progress experiment iteration
          BenignRatio = knowledge.BenignRatio
          Random = fun node -> random experiment.Run nodes[node] iteration
          Memories = nodes |> Array.map (fun node -> memories[node]) }
