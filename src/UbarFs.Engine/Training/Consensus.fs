namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core
open UbarFs.Kernels

/// How near the benign nodes are to each other.
[<RequireQualifiedAccess>]
module Consensus =

    /// So many numbers are looked at together: their copies in float64 stay in the caches.
    let private portion = 1L <<< 17

    /// The consensus error (1/n_b) Σ ‖x_i − x̄‖² of some nodes' rows x_i of `[n, d]`, with their mean x̄, accumulated in
    /// float64. Infinite or NaN where an estimate is not finite.
    let error (estimates: torch.Tensor) (nodes: int[]) : float =
        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        let rows = Estimate.rows nodes estimates
        let width = max 1L (portion / rows.shape[0])

        let ofColumns start =
            use inner = torch.NewDisposeScope()
            let columns = rows.narrow(1L, start, min width (rows.shape[1] - start)).to_type torch.float64
            let away = columns - columns.mean ([| 0L |], keepdim = true)
            (away * away).sum().MoveToOuterDisposeScope()

        let sums = [| for start in 0L .. width .. rows.shape[1] - 1L -> ofColumns start |]
        (Transfers.Read<float>(torch.stack sums) |> Array.sum) / float nodes.Length
