namespace UbarFs.Engine

open System.Diagnostics
open System.Threading
open TorchSharp
open UbarFs.Core

/// What is measured after some iterations.
type Evaluation =
    {
        Iterations: int
        /// Passes over the data so far.
        Epochs: float
        /// λ of the last iteration, or of the first one before any.
        Rate: float
        /// What every benign node achieves on the test images, in ascending order of the nodes.
        Tested: Tested[]
        /// The consensus error of the benign nodes.
        ConsensusError: float
        /// The test accuracy of the mean of their finite estimates, where a run asks for it.
        Averaged: float option
        /// Training loss of every benign node in the last iteration, in the same order; empty before the first.
        Losses: float[]
        /// What the rule selected since the last evaluation.
        Selections: Selections
        /// Whether no benign estimate is finite any more.
        Diverged: bool
        /// Time spent since the last evaluation, by phase, and in evaluating.
        Times: PhaseTimes
        EvaluationSeconds: float
        /// Seconds since the run began.
        Elapsed: float
    }

    /// Test accuracies, as fractions.
    member evaluation.Accuracies = evaluation.Tested |> Array.map _.Accuracy
    member evaluation.Worst = Array.min evaluation.Accuracies
    /// Rounded to what 10¹² images could tell apart, so that equal accuracies have just that mean.
    member evaluation.Mean = System.Math.Round(Array.average evaluation.Accuracies, 12)
    member evaluation.Best = Array.max evaluation.Accuracies

    /// The mean success rate of a backdoor, where there is one.
    member evaluation.Success =
        match evaluation.Tested |> Array.choose _.Success with
        | [||] -> None
        | rates -> Some(System.Math.Round(Array.average rates, 12))

    /// The lowest accuracy of a benign node on the images that are held out, if there are any.
    member evaluation.Validation =
        match evaluation.Tested |> Array.choose _.Validation with
        | [||] -> None
        | accuracies -> Some(Array.min accuracies)

    /// Mean test loss of the benign nodes.
    member evaluation.TestLoss = evaluation.Tested |> Array.averageBy _.Loss

    /// Mean training loss of the benign nodes; none before the first iteration.
    member evaluation.Loss =
        if Array.isEmpty evaluation.Losses then
            None
        else
            Some(Array.average evaluation.Losses)

/// How a run's training ended.
[<RequireQualifiedAccess>]
type Ending =
    | Finished of Evaluation
    | Interrupted

/// Where a run stands between two iterations: its network, and what adds up until the next evaluation.
type Midway =
    {
        State: State
        /// Asking for them reads what is still on a device, and has to be done before the next iteration.
        Selections: Lazy<Selections>
        Times: PhaseTimes
        /// Seconds since the run began.
        Elapsed: float
    }

/// Who watches a run: told of every finished iteration (their number so far), every evaluation, and where the run stands
/// after each iteration and its evaluation, with whether it will stop there before its end.
type Observer =
    { Iterated: int -> unit
      Evaluated: Evaluation -> unit
      Reached: bool -> Midway -> unit }

/// The training loop of one run.
[<RequireQualifiedAccess>]
module Training =

    /// The most iterations of which nothing has been read: what they have to tell takes room on the device.
    let private mostUnread = 256

    let private begun (experiment: Experiment) =
        { State = Simulation.start experiment
          Selections = lazy Selections.none experiment.Run.Rule.Value.Stages
          Times = PhaseTimes.Zero
          Elapsed = 0.0 }

    let private diverged (experiment: Experiment) estimates =
        let finite = Estimate.finiteRows estimates
        Network.benign experiment.Network |> Array.forall (fun node -> not finite[node])

    let private evaluated (experiment: Experiment) (elapsed: unit -> float) (midway: Midway) selections losses =
        let schedule, iterations = experiment.Schedule, midway.State.Iteration
        let before = elapsed ()
        let tested = Simulation.evaluate experiment midway.State.Estimates

        let consensusError =
            match experiment.Network.Server with
            // One estimate agrees with itself, without rounding.
            | Some server -> Consensus.error midway.State.Estimates [| server |]
            | None -> Consensus.error midway.State.Estimates (Network.benign experiment.Network)

        let averaged =
            if experiment.Run.Averaged then
                Some (Simulation.evaluateMean experiment midway.State.Estimates).Accuracy
            else
                None

        let after = elapsed ()

        { Iterations = iterations
          Epochs = Schedule.epochs schedule iterations
          Rate = Schedule.rate schedule experiment.Run.Training.Rate (max 0 (iterations - 1))
          Tested = tested
          ConsensusError = consensusError
          Averaged = averaged
          Losses = losses
          Selections = selections
          Diverged = diverged experiment midway.State.Estimates
          Times = midway.Times
          EvaluationSeconds = after - before
          Elapsed = after }

    /// Goes on with a run from where it stood, whose tensors it frees, or begins it. A cancelled token ends it after the
    /// iteration at hand.
    let resume (observer: Observer) (cancellation: CancellationToken) (from: Midway option) (experiment: Experiment) =
        use scope = torch.NewDisposeScope()
        let clock = Stopwatch.StartNew()
        let mutable midway = from |> Option.defaultWith (fun () -> begun experiment)
        let before = midway.Elapsed
        let elapsed () = before + clock.Elapsed.TotalSeconds
        let mutable selections = midway.Selections.Value
        let mutable losses = [||]
        let mutable unread: Reading<Told> list = []
        let mutable latest = None
        let mutable stopping = cancellation.IsCancellationRequested

        let read () =
            let told = Reading.value (Reading.all (List.rev unread))
            unread <- []

            for told in told do
                losses <- told.Losses
                selections <- selections + told.Selections

        let evaluate () =
            read ()
            let evaluation = evaluated experiment elapsed midway selections losses
            observer.Evaluated evaluation
            latest <- Some evaluation
            selections <- Selections.none experiment.Run.Rule.Value.Stages
            midway <- { midway with Times = PhaseTimes.Zero }

        if midway.State.Iteration = 0 then
            evaluate ()

        while midway.State.Iteration < experiment.Schedule.Iterations && not stopping do
            let iterated = Simulation.iterate experiment midway.State
            State.release iterated.State midway.State
            midway <- { midway with State = iterated.State; Times = midway.Times + iterated.Times }
            unread <- iterated.Told :: unread

            if unread.Length = mostUnread then
                read ()

            observer.Iterated midway.State.Iteration

            if Schedule.evaluatedAfter experiment.Schedule midway.State.Iteration then
                evaluate ()

            stopping <- cancellation.IsCancellationRequested && midway.State.Iteration < experiment.Schedule.Iterations

            let told =
                lazy
                    (read ()
                     selections)

            observer.Reached stopping { midway with Selections = told; Elapsed = elapsed () }

        match latest with
        | Some evaluation when not stopping -> Ending.Finished evaluation
        | _ -> Ending.Interrupted

    /// Trains the network under the observer's eyes, from the beginning.
    let run observer cancellation experiment : Ending = resume observer cancellation None experiment
