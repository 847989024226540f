// All Byzantine nodes send the benign estimate that is farthest from the benign mean, or one farther still.
//
//   attack: { script: outlier.fsx, with: { stretch: 2 } }

open TorchSharp
open UbarFs.Core

/// x̄ + s(x_j − x̄) for the j that is farthest from x̄, out of the benign estimates `[n_b, d]`.
let private stretched stretch (benign: torch.Tensor) =
    let mean = Estimate.mean benign
    let distances = Estimate.distances mean benign
    let farthest = distances |> Array.indexed |> Array.maxBy snd |> fst
    mean + stretch * (benign[int64 farthest] - mean)

let attack =
    settings {
        let! stretch =
            Setting.real "stretch" Interval.nonNegative 1.0 "s; 1 sends an estimate that a benign node has"

        return Adversary.ofBenign (fun benign _ -> stretched stretch benign) |> Strategy.Omniscient |> Attack.by
    }
