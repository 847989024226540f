namespace UbarFs.Engine

open System
open UbarFs.Core
open UbarFs.Kernels

/// The memory that a run needs at its peak, estimated before it starts.
[<RequireQualifiedAccess>]
module Memory =

    let private gibibyte = 1024.0 ** 3.0

    // What momentum remembers before and after an iteration; where local steps have led to, their sum and their gradients.
    let private directions (training: TrainingPlan) nodes dimension =
        let kept = if training.Momentum.IsSome then 2.0 else 0.0
        let local = if training.LocalSteps > 1 then 3.0 else 0.0
        4.0 * (kept + local) * nodes * dimension

    // x_k, x_{k+1}, the gradients and what was sent; and what the busiest node received, once as it came and once in
    // float64 for its distances.
    let private estimates nodes dimension = 4.0 * (4.0 * nodes * dimension + nodes * dimension * 5.0)

    let private images (dataset: Dataset) =
        5.0 * float dataset.Shape.Pixels * float (dataset.TrainingSize + dataset.TestSize)

    /// The test images that are looked at together.
    let private chunk = 1000.0

    let private hasResiduals (layers: Layer list) = layers |> List.exists _.IsResidual

    // As many nodes train at a time as there are workers. Each keeps what each layer makes of its batch for the way
    // back, and as much again on it; where it is tested there are the values before and behind one layer, and what a
    // residual is to add.
    let private activations (run: Run) (architecture: Architecture) =
        let values = architecture.Shapes |> List.map (_.Pixels >> float)
        let training = 2.0 * float run.Training.Batch * List.sum values
        let layer = values |> List.pairwise |> List.map (fun (one, other) -> one + other) |> List.max

        let added =
            if hasResiduals architecture.Layers then
                List.max values
            else
                0.0

        let tested = min chunk (float run.Dataset.Value.TestSize)
        4.0 * float (min run.Network.Nodes Workers.Count) * max training (tested * (layer + added))

    // Rows of estimates: a server has one as well, and half-steps are rows of their own.
    let private rows (run: Run) =
        match run.Protocol.Value with
        | Protocol.Gossip -> float run.Network.Nodes
        | Protocol.AdaptThenCombine -> 1.25 * float run.Network.Nodes
        | Protocol.Server _ -> float (run.Network.Nodes + 1)

    let needed (run: Run) (architecture: Architecture) : float =
        estimates (rows run) (float architecture.Dimension)
        + directions run.Training (rows run) (float architecture.Dimension)
        + activations run architecture
        + images run.Dataset.Value

    /// Refuses a run that this machine's memory cannot hold.
    let check (run: Run) (architecture: Architecture) : Result<unit, string> =
        let needed = needed run architecture
        let available = float (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)

        if needed <= available then
            Ok()
        else
            Error
                $"{run.Network.Nodes} nodes with {architecture.Dimension} parameters each need about \
                  %.1f{needed / gibibyte} GiB, and this machine has %.1f{available / gibibyte} GiB: use fewer nodes \
                  or a smaller model"
