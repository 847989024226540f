/// Krum's scores of received estimates, which Bulyan picks by, too.
[<RequireQualifiedAccess>]
module UbarFs.Core.KrumScores

open System
open TorchSharp
open UbarFs.Kernels.Estimates

/// s(j) = Σ_{j→j'} ‖x_j − x_j'‖², over the `closest` nearest others among some rows.
let private score (squares: float[][]) closest among row =
    among
    |> Array.filter (fun other -> other <> row)
    |> Array.map (fun other -> squares[row][other])
    |> Array.sort
    |> Array.truncate closest
    |> Array.sum

/// The candidates by score among the remaining rows, best first, ties to the lowest row. `squares` holds the squared
/// distances between all rows.
let ranked squares closest (remaining: int[]) (candidates: int[]) : int[] =
    candidates |> Array.sortBy (fun row -> struct (score squares closest remaining row, row))

/// The squared distances between all rows, up to a common factor: scaled down where every finite estimate's score would
/// overflow, so that they can still be compared.
let squares closest (candidates: int[]) (received: torch.Tensor) : float[][] =
    let plain = Estimate.pairwiseSquares received
    let all = [| 0 .. plain.Length - 1 |]

    if candidates |> Array.exists (fun row -> Double.IsFinite(score plain closest all row)) then
        plain
    else
        use scope = torch.NewDisposeScope()
        Estimate.pairwiseSquares (Native.scaled (Math.ScaleB(1.0, -600)) (received.to_type torch.float64))

/// For each node of a network, which of the places of what it received may be picked, and the squared distances
/// between all of them. In float32 no score overflows.
let ofNetwork (view: NetworkView) : (int[] * float[][])[] =
    let received = view.Received.Lists
    let squares = view.Rows.Squares(view.Pool, RowPairs.Among(NetworkView.rows view, received))

    let ofNode (received: int[]) =
        let isCandidate place = squares.IsFinite received[place]

        Array.filter isCandidate [| 0 .. received.Length - 1 |],
        received |> Array.map (fun row -> received |> Array.map (fun other -> squares[row, other]))

    Array.map ofNode received

/// The rows that may be picked.
let candidates (received: torch.Tensor) : int[] =
    Estimate.finiteRows received |> Array.indexed |> Array.filter snd |> Array.map fst
