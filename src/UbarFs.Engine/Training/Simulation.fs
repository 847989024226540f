namespace UbarFs.Engine

open System.Diagnostics
open TorchSharp
open UbarFs.Core

/// Where a network of nodes stands between two iterations: all that the rest of its training depends on.
type State =
    {
        /// Iterations done.
        Iteration: int
        /// x_k, `[n, d]`.
        Estimates: torch.Tensor
        /// The direction that each node's momentum remembers, `[n, d]`; none without momentum.
        Directions: torch.Tensor option
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

    /// Hands the state's tensors, except those that it shares with the one before, to the surrounding scope.
    let keep (before: State) (state: State) =
        let known = Memories.identities (remembered before)
        state.Estimates.MoveToOuterDisposeScope() |> ignore
        state.Directions |> Option.iter (fun directions -> directions.MoveToOuterDisposeScope() |> ignore)

        for tensor in Memories.identities (remembered state) do
            if not (known.Contains tensor) then
                tensor.MoveToOuterDisposeScope() |> ignore

        state

    /// Frees what the next state does not share.
    let release (next: State) (state: State) =
        let kept = Memories.identities (remembered next)
        state.Estimates.Dispose()
        state.Directions |> Option.iter _.Dispose()

        for tensor in remembered state do
            if not (kept.Contains tensor) then
                tensor.Dispose()

/// One synchronous network of nodes, iteration by iteration.
[<RequireQualifiedAccess>]
module Simulation =

    /// x_0 and empty memories.
    let start (experiment: Experiment) : State =
        let run = experiment.Run
        let nodes = Network.size experiment.Network
        use start = Initial.estimates experiment.Architecture run.Seed run.Training.Start nodes
        let estimates = start.``to`` (experiment.Samples.Images.device, copy = true)

        // All stand where their server stands.
        experiment.Network.Server
        |> Option.iter (fun server -> estimates.copy_ (start[int64 server].expand_as start) |> ignore)

        { Iteration = 0
          Estimates = estimates
          Directions = Directions.start run.Training estimates
          RuleMemories = Array.create nodes Map.empty
          AttackMemories = Array.create nodes Map.empty }

    // Of the participants' losses those of the benign.
    let private ofBenign (experiment: Experiment) trainers losses =
        let network = experiment.Network

        Array.zip trainers losses
        |> Array.filter (fun (node, _) -> not network.Byzantine[node] && network.Server <> Some node)
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
        let clock = Stopwatch.StartNew()
        let nodes = Exchange.trainers experiment
        let trained = Node.train experiment (int64 state.Iteration) nodes state.Estimates state.Directions
        let training = clock.Elapsed.TotalSeconds
        use _ = torch.no_grad ()
        let knowledge = Views.knowledge experiment (int64 state.Iteration) state.Estimates trained.Gradients

        let messages, attackMemories =
            Node.send experiment knowledge trained state.RuleMemories state.AttackMemories nodes

        let sent = clock.Elapsed.TotalSeconds
        let aggregated = Node.aggregate experiment knowledge state.RuleMemories trained messages
        let times = times clock training sent aggregated
        let losses = trained.Losses |> Reading.ofNumbers (ofBenign experiment nodes)
        let told losses selections = { Losses = losses; Selections = selections }

        let next =
            State.keep
                state
                { Iteration = state.Iteration + 1
                  Estimates = aggregated.Updated
                  Directions = trained.Directions
                  RuleMemories = aggregated.Remembered
                  AttackMemories = attackMemories }

        { State = next
          Times = times
          Told = aggregated.Selected |> Reading.map2 told losses |> Reading.keep }

    /// What every benign node achieves on the test images, in the order of `Network.benign`.
    let evaluate (experiment: Experiment) (estimates: torch.Tensor) : Tested[] =
        let benign = Network.benign experiment.Network

        // All have the server's estimate: it is looked at once.
        match experiment.Network.Server with
        | Some server -> Passes.tested experiment estimates [| server |] |> Array.head |> Array.replicate benign.Length
        | None -> Passes.tested experiment estimates benign

    /// What the mean of the benign nodes' finite estimates achieves on them, accumulated in float64. Without any it is what
    /// a lost one achieves.
    let evaluateMean (experiment: Experiment) (estimates: torch.Tensor) : Tested =
        use scope = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        let finite = Estimate.finiteRows estimates
        let benign = Network.benign experiment.Network

        let mean =
            match benign |> Array.filter (fun node -> finite[node]) with
            | [||] -> estimates[int64 benign[0]].unsqueeze 0L
            | nodes -> (Estimate.mean (Estimate.rows nodes estimates)).to_type(estimates.dtype).unsqueeze 0L

        Passes.tested experiment mean [| 0 |] |> Array.head
