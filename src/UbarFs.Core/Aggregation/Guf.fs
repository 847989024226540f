namespace UbarFs.Core

open TorchSharp

/// The general update function, equation 2: x' = αx + (1−α)R − λ∇l(x, ξ).
[<RequireQualifiedAccess>]
module Guf =

    /// One node's update. `own`, `aggregated` and `gradient` are `[d]`.
    ///
    /// A node whose own estimate is not finite restarts from what it aggregated: x' = R. Its own estimate and its
    /// gradient are worth nothing, and any other weight would keep it lost for ever.
    let step (alpha: float) (rate: float) (own: torch.Tensor) (aggregated: torch.Tensor) (gradient: torch.Tensor) =
        if Estimate.isFinite own then
            Native.sum (Native.scaled alpha own) (Native.scaled (1.0 - alpha) aggregated)
            - Native.scaled rate gradient
        else
            aggregated.clone ()
