/// The hidden vulnerability of distance-based rules: far off in one direction, yet what Krum picks.
[<RequireQualifiedAccess>]
module UbarFs.Core.Mhamdi

open TorchSharp

/// The direction e of a γ·e attack.
[<RequireQualifiedAccess>]
type Direction =
    /// (1, …, 1)/√d
    | Dense
    /// The unit vector of one coordinate; of the last one where there are fewer.
    | Coordinate of int

let private unit direction (estimates: torch.Tensor) =
    let d = estimates.shape[1]

    match direction with
    | Direction.Dense -> torch.ones (d, torch.float64, estimates.device) |> Native.scaled (1.0 / sqrt (float d))
    | Direction.Coordinate index ->
        let index = torch.tensor ([| min (int64 index) (d - 1L) |], device = estimates.device)
        torch.nn.functional.one_hot(index, d).squeeze(0L).to_type torch.float64

// γ from their mean for benign estimates `[n_b, d]` and n_f Byzantine nodes: the largest for which Krum over everything
// sent, with f = n_f, picks a Byzantine copy, and never more than the cap.
let private gammaFrom (mean: torch.Tensor) (along: torch.Tensor) cap (benign: torch.Tensor) byzantine : float =
    let count = KrumLine.count (int benign.shape[0] + byzantine) byzantine

    if KrumLine.isUnbounded byzantine count then
        cap
    else
        KrumLine.create mean along benign byzantine count |> KrumLine.largest |> min cap

/// γ along a direction: the largest for which Krum picks a Byzantine copy, and never more than the cap.
let gamma direction cap (benign: torch.Tensor) byzantine : float =
    use _ = torch.NewDisposeScope()
    let mean = benign.mean ([| 0L |], ``type`` = torch.float64)
    gammaFrom mean (unit direction benign) cap benign byzantine

/// x̂ = x̄ + γe for benign estimates `[n_b, d]`, in their type; γ is searched for when it is not given.
let vector direction cap given (benign: torch.Tensor) byzantine : torch.Tensor =
    use scope = torch.NewDisposeScope()
    let mean, along = benign.mean ([| 0L |], ``type`` = torch.float64), unit direction benign
    let gamma = given |> Option.defaultWith (fun () -> gammaFrom mean along cap benign byzantine)
    (Native.sum mean (Native.scaled gamma along)).to_type(benign.dtype).MoveToOuterDisposeScope()

let attack: Component<Behaviour> =
    settings {
        let! direction =
            Setting.choice "direction" [ "dense"; "coordinate" ] "dense" "e: all coordinates alike, or one"

        and! coordinate =
            Setting.whole "coordinate" 0 System.Int32.MaxValue 0 "the coordinate, from 0, that the direction means"

        and! gamma =
            Setting.realOrWord "gamma" Interval.nonNegative [ "search" ] "search" "γ, or 'search' for the largest"

        and! cap =
            Setting.real "cap" Interval.positive 1048576.0 "the largest γ; it applies where Krum sets no bound"

        and! scope = Scope.setting

        let direction =
            match direction with
            | "coordinate" -> Direction.Coordinate coordinate
            | _ -> Direction.Dense

        let at given = Strategy.Omniscient(Scope.ofEstimates scope (vector direction cap given))
        let ofStrength = Attack.ofStrength "gamma" (0.0, 100.0) (Some >> at)

        return
            match gamma with
            | Ok gamma -> ofStrength gamma
            | Error _ -> { ofStrength 0.0 with Strategy = at None }
    }
    |> Define.Named "mhamdi"
    |> Component.describedBy
        "as far from the benign mean as Krum lets it, in one direction"
        "> x̂ = x̄ + γe,   e = (1, …, 1)/√d, or the unit vector of one coordinate\n\n\
         x̄ is the mean of all benign estimates, or of those that `scope` says. γ is the largest for which \
         Krum with f = n_f, over all benign estimates and n_f copies of x̂, still picks a copy. Krum counts the n − f − 2 \
         nearest, at least 1; where the copies alone fill these (n_f ≥ n_b − 1), γ is the cap.\n\n\
         Adapted: the source attacks gradients in one coordinate of a parameter server; here estimates of the whole \
         network take their place."
        "El Mhamdi, Guerraoui, Rouault, ICML 2018; UBAR paper, section VI-C"
