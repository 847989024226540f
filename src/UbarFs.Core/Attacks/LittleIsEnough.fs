/// A little is enough: a shift inside the spread of the benign estimates, too small to stand out.
[<RequireQualifiedAccess>]
module UbarFs.Core.LittleIsEnough

open TorchSharp

/// Φ⁻¹, the quantile of the standard normal distribution.
let private quantile (probability: float) =
    use _ = torch.NewDisposeScope()
    sqrt 2.0 * Native.read (torch.tensor([| 2.0 * probability - 1.0 |]).erfinv())

/// z_max = Φ⁻¹((n − f − s)/(n − f)) with s = ⌊n/2 + 1⌋ − f, the benign supporters that a majority takes, at least 1.
/// It is negative while f is small; 0 where there is no benign node beyond the supporters.
let zMax n f =
    let supporters = max 1 (n / 2 + 1 - f)
    let benign = n - f

    if supporters >= benign then
        0.0
    else
        quantile (float (benign - supporters) / float benign)

/// μ − zσ for benign estimates `[n_b, d]`, in their type. σ is the standard deviation with the divisor n_b.
let vector given (benign: torch.Tensor) byzantine : torch.Tensor =
    use scope = torch.NewDisposeScope()
    let z = given |> Option.defaultWith (fun () -> zMax (int benign.shape[0] + byzantine) byzantine)
    let estimates = benign.to_type torch.float64
    let mean = estimates.mean [| 0L |]
    let deviation = (Native.square (estimates - mean)).mean([| 0L |]).sqrt()
    (mean - Native.scaled z deviation).to_type(benign.dtype).MoveToOuterDisposeScope()

let attack: Component<Behaviour> =
    settings {
        let! z =
            Setting.realOrWord "z" Interval.unbounded [ "auto" ] "auto" "deviations from the mean; 'auto': z_max"

        let given =
            match z with
            | Ok z -> Some z
            | Error _ -> None

        return Attack.by (Strategy.Omniscient(Adversary.ofBenign (vector given)))
    }
    |> Define.Named "alie"
    |> Component.describedBy
        "shifts the benign mean by a few standard deviations everywhere"
        "> x̂ = μ − zσ\n\
         > z_max = Φ⁻¹((n − f − s)/(n − f)),   s = max(1, ⌊n/2 + 1⌋ − f)\n\n\
         μ and σ are the mean and the standard deviation of the benign estimates in each coordinate; n counts all \
         nodes and f the Byzantine ones.\n\n\
         Adapted: estimates take the place of gradients, and the moments are the benign nodes' own, not those of \
         the corrupted."
        "Baruch, Baruch, Goldberg, NeurIPS 2019"
