namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// The mini-batches of one size, in one piece.
type Stack =
    {
        /// Whose they are, as places among the nodes.
        Members: int[]
        /// `[g, b, channels, height, width]`.
        Images: torch.Tensor
        /// `[g, b]`.
        Labels: torch.Tensor
        /// What dropout leaves out, by member.
        Draws: Draws[]
    }

/// Passes on a device: many models go together, and nothing is read. Losses are in float64.
[<RequireQualifiedAccess>]
module DevicePasses =

    /// The mini-batches of some nodes. The device hears of each size once.
    let batches (experiment: Experiment) (step: int64) (nodes: int[]) : Stack list =
        let images = experiment.Samples.Images

        let stack (size: int, batches: (int * (int[] * int[]))[]) =
            let members, drawn = Array.unzip batches
            let positions, labels = Array.unzip drawn
            let all numbers = Transfers.Send(Array.concat numbers, images.device)
            let shape = Array.append [| members.LongLength; int64 size |] images.shape[1..]
            let stacked = images.index (all positions)

            for line, place in Array.indexed members do
                match Experiment.poisoned experiment step nodes[place] size with
                | Some(poison, places) ->
                    let places = places |> Array.map (fun image -> line * size + image)
                    Poisoning.stamp experiment.Samples poison.Trigger places stacked
                | None -> ()

            { Members = members
              Images = stacked.view shape
              Labels = (all labels).view(members.LongLength, int64 size)
              Draws = members |> Array.map (fun place -> Experiment.draws experiment nodes[place] step) }

        nodes
        |> Array.map (Experiment.drawn experiment step)
        |> Array.indexed
        |> Array.groupBy (fun (_, (positions, _)) -> positions.Length)
        |> Array.map stack
        |> List.ofArray

    // Nodes without data have losses and gradients of 0.
    let private isEmpty (stack: Stack) = stack.Labels.shape[1] = 0L

    let private together (experiment: Experiment) (stack: Stack) =
        Batched.together experiment.Architecture (int stack.Labels.shape[1])

    /// The loss of each of some nodes' own row of `[N, d]` on its batch, `[n]`. The gradient there becomes its row of
    /// `gradients`.
    let gradients (experiment: Experiment) (nodes: int[]) stacks (estimates: torch.Tensor) (gradients: torch.Tensor) =
        let losses = torch.zeros (nodes.LongLength, torch.float64, estimates.device)

        for stack in stacks |> List.filter (isEmpty >> not) do
            for chunk in Array.indexed stack.Members |> Array.chunkBySize (together experiment stack) do
                use scope = torch.NewDisposeScope()
                let members = Array.map snd chunk
                let part (batches: torch.Tensor) = batches.narrow (0L, int64 (fst chunk[0]), chunk.LongLength)
                let members' = Transfers.Send(members |> Array.map (Array.get nodes), estimates.device)
                let rows = estimates.index members'
                let loss = experiment.Run.Training.Loss

                let found, slopes =
                    let first = fst chunk[0]
                    let draws = Some(Array.sub stack.Draws first chunk.Length)
                    Batched.gradients loss experiment.Architecture draws rows (part stack.Images) (part stack.Labels)

                gradients.index_copy_ (0L, members', slopes) |> ignore

                losses.index_copy_ (0L, Transfers.Send(members, losses.device), found.to_type torch.float64)
                |> ignore

        losses

    /// The losses of some rows of a pool, `[t]`, each on the batch of one of the nodes.
    let losses (experiment: Experiment) (stacks: Stack list) (pool: torch.Tensor) (owners: int[]) (rows: torch.Tensor) =
        use _ = torch.no_grad ()
        let losses = torch.zeros (owners.LongLength, torch.float64, pool.device)

        for stack in stacks |> List.filter (isEmpty >> not) do
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
                let draws = Some(chunk |> Array.map (fun (_, place) -> stack.Draws[place]))
                let found = Batched.losses experiment.Run.Training.Loss experiment.Architecture draws rows images labels
                losses.index_copy_ (0L, pairs, found.to_type torch.float64) |> ignore

        losses

    // For each node, the losses on its batch of the first so many rows in its line of a table `[n, s]` of rows of the pool:
    // `[n, s]`, infinite where none was asked for.
    let private tableOfLosses
        (experiment: Experiment)
        stacks
        (pool: torch.Tensor)
        (sizes: int[])
        (table: torch.Tensor)
        =
        let width = int table.shape[1]
        let owners = sizes |> Array.mapi (fun owner size -> Array.create size owner) |> Array.concat

        let places =
            sizes |> Array.mapi (fun owner size -> Array.init size (fun place -> owner * width + place))

        let places = Transfers.Send(Array.concat places, pool.device)
        let losses = losses experiment stacks pool owners (table.flatten().index places)

        let none =
            Native.number infinity (fun infinity -> torch.full_like (table.flatten (), infinity, torch.float64))

        none.index_copy_(0L, places, losses).view_as table

    /// For each node, the losses on its batch of what a selection of the received rows contains, at most so many in
    /// each line: `[n, m]`, infinite where none was asked for.
    let lossesOfSelection
        (experiment: Experiment)
        stacks
        pool
        (received: PaddedLists)
        (most: int[])
        (selection: torch.Tensor)
        =
        let widest = int64 (Array.fold max 1 most)
        // What is selected comes first, in order.
        let struct (_, order) = selection.bitwise_not().to_type(torch.int8).sort(1L, stable = true)
        let places = order.narrow (1L, 0L, widest)
        let losses = tableOfLosses experiment stacks pool most (received.Rows.gather (1L, places))

        Native.number infinity (fun infinity ->
            torch
                .full_like(selection, infinity, torch.float64)
                .scatter(1L, places, losses)
                .masked_fill(selection.bitwise_not (), infinity))

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
