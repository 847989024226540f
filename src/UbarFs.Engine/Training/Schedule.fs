namespace UbarFs.Engine

open UbarFs.Core

/// A run's calendar: which iterations it has, what epoch each belongs to, and after which ones it is evaluated.
type Schedule =
    {
        /// Iterations in an epoch.
        PerEpoch: int
        Iterations: int
        /// Iterations between two evaluations.
        Every: int
    }

[<RequireQualifiedAccess>]
module Schedule =

    let create (run: Run) =
        let iterations = int (Run.iterations run run.Training.Length)

        { PerEpoch = Run.perEpoch run
          Iterations = iterations
          // Past the end of the training an interval makes no difference.
          Every = int (min (int64 iterations) (Run.iterations run run.Every)) }

    /// The epoch, from 0, in which iteration k (from 0) is done: it sets the learning rate.
    let epoch schedule (iteration: int) = iteration / schedule.PerEpoch

    /// Whether the network is evaluated after so many iterations: at the start, at every interval and at the end.
    let evaluatedAfter schedule iterations = iterations % schedule.Every = 0 || iterations = schedule.Iterations
