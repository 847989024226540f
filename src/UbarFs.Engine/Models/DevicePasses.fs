namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core
open UbarFs.Kernels

/// The mini-batches of one size, in one piece.
type Stack =
    {
        /// Whose they are, as places among the participants.
        Members: int[]
        /// `[g, b, channels, height, width]`.
        Images: torch.Tensor
        /// `[g, b]`.
        Labels: torch.Tensor
    }

/// Passes on a device: many models go together, and nothing is read. Losses are in float64.
[<RequireQualifiedAccess>]
module DevicePasses =

    /// The mini-batches of all participants. The device hears of each size once.
    let batches (experiment: Experiment) (iteration: int64) : Stack list =
        let images = experiment.Samples.Images

        let stack (size: int, batches: (int * (int[] * int[]))[]) =
            let members, drawn = Array.unzip batches
            let positions, labels = Array.unzip drawn
            let all numbers = Transfers.Send(Array.concat numbers, images.device)
            let shape = Array.append [| members.LongLength; int64 size |] images.shape[1..]

            { Members = members
              Images = images.index(all positions).view shape
              Labels = (all labels).view(members.LongLength, int64 size) }

        experiment.Participants
        |> Array.map (Experiment.drawn experiment iteration)
        |> Array.indexed
        |> Array.groupBy (fun (_, (positions, _)) -> positions.Length)
        |> Array.map stack
        |> List.ofArray

    let private together (experiment: Experiment) (stack: Stack) =
        Batched.together experiment.Architecture (int stack.Labels.shape[1])

    /// The loss of every participant's own row of `[n, d]` on its batch, `[participants]`. The gradient there becomes its
    /// row of `gradients`.
    let gradients (experiment: Experiment) stacks (estimates: torch.Tensor) (gradients: torch.Tensor) : torch.Tensor =
        let losses = torch.empty (experiment.Participants.LongLength, torch.float64, estimates.device)

        for stack in stacks do
            for chunk in Array.indexed stack.Members |> Array.chunkBySize (together experiment stack) do
                use scope = torch.NewDisposeScope()
                let members = Array.map snd chunk
                let part (batches: torch.Tensor) = batches.narrow (0L, int64 (fst chunk[0]), chunk.LongLength)
                let nodes = members |> Array.map (Array.get experiment.Participants)
                let nodes = Transfers.Send(nodes, estimates.device)
                let rows = estimates.index nodes
                let loss = experiment.Run.Training.Loss

                let found, slopes =
                    Batched.gradients loss experiment.Architecture rows (part stack.Images) (part stack.Labels)

                gradients.index_copy_ (0L, nodes, slopes) |> ignore

                losses.index_copy_ (0L, Transfers.Send(members, losses.device), found.to_type torch.float64)
                |> ignore

        losses

    /// The losses of some rows of a pool, `[t]`, each on the batch of one of the participants.
    let losses (experiment: Experiment) (stacks: Stack list) (pool: torch.Tensor) (owners: int[]) (rows: torch.Tensor) =
        use _ = torch.no_grad ()
        let losses = torch.empty (owners.LongLength, torch.float64, pool.device)

        for stack in stacks do
            let placeOf = stack.Members |> Seq.mapi (fun place owner -> owner, place) |> Map.ofSeq

            let pairs =
                owners
                |> Array.indexed
                |> Array.choose (fun (pair, owner) ->
                    Map.tryFind owner placeOf |> Option.map (fun place -> pair, place))

            for chunk in Array.chunkBySize (together experiment stack) pairs do
                use scope = torch.NewDisposeScope()
                let pairs, places = Array.unzip chunk
                let pairs, places = Transfers.Send(pairs, pool.device), Transfers.Send(places, pool.device)
                let rows = pool.index (rows.index pairs)
                let images, labels = stack.Images.index places, stack.Labels.index places
                let found = Batched.losses experiment.Run.Training.Loss experiment.Architecture rows images labels
                losses.index_copy_ (0L, pairs, found.to_type torch.float64) |> ignore

        losses

    /// For each participant, the losses on its batch of the first so many rows in its line of a table `[n, s]` of rows of
    /// the pool: `[n, s]`, infinite where none was asked for.
    let tableOfLosses (experiment: Experiment) stacks (pool: torch.Tensor) (sizes: int[]) (table: torch.Tensor) =
        let width = int table.shape[1]
        let owners = sizes |> Array.mapi (fun owner size -> Array.create size owner) |> Array.concat

        let places =
            sizes |> Array.mapi (fun owner size -> Array.init size (fun place -> owner * width + place))

        let places = Transfers.Send(Array.concat places, pool.device)
        let losses = losses experiment stacks pool owners (table.flatten().index places)

        let none =
            Native.number infinity (fun infinity -> torch.full_like (table.flatten (), infinity, torch.float64))

        none.index_copy_(0L, places, losses).view_as table

    /// How many test images each of some nodes' rows of `[n, d]` gets right, and the sum of its losses on them, in
    /// float64: `[2, nodes]`.
    let judged (experiment: Experiment) (chunks: Batch list) (estimates: torch.Tensor) (nodes: int[]) : torch.Tensor =
        let largest = chunks |> List.map (fun chunk -> chunk.Labels.shape[0]) |> List.max |> int

        let ofNodes nodes =
            let rows = Estimate.rows nodes estimates

            chunks
            |> List.map (fun chunk ->
                use inner = torch.NewDisposeScope()

                (Batched.judged experiment.Run.Training.Loss experiment.Architecture rows chunk)
                    .MoveToOuterDisposeScope())
            |> List.reduce Native.sum

        torch.cat (
            nodes |> Array.chunkBySize (Batched.together experiment.Architecture largest) |> Array.map ofNodes,
            1L
        )
