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

/// z = Φ⁻¹((n − s)/n) with the same s, as published code has it. It is positive as long as the benign nodes are the
/// majority; 0 where they are not.
let zPublished n f =
    let supporters = max 1 (n / 2 + 1 - f)

    if supporters >= n then
        0.0
    else
        quantile (float (n - supporters) / float n)

/// μ − zσ for benign estimates `[n_b, d]`, in their type. σ is the standard deviation with the divisor n_b.
let vector (z: int -> int -> float) (benign: torch.Tensor) byzantine : torch.Tensor =
    use scope = torch.NewDisposeScope()
    let z = z (int benign.shape[0] + byzantine) byzantine
    let estimates = benign.to_type torch.float64
    let mean = estimates.mean [| 0L |]
    let deviation = (Native.square (estimates - mean)).mean([| 0L |]).sqrt()
    (mean - Native.scaled z deviation).to_type(benign.dtype).MoveToOuterDisposeScope()

/// A shift of fewer deviations is hardly one.
let private least = 0.1

let private feebleInNetwork (z: int -> int -> float) (network: Network) =
    let n = (Network.workers network).Length
    let f = n - (Network.benign network).Length
    let z = z n f

    if f > 0 && abs z < least then
        let z = System.Math.Round(z, 3).ToString System.Globalization.CultureInfo.InvariantCulture
        Some $"z is {z} with {f} of {n} nodes Byzantine, so that it sends next to the benign mean; 1.5 is common"
    else
        None

let private feebleAround (z: int -> int -> float) (network: Network) =
    let told =
        Network.benign network
        |> Array.map (fun node -> (Network.around network node).Length, Network.byzantineNeighbours network node)
        |> Array.filter (fun (_, byzantine) -> byzantine > 0)

    match told |> Array.filter (fun (benign, byzantine) -> abs (z (benign + byzantine) byzantine) < least) with
    | [||] -> None
    | feeble ->
        Some
            $"|z| is below {least} at {feeble.Length} of {told.Length} benign nodes with Byzantine neighbours, which hear \
              next to their benign mean; 1.5 is common"

let private feebleness scope =
    match scope with
    | Scope.Network -> feebleInNetwork
    | Scope.Neighbourhood -> feebleAround

let attack: Component<Behaviour> =
    settings {
        let! z =
            Setting.numberOrWord
                "z"
                Interval.unbounded
                [ "baruch"; "published" ]
                1.5
                "z, deviations from the mean, or the formula that it follows from"

        and! scope = Scope.setting
        let strategy z = Strategy.Omniscient(Scope.ofEstimates scope (vector z))
        let given z = fun (_: int) (_: int) -> z
        let ofStrength = Attack.ofStrength "z" (0.0, 5.0) (given >> strategy)

        let following formula =
            { ofStrength 0.0 with
                Strategy = strategy formula
                Feebleness = feebleness scope formula }

        return
            match z with
            | Ok z -> { ofStrength z with Feebleness = feebleness scope (given z) }
            | Error "published" -> following zPublished
            | Error _ -> following zMax
    }
    |> Define.Named "alie"
    |> Component.describedBy
        "shifts the benign mean by a few standard deviations everywhere"
        "> x̂ = μ − zσ\n\
         > baruch:     z = Φ⁻¹((n − f − s)/(n − f)),   s = max(1, ⌊n/2 + 1⌋ − f)\n\
         > published:  z = Φ⁻¹((n − s)/n)\n\n\
         μ and σ are the mean and the standard deviation (with the divisor n_b) of the benign estimates in each \
         coordinate; n counts all nodes and f the Byzantine ones, of the network or, with `scope: neighbourhood`, of \
         each receiver and its neighbours.\n\n\
         Where sources differ: the paper's formula, `baruch`, has z = 0 or less while f is small, and the attack then \
         sends the benign mean or helps. Published code often has (n − s)/n instead, which is larger, or a fixed number; \
         1.5 is the default here. `ubarfs check` says where |z| is below 0.1.\n\n\
         Adapted: estimates take the place of gradients, and the moments are the benign nodes' own, not those of \
         the corrupted."
        "Baruch, Baruch, Goldberg, NeurIPS 2019"
