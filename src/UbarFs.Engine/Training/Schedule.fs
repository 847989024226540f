namespace UbarFs.Engine

open UbarFs.Core

/// A run's calendar: which iterations it has, what epoch each belongs to, and after which ones it is evaluated.
type Schedule =
    {
        /// Steps in an epoch; without local steps these are iterations.
        PerEpoch: int
        /// Steps in an iteration.
        LocalSteps: int
        Iterations: int
        /// Iterations between two evaluations.
        Every: int
        /// Iterations in which the learning rate rises.
        Warmup: int
    }

[<RequireQualifiedAccess>]
module Schedule =

    let create (run: Run) =
        let iterations = int (Run.iterations run run.Training.Length)
        // Past the end of the training an interval makes no difference.
        let within duration = int (min (int64 iterations) (Run.iterations run duration))

        { PerEpoch = Run.perEpoch run
          LocalSteps = run.Training.LocalSteps
          Iterations = iterations
          Every = within run.Every
          Warmup = run.Training.Warmup |> Option.map within |> Option.defaultValue 0 }

    /// The epoch, from 0, of a step (from 0).
    let epochOfStep schedule (step: int64) = int (step / int64 schedule.PerEpoch)

    /// The epoch, from 0, in which iteration k (from 0) begins.
    let epoch schedule (iteration: int) = epochOfStep schedule (int64 iteration * int64 schedule.LocalSteps)

    /// How many epochs some iterations are.
    let epochs schedule (iterations: int) = float iterations * float schedule.LocalSteps / float schedule.PerEpoch

    /// The epochs of the whole training, the last of which may be shorter.
    let allEpochs schedule = int (ceil (epochs schedule schedule.Iterations))

    /// λ(k), the rate of all steps of iteration k (from 0).
    let rate schedule (rate: Rate) (iteration: int) : float =
        if iteration < schedule.Warmup then
            rate.Initial * float (iteration + 1) / float schedule.Warmup
        else
            let since = iteration - schedule.Warmup

            Rate.at
                { Epoch = epoch schedule since
                  Iteration = since
                  Iterations = schedule.Iterations - schedule.Warmup }
                rate

    /// Whether the network is evaluated after so many iterations: at the start, at every interval and at the end.
    let evaluatedAfter schedule iterations = iterations % schedule.Every = 0 || iterations = schedule.Iterations
