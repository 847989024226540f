namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Scenario

/// Passes through the models of a whole network, spread over the workers. One thread computes a model by itself, so that
/// no number depends on how many there are.
[<RequireQualifiedAccess>]
module Passes =

    /// The results of items 0 … count − 1, each computed in a dispose scope of its own.
    let private ofEach count (compute: int -> 'result) : 'result[] =
        let results = Array.zeroCreate count

        Workers.ForEach(
            count,
            fun item ->
                use scope = torch.NewDisposeScope()
                results[item] <- compute item
        )

        results

    /// The mini-batch ξ_{k,i} of every participant, in the surrounding dispose scope.
    let batches (experiment: Experiment) (iteration: int64) : Batch[] =
        let batches =
            ofEach experiment.Participants.Length (fun index ->
                let batch = Experiment.batch experiment iteration experiment.Participants[index]
                batch.Images.DetachFromDisposeScope() |> ignore
                batch.Labels.DetachFromDisposeScope() |> ignore
                batch)

        let scope = torch.CurrentDisposeScope

        if not (isNull scope) then
            for batch in batches do
                scope.Attach(batch.Images)
                scope.Attach(batch.Labels)

        batches

    /// The loss of every participant's own row of `[n, d]` on its batch, and the gradients there, `[n, d]`: zero for a node
    /// that takes no part.
    let gradients (experiment: Experiment) (batches: Batch[]) (estimates: torch.Tensor) : float[] * torch.Tensor =
        let gradients = torch.zeros_like estimates
        let loss = experiment.Run.Training.Loss

        let losses =
            ofEach batches.Length (fun index ->
                let row = int64 experiment.Participants[index]
                Objective.gradient loss experiment.Architecture batches[index] estimates[row] gradients[row])

        losses, gradients

    /// The losses of some rows of `[m, d]` on one batch.
    let lossesOn (experiment: Experiment) (batch: Batch) (estimates: torch.Tensor) (rows: int[]) : float[] =
        ofEach rows.Length (fun item ->
            Objective.loss experiment.Run.Training.Loss experiment.Architecture batch estimates[int64 rows[item]])

    /// For each participant, the losses of some rows of a pool `[p, d]` on its batch.
    let losses (experiment: Experiment) (batches: Batch[]) (pool: torch.Tensor) (rows: int[][]) : float[][] =
        let loss = experiment.Run.Training.Loss
        let pairs = rows |> Array.mapi (fun index -> Array.map (fun row -> index, row)) |> Array.concat

        let losses =
            ofEach pairs.Length (fun item ->
                let index, row = pairs[item]
                Objective.loss loss experiment.Architecture batches[index] pool[int64 row])

        let starts = rows |> Array.scan (fun start rows -> start + rows.Length) 0
        rows |> Array.mapi (fun index rows -> Array.sub losses starts[index] rows.Length)

    /// The test accuracy of some nodes' rows of `[n, d]`, as fractions.
    let accuracies (experiment: Experiment) (estimates: torch.Tensor) (nodes: int[]) : float[] =
        use scope = torch.NewDisposeScope()

        let chunks: Batch list =
            experiment.Samples.Test
            |> Samples.spread (Run.testImages experiment.Run)
            |> List.map (fun chunk -> { chunk with Images = Forward.laidOut experiment.Architecture chunk.Images })

        ofEach nodes.Length (fun index ->
            Objective.accuracy experiment.Architecture chunks estimates[int64 nodes[index]])
