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
        /// Test accuracy of every benign node, as a fraction, in ascending order of the nodes.
        Accuracies: float[]
        /// Training loss of every benign node in the last iteration, in the same order; empty before the first.
        Losses: float[]
        /// What the rule selected since the last evaluation.
        Selections: Selections
        /// Time spent since the last evaluation, by phase, and in evaluating.
        Times: PhaseTimes
        EvaluationSeconds: float
        /// Seconds since the run began.
        Elapsed: float
    }

    member evaluation.Worst = Array.min evaluation.Accuracies
    /// Rounded to what 10¹² images could tell apart, so that equal accuracies have just that mean.
    member evaluation.Mean = System.Math.Round(Array.average evaluation.Accuracies, 12)
    member evaluation.Best = Array.max evaluation.Accuracies

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

/// Who watches a run: told of every finished iteration (their number so far) and every evaluation.
type Observer = { Iterated: int -> unit; Evaluated: Evaluation -> unit }

/// The training loop of one run.
[<RequireQualifiedAccess>]
module Training =

    /// Trains the network under the observer's eyes. A cancelled token ends it after the iteration at hand.
    let run (observer: Observer) (cancellation: CancellationToken) (experiment: Experiment) : Ending =
        use scope = torch.NewDisposeScope()
        let schedule, rate = experiment.Schedule, experiment.Run.Training.Rate
        let clock = Stopwatch.StartNew()

        let evaluate iterations losses selections times estimates =
            let before = clock.Elapsed.TotalSeconds
            let accuracies = Simulation.evaluate experiment estimates

            let evaluation =
                { Iterations = iterations
                  Epochs = float iterations / float schedule.PerEpoch
                  Rate = rate |> Rate.at (Schedule.epoch schedule (max 0 (iterations - 1)))
                  Accuracies = accuracies
                  Losses = losses
                  Selections = selections
                  Times = times
                  EvaluationSeconds = clock.Elapsed.TotalSeconds - before
                  Elapsed = clock.Elapsed.TotalSeconds }

            observer.Evaluated evaluation
            evaluation

        let mutable state = Simulation.start experiment
        let unselected = Selections.none experiment.Run.Rule.Value.Stages
        let mutable latest = evaluate 0 [||] unselected PhaseTimes.Zero state.Estimates
        let mutable selections = unselected
        let mutable times = PhaseTimes.Zero

        while state.Iteration < schedule.Iterations && not cancellation.IsCancellationRequested do
            let iterated = Simulation.iterate experiment state
            State.release iterated.State state
            state <- iterated.State
            times <- times + iterated.Times
            selections <- selections + iterated.Selections
            observer.Iterated state.Iteration

            if Schedule.evaluatedAfter schedule state.Iteration then
                latest <- evaluate state.Iteration iterated.Losses selections times state.Estimates
                times <- PhaseTimes.Zero
                selections <- unselected

        if state.Iteration = schedule.Iterations then
            Ending.Finished latest
        else
            Ending.Interrupted
