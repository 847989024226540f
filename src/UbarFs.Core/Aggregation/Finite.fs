/// What is left of a neighbourhood when the estimates that are not finite are out.
[<RequireQualifiedAccess>]
module UbarFs.Core.Finite

open System
open TorchSharp
open UbarFs.Kernels

/// The rows of `[m, d]` without a coordinate that is not finite, ascending.
let rows (received: torch.Tensor) : int[] =
    Estimate.finiteRows received
    |> Array.indexed
    |> Array.choose (fun (row, finite) -> if finite then Some row else None)

/// Of some rows the `count` with the highest scores (ties: lowest row), ascending. A row whose score is not finite is
/// never among them.
let best count (rows: int[]) (scores: float[]) =
    Array.zip rows scores
    |> Array.filter (fun (_, score) -> Double.IsFinite score)
    |> Array.sortBy (fun (row, score) -> struct (-score, row))
    |> Array.truncate count
    |> Array.map fst
    |> Array.sort

/// What a node restarts from that has lost its own estimate and with it the means to judge others: the
/// coordinate-wise median of the finite estimates that it received, or what it has if there are none.
let restart (view: View) : torch.Tensor =
    use scope = torch.NewDisposeScope()

    match rows view.Received with
    | [||] -> view.Own.clone().MoveToOuterDisposeScope()
    | finite ->
        let struct (sorted, _) = (Estimate.rows finite view.Received).sort 0L
        let lower, upper = (finite.Length - 1) / 2, finite.Length / 2
        Estimate.mean(sorted.narrow (0L, int64 lower, int64 (upper - lower + 1))).MoveToOuterDisposeScope()

/// The own estimate, for a node that trusts no neighbour, or a restart if it is lost.
let own (view: View) : torch.Tensor =
    if Estimate.isFinite view.Own then
        view.Own.clone ()
    else
        restart view

/// The mean of the rows that a stage kept; without any, the own estimate.
let meanOrOwn (kept: int[]) (view: View) : torch.Tensor =
    if Array.isEmpty kept then
        own view
    else
        Estimate.meanOf kept view.Received

/// Puts the same restart in the rows of some nodes, given which rows of the pool are finite.
let restarted (nodes: int[]) (finite: bool[]) (view: NetworkView) (estimates: torch.Tensor) =
    let rows node = view.Received.Lists[node] |> Array.filter (fun row -> finite[row])
    let heard, alone = nodes |> Array.partition (fun node -> rows node |> Array.isEmpty |> not)

    for node in alone do
        estimates[int64 node].copy_ view.Pool[int64 view.Own[node]] |> ignore

    if heard.Length > 0 then
        use medians = view.Rows.Medians(view.Pool, Array.map rows heard)

        for index, node in Array.indexed heard do
            estimates[int64 node].copy_ medians[int64 index] |> ignore

/// The same for all nodes: the mean of what each kept; without any, the own estimate or a restart.
let meansOrOwn (kept: torch.Tensor) (view: NetworkView) : torch.Tensor =
    let means = NetworkView.meansOf kept view
    use judged = kept.any (1L)
    use hasOwn = NetworkView.ownFinite view
    use isFound = judged.bitwise_or hasOwn

    match Transfers.Read<bool> isFound |> Array.indexed |> Array.filter (snd >> not) |> Array.map fst with
    | [||] -> ()
    | lost -> restarted lost (NetworkView.finiteRows view) view means

    means
