namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// The mini-batches ξ_{k,i} of some nodes.
[<RequireQualifiedAccess>]
type Batches =
    /// On the CPU, one by one.
    | Apart of Batch[]
    /// On a device.
    | Stacked of Stack list

/// Passes through the models of a whole network. On the CPU they are spread over the workers: one thread computes a model
/// by itself, so that no number depends on how many there are.
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

    let private batchesApart (experiment: Experiment) step (nodes: int[]) =
        let batches =
            ofEach nodes.Length (fun index ->
                let batch = Experiment.batch experiment step nodes[index]
                batch.Images.DetachFromDisposeScope() |> ignore
                batch.Labels.DetachFromDisposeScope() |> ignore
                batch)

        let scope = torch.CurrentDisposeScope

        if not (isNull scope) then
            for batch in batches do
                scope.Attach(batch.Images)
                scope.Attach(batch.Labels)

        batches

    /// The mini-batches of some nodes in a step, in the surrounding dispose scope.
    let batches (experiment: Experiment) (step: int64) (nodes: int[]) : Batches =
        if experiment.AllAtOnce then
            Batches.Stacked(DevicePasses.batches experiment step nodes)
        else
            Batches.Apart(batchesApart experiment step nodes)

    /// The loss of each of some nodes' own row of `[N, d]` on its batch, `[n]` in float64, and the gradients there,
    /// `[N, d]`: zero for every other node.
    let gradients
        (experiment: Experiment)
        (nodes: int[])
        batches
        (estimates: torch.Tensor)
        : torch.Tensor * torch.Tensor =
        let gradients = torch.zeros_like estimates
        let loss = experiment.Run.Training.Loss

        let losses =
            match batches with
            | Batches.Stacked stacks -> DevicePasses.gradients experiment nodes stacks estimates gradients
            | Batches.Apart batches ->
                ofEach batches.Length (fun index ->
                    let row = int64 nodes[index]
                    Objective.gradient loss experiment.Architecture batches[index] estimates[row] gradients[row])
                |> torch.tensor

        losses, gradients

    /// The losses of some rows of a pool `[p, d]`, each on the batch of one of the nodes.
    let private lossesOfPairs (experiment: Experiment) batches (pool: torch.Tensor) (pairs: (int * int)[]) : float[] =
        match batches with
        | Batches.Stacked stacks ->
            use scope = torch.NewDisposeScope()
            let owners, rows = Array.unzip pairs
            Transfers.Read<float>(DevicePasses.losses experiment stacks pool owners (Transfers.Send(rows, pool.device)))
        | Batches.Apart batches ->
            ofEach pairs.Length (fun pair ->
                let owner, row = pairs[pair]
                Objective.loss experiment.Run.Training.Loss experiment.Architecture batches[owner] pool[int64 row])

    /// The losses of some rows of `[m, d]` on the batch of one of the nodes, by its place among them.
    let lossesOn (experiment: Experiment) batches place (estimates: torch.Tensor) (rows: int[]) : float[] =
        rows |> Array.map (fun row -> place, row) |> lossesOfPairs experiment batches estimates

    /// For each node, the losses of some rows of a pool `[p, d]` on its batch.
    let losses (experiment: Experiment) batches (pool: torch.Tensor) (rows: int[][]) : float[][] =
        let losses =
            rows
            |> Array.mapi (fun place -> Array.map (fun row -> place, row))
            |> Array.concat
            |> lossesOfPairs experiment batches pool

        let starts = rows |> Array.scan (fun start rows -> start + rows.Length) 0
        rows |> Array.mapi (fun index rows -> Array.sub losses starts[index] rows.Length)

    /// For each node, the losses on its batch of what a selection of the received rows contains, at most so many in
    /// each line: `[n, m]` in float64, infinite where none was asked for.
    let lossesOfSelection (experiment: Experiment) batches pool (received: PaddedLists) most (selection: torch.Tensor) =
        match batches with
        | Batches.Stacked stacks -> DevicePasses.lossesOfSelection experiment stacks pool received most selection
        | Batches.Apart _ ->
            let places = Selection.read selection
            let rows = Array.map2 (fun (rows: int[]) -> Array.map (fun place -> rows[place])) received.Lists places
            let table = Array2D.create rows.Length received.Longest infinity

            losses experiment batches pool rows
            |> Array.iteri (fun line -> Array.iteri2 (fun _ place loss -> table[line, place] <- loss) places[line])

            torch.tensor table

    // What some nodes' rows of `[n, d]` achieve on some images.
    let private judged
        (experiment: Experiment)
        (estimates: torch.Tensor)
        (nodes: int[])
        (images: Batch list)
        : Tested[] =
        let chunks: Batch list =
            images
            |> List.map (fun chunk -> { chunk with Images = Forward.laidOut experiment.Architecture chunk.Images })

        if experiment.AllAtOnce then
            let images = chunks |> List.sumBy (fun chunk -> chunk.Labels.shape[0]) |> float
            let sums = Transfers.Read<float>(DevicePasses.judged experiment chunks estimates nodes)

            nodes
            |> Array.mapi (fun index _ ->
                { Accuracy = sums[index] / images
                  Loss = sums[nodes.Length + index] / images
                  Success = None
                  Validation = None })
        else
            ofEach nodes.Length (fun index ->
                Objective.tested
                    experiment.Run.Training.Loss
                    experiment.Architecture
                    chunks
                    estimates[int64 nodes[index]])

    /// What some nodes' rows of `[n, d]` achieve on the test images, on those with the trigger of a backdoor, and on the
    /// images that are held out.
    let tested (experiment: Experiment) (estimates: torch.Tensor) (nodes: int[]) : Tested[] =
        use scope = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        let run, samples = experiment.Run, experiment.Samples
        let test = Samples.spread (Run.testImages run) samples.Test

        let accuracies (images: Batch list) : float option[] =
            use inner = torch.NewDisposeScope()

            if images.IsEmpty then
                Array.create nodes.Length None
            else
                judged experiment estimates nodes images |> Array.map (_.Accuracy >> Some)

        let triggered =
            Run.poison run
            |> Option.map (fun poison -> List.choose (Poisoning.triggered samples poison) test)
            |> Option.defaultValue []

        let success, validation = accuracies triggered, accuracies (Samples.chosen samples experiment.HeldOut)

        judged experiment estimates nodes test
        |> Array.mapi (fun index tested -> { tested with Success = success[index]; Validation = validation[index] })
