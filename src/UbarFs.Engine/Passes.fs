namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Kernels.Estimates
open UbarFs.Scenario

/// Passes through the models of a whole network. On the CPU they are spread over the workers: one thread computes a model
/// by itself, so that no number depends on how many there are. On another device many models go together, and results are
/// read back when all have been asked for.
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

    /// Places in an array of batches in groups that can be computed together: of batches of one size, and not too many.
    let private groups (experiment: Experiment) (batchOf: int -> Batch) count : int[] list =
        [| 0 .. count - 1 |]
        |> Array.groupBy (fun item -> int (batchOf item).Labels.shape[0])
        |> List.ofArray
        |> List.collect (fun (size, items) ->
            items |> Array.chunkBySize (Batched.together experiment.Architecture size) |> List.ofArray)

    let private stacked (batches: Batch[]) : Batch =
        { Images = torch.stack (batches |> Array.map _.Images)
          Labels = torch.stack (batches |> Array.map _.Labels) }

    /// Numbers that a device has, in the order of the items of each group.
    let private read (groups: int[] list) (parts: torch.Tensor list) : float[] =
        use all = torch.cat (Array.ofList parts)
        use numbers = all.to_type(torch.float64).cpu()

        Array.zip (Array.concat groups) (numbers.data<float>().ToArray())
        |> Array.sortBy fst
        |> Array.map snd

    let private gradientsTogether (experiment: Experiment) (batches: Batch[]) (estimates: torch.Tensor) gradients =
        use scope = torch.NewDisposeScope()
        let groups = groups experiment (Array.get batches) batches.Length

        let pass (items: int[]) =
            use inner = torch.NewDisposeScope()
            let batch = stacked (items |> Array.map (Array.get batches))
            let nodes = items |> Array.map (Array.get experiment.Participants)
            let rows = Estimate.rows nodes estimates
            let loss = experiment.Run.Training.Loss
            let losses, slopes = Batched.gradients loss experiment.Architecture rows batch.Images batch.Labels
            use places = torch.tensor (Array.map int64 nodes, device = estimates.device)
            (gradients: torch.Tensor).index_copy_(0L, places, slopes) |> ignore
            losses.MoveToOuterDisposeScope()

        read groups (List.map pass groups)

    /// The loss of every participant's own row of `[n, d]` on its batch, and the gradients there, `[n, d]`: zero for a node
    /// that takes no part.
    let gradients (experiment: Experiment) (batches: Batch[]) (estimates: torch.Tensor) : float[] * torch.Tensor =
        let gradients = torch.zeros_like estimates
        let loss = experiment.Run.Training.Loss

        let losses =
            if RowKernels.IsOnDevice estimates then
                gradientsTogether experiment batches estimates gradients
            else
                ofEach batches.Length (fun index ->
                    let row = int64 experiment.Participants[index]
                    Objective.gradient loss experiment.Architecture batches[index] estimates[row] gradients[row])

        losses, gradients

    /// The losses of some rows of a pool, each on a batch of its own.
    let private lossesOfPairs (experiment: Experiment) (pool: torch.Tensor) (pairs: (Batch * int)[]) : float[] =
        let loss, architecture = experiment.Run.Training.Loss, experiment.Architecture

        if pairs.Length > 0 && RowKernels.IsOnDevice pool then
            use scope = torch.NewDisposeScope()
            use _ = torch.no_grad ()
            let groups = groups experiment (fun pair -> fst pairs[pair]) pairs.Length

            let pass items =
                use inner = torch.NewDisposeScope()
                let batches, rows = items |> Array.map (Array.get pairs) |> Array.unzip
                let batch = stacked batches

                (Batched.losses loss architecture (Estimate.rows rows pool) batch.Images batch.Labels)
                    .MoveToOuterDisposeScope()

            read groups (List.map pass groups)
        else
            ofEach pairs.Length (fun pair ->
                let batch, row = pairs[pair]
                Objective.loss loss architecture batch pool[int64 row])

    /// The losses of some rows of `[m, d]` on one batch.
    let lossesOn (experiment: Experiment) (batch: Batch) (estimates: torch.Tensor) (rows: int[]) : float[] =
        rows |> Array.map (fun row -> batch, row) |> lossesOfPairs experiment estimates

    /// For each participant, the losses of some rows of a pool `[p, d]` on its batch.
    let losses (experiment: Experiment) (batches: Batch[]) (pool: torch.Tensor) (rows: int[][]) : float[][] =
        let losses =
            Array.map2 (fun batch -> Array.map (fun row -> batch, row)) batches rows
            |> Array.concat
            |> lossesOfPairs experiment pool

        let starts = rows |> Array.scan (fun start rows -> start + rows.Length) 0
        rows |> Array.mapi (fun index rows -> Array.sub losses starts[index] rows.Length)

    let private accuraciesTogether (experiment: Experiment) (chunks: Batch list) (estimates: torch.Tensor) nodes =
        let images (chunk: Batch) = chunk.Labels.shape[0]
        let largest = chunks |> List.map images |> List.max |> int
        let groups = Array.chunkBySize (Batched.together experiment.Architecture largest) nodes |> List.ofArray

        let pass nodes =
            let rows = Estimate.rows nodes estimates

            let correct chunk =
                use inner = torch.NewDisposeScope()
                (Batched.correct experiment.Architecture rows chunk).MoveToOuterDisposeScope()

            chunks |> List.map correct |> List.reduce (fun one other -> one + other)

        let total = chunks |> List.sumBy images |> float
        read groups (List.map pass groups) |> Array.map (fun correct -> correct / total)

    /// The test accuracy of some nodes' rows of `[n, d]`, ascending, as fractions.
    let accuracies (experiment: Experiment) (estimates: torch.Tensor) (nodes: int[]) : float[] =
        use scope = torch.NewDisposeScope()
        use _ = torch.no_grad ()

        let chunks: Batch list =
            experiment.Samples.Test
            |> Samples.spread (Run.testImages experiment.Run)
            |> List.map (fun chunk -> { chunk with Images = Forward.laidOut experiment.Architecture chunk.Images })

        if RowKernels.IsOnDevice estimates then
            accuraciesTogether experiment chunks estimates nodes
        else
            ofEach nodes.Length (fun index ->
                Objective.accuracy experiment.Architecture chunks estimates[int64 nodes[index]])
