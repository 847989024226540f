/// The rules and the training step node by node, in the plain torch operations that published implementations use.
module UbarFs.Benchmarks.Straightforward

open TorchSharp
open UbarFs.Core
open UbarFs.Engine

let private stacked (estimates: torch.Tensor) (neighbours: int[]) =
    neighbours |> Array.map (fun node -> estimates[int64 node]) |> torch.stack

let private byzantine share cap neighbours = max 0 (min (int (ceil (float neighbours * share))) cap)

let average (_: torch.Tensor) (received: torch.Tensor) = received.mean [| 0L |]

// What torch.median does along a dimension, which TorchSharp does not offer.
let private median (values: torch.Tensor) =
    let struct (median, _) = torch.kthvalue (values, (values.shape[0] + 1L) / 2L, 0L)
    median

let dmedian (_: torch.Tensor) (received: torch.Tensor) = median received

let bridge (own: torch.Tensor) (received: torch.Tensor) =
    let count = int received.shape[0]
    let trim = byzantine 0.5 ((count - 1) / 2) count
    let struct (sorted, _) = received.sort 0L
    let kept = sorted.narrow (0L, int64 trim, int64 (count - 2 * trim))
    torch.cat([| kept; own.unsqueeze 0L |], 0L).mean [| 0L |]

/// The number in a tensor of one.
let private number (tensor: torch.Tensor) =
    use held = tensor.ToScalar()
    held.ToDouble()

let private distances (received: torch.Tensor) =
    let count = int received.shape[0]
    let distances = Array2D.zeroCreate count count

    for one in 0 .. count - 1 do
        for other in one + 1 .. count - 1 do
            let distance = (received[int64 one] - received[int64 other]).norm() |> number
            distances[one, other] <- distance * distance
            distances[other, one] <- distance * distance

    distances

let private best (distances: float[,]) closest (remaining: int list) =
    remaining
    |> List.minBy (fun row ->
        remaining
        |> List.filter (fun other -> other <> row)
        |> List.map (fun other -> distances[row, other])
        |> List.sort
        |> List.truncate closest
        |> List.sum)

let dkrum (_: torch.Tensor) (received: torch.Tensor) =
    let count = int received.shape[0]
    let byzantine = byzantine 0.5 ((count - 3) / 2) count
    received[int64 (best (distances received) (max 1 (count - byzantine - 2)) [ 0 .. count - 1 ])].clone()

let dbulyan (_: torch.Tensor) (received: torch.Tensor) =
    let count = int received.shape[0]
    let byzantine = byzantine 0.25 ((count - 3) / 4) count
    let distances = distances received

    let rec pick left remaining =
        if left = 0 then
            []
        else
            let next = best distances (max 1 (List.length remaining - byzantine - 2)) remaining
            next :: pick (left - 1) (List.filter (fun row -> row <> next) remaining)

    let picked =
        pick (count - 2 * byzantine) [ 0 .. count - 1 ]
        |> List.map (fun row -> received[int64 row])
        |> Array.ofList
        |> torch.stack

    let struct (_, nearest) = (picked - median picked).abs().sort 0L
    picked.gather(0L, nearest.narrow (0L, 0L, int64 (count - 4 * byzantine))).mean [| 0L |]

/// Every node's result of a rule.
let rule (form: torch.Tensor -> torch.Tensor -> torch.Tensor) (view: NetworkView) =
    Array.map2
        (fun (own: int) received ->
            use scope = torch.NewDisposeScope()
            (form view.Pool[int64 own] (stacked view.Pool received)).MoveToOuterDisposeScope())
        view.Own
        view.Received.Lists

/// Every node's nearest neighbours.
let stage1 (view: NetworkView) =
    Array.map2
        (fun (own: int) (received: int[]) ->
            use scope = torch.NewDisposeScope()
            let own = view.Pool[int64 own]

            received
            |> Array.sortBy (fun row -> (own - view.Pool[int64 row]).norm() |> number)
            |> Array.truncate (Ubar.shortlistSize view.BenignRatio received.Length))
        view.Own
        view.Received.Lists

/// The batch with its images in the usual memory order.
let plain (batch: Batch) : Batch = { batch with Images = batch.Images.contiguous () }

let private layer (flow: torch.Tensor, blocks: torch.Tensor list) layer =
    match layer, blocks with
    | Layer.Convolution(_, _, padding), weight :: bias :: rest ->
        torch.nn.functional.conv2d (flow, weight, bias, padding = [| int64 padding; int64 padding |]), rest
    | Layer.Dense _, weight :: bias :: rest -> torch.nn.functional.linear (flow.flatten 1L, weight, bias), rest
    | Layer.MaxPool size, blocks -> torch.nn.functional.max_pool2d (flow, int64 size), blocks
    | _, blocks -> torch.nn.functional.relu flow, blocks

let private loss (architecture: Architecture) blocks (batch: Batch) =
    let logits = architecture.Layers |> List.fold layer (batch.Images, blocks) |> fst
    torch.nn.functional.cross_entropy (logits, batch.Labels)

let private blocks (architecture: Architecture) (row: torch.Tensor) =
    architecture.Blocks
    |> List.map (fun block -> row.narrow(0L, int64 block.Offset, int64 block.Length).view(Array.ofList block.Shape))

/// The loss of an estimate.
let forward architecture batch row =
    use scope = torch.NewDisposeScope()
    use _ = torch.no_grad ()
    loss architecture (blocks architecture row) batch |> number

/// The loss and the gradient, `[d]`.
let forwardBackward architecture batch (row: torch.Tensor) =
    use scope = torch.NewDisposeScope()
    let leaves = blocks architecture row |> List.map (fun block -> block.detach().clone().requires_grad_())
    let value = loss architecture leaves batch
    value.backward ()

    let gradient =
        leaves |> List.map (fun leaf -> (nonNull leaf.grad).flatten()) |> Array.ofList |> torch.cat

    number value, gradient.MoveToOuterDisposeScope()

/// UBAR of the whole network.
let ubarIteration (experiment: Experiment) (estimates: torch.Tensor) =
    let architecture, nodes = experiment.Architecture, experiment.Participants
    let batches = nodes |> Array.map (Experiment.batch experiment 0L >> plain)

    let trained =
        Array.map2 (fun node batch -> forwardBackward architecture batch estimates[int64 node]) nodes batches

    use _ = torch.no_grad ()
    let shortlists = stage1 (Bench.view experiment estimates)

    let step node (shortlist: int[]) =
        let own, gradient = trained[node]

        let candidates =
            shortlist |> Array.map (fun row -> row, forward architecture batches[node] estimates[int64 row])

        let kept =
            match candidates |> Array.filter (fun (_, loss) -> loss <= own) with
            | [||] -> [| candidates |> Array.minBy snd |> fst |]
            | kept -> Array.map fst kept

        let mean = (stacked estimates kept).mean [| 0L |]

        Native.sum (Native.scaled 0.5 estimates[int64 node]) (Native.scaled 0.5 mean)
        - Native.scaled 0.05 gradient

    shortlists |> Array.mapi step |> torch.stack
