/// BRIDGE and SLSGD: means without the extreme values of every coordinate.
[<RequireQualifiedAccess>]
module UbarFs.Core.Trimmed

open TorchSharp
open UbarFs.Kernels.Estimates

/// A value has to be left of m after trimming n̂ at both ends.
let private cap neighbours = (neighbours - 1) / 2

/// 6f/(m − 2f)·(1 + f/(m − 2f)) for the coordinate-wise mean of the f-trimmed received values: Allouah et al., "Fixing
/// by Mixing", AISTATS 2023. The own value in the mean is not covered: it can be far from all that was received.
let private kappa neighbours byzantine =
    if 2 * byzantine < neighbours then
        let excess = float byzantine / float (neighbours - 2 * byzantine)
        6.0 * excess * (1.0 + excess)
    else
        infinity

/// What becomes of the own value, if the own estimate is finite.
[<RequireQualifiedAccess>]
type private Own =
    /// It joins what is left of the received ones.
    | Joins
    /// It joins the received ones, and is trimmed with them.
    | Screened
    | Left

/// Per coordinate, the mean of the n̂-trimmed received values, and of the own value if it takes part. An own estimate
/// that is not finite does not.
let private reference byzantine own (view: View) =
    use scope = torch.NewDisposeScope()
    let byzantine: int = byzantine view
    let trimmed values = OrderStatistics.trimmed byzantine (OrderStatistics.sorted values)
    let row () = view.Own.unsqueeze 0L

    let values =
        match own with
        | Own.Joins when Estimate.isFinite view.Own ->
            torch.cat ([| trimmed view.Received; row().to_type torch.float64 |], 0L)
        | Own.Screened when Estimate.isFinite view.Own -> trimmed (torch.cat ([| view.Received; row () |], 0L))
        | Own.Joins
        | Own.Screened
        | Own.Left -> trimmed view.Received

    Aggregate.ofEstimate ((Estimate.mean values).to_type(view.Received.dtype).MoveToOuterDisposeScope())

let private network trims own (view: NetworkView) =
    let extra =
        match own with
        | Own.Joins -> view.Own
        | Own.Screened
        | Own.Left -> Array.map (fun _ -> TrimmedMeans.Nobody) view.Own

    let lists =
        match own with
        | Own.Screened -> NetworkView.withFiniteOwn view
        | Own.Joins
        | Own.Left -> view.Received.Lists

    view
    |> NetworkView.combined (fun lists -> view.Rows.TrimmedMeans(view.Pool, lists, trims, extra)) lists
    |> NetworkView.withoutStages view

let private claims =
    [ Law.NeighbourOrder
      Law.Translation
      Law.Scaling
      Law.CoordinateRange
      Law.Containment
      Law.Fixpoint
      Law.Mirroring
      Law.Precision ]

let private rule liars alpha own =
    let ofNetwork (view: NetworkView) = network (Liars.ofNetwork liars view) own view

    let rule =
        Rule.aggregating alpha (reference (Liars.ofView liars) own)
        |> Rule.allAtOnce ofNetwork
        |> Liars.toleratedBy liars
        |> Rule.claiming claims

    match own with
    | Own.Joins
    | Own.Screened -> rule
    | Own.Left -> rule |> Rule.claiming (Law.OwnApart :: rule.Claims) |> Rule.boundedBy kappa

let bridge: Component<Rule> =
    settings {
        let! liars = Liars.settingWithCentral cap 0.5
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        and! own =
            Setting.choice
                "own"
                [ "true"; "false"; "screened" ]
                "true"
                "what becomes of the own value: true: it joins the mean untrimmed, as in BRIDGE's definition; false: it \
                 takes no part; screened: it is trimmed together with the received ones, as in the authors' programs"

        let own =
            match own with
            | "true" -> Own.Joins
            | "screened" -> Own.Screened
            | _ -> Own.Left

        return rule liars alpha own
    }
    |> Define.Named "bridge"
    |> Component.describedBy
        "per coordinate, averages the own value and the trimmed rest"
        "> R[c] = (x_i[c] + Σ_{j ∈ N*_i(c)} x_j[c]) / (|N_i| − 2n̂ + 1)\n\
         > n̂ = min(⌈|N_i|·min(1−ρ, ρ_central)⌉, ⌊(|N_i|−1)/2⌋)\n\n\
         N*_i(c) is N_i without the n̂ smallest and the n̂ largest values of coordinate c. The own value takes part \
         untrimmed, as in BRIDGE's definition; `own: false` leaves it out, and then the rule is dmedian wherever n̂ \
         is at its cap. With `own: screened` the n̂ smallest and the n̂ largest of all |N_i| + 1 values are dropped, \
         the own one among them or not, and R[c] is the mean of the |N_i| + 1 − 2n̂ others: so do the authors' \
         programs. NaN counts as +∞. An own estimate that is not finite takes no part."
        "Yang and Bajwa, BRIDGE, arXiv 1908.08098; UBAR paper, section VI-A and equation 13"

/// SLSGD's server keeps a moving average of the global model and of what it aggregates, x ← (1−a)x + a·Trmean. A node
/// has no server: its own estimate is the moving average, and the weights are those of equation 2 with α = 1−a.
let slsgd: Component<Rule> =
    settings {
        let! liars = Liars.settingWithCentral cap 0.5

        and! average =
            Setting.ratio
                "moving-average"
                0.5
                "the weight a of the trimmed mean in the moving average (SLSGD calls it α); the own estimate has 1−a"

        return rule liars (1.0 - average) Own.Left
    }
    |> Define.Named "slsgd"
    |> Component.describedBy
        "a moving average of trimmed means"
        "> R[c] = mean{x_j[c], j ∈ N_i} without the n̂ smallest and the n̂ largest\n\
         > x' = (1−a)x + aR − λ∇l\n\n\
         n̂ is that of bridge, and NaN counts as +∞.\n\n\
         Adapted: SLSGD's server averages its global model over time; a node has no server, so its own estimate is \
         the moving average, and a does not fade."
        "Xie, Koyejo and Gupta, SLSGD, ECML PKDD 2019"

/// The plain trimmed mean of what came in, with the number of liars as papers of today give it.
let trimmedMean: Component<Rule> =
    settings {
        let! liars = Liars.assuming cap
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha (reference (Liars.ofView liars) Own.Left)
            |> Rule.allAtOnce (fun view -> network (Liars.ofNetwork liars view) Own.Left view)
            |> Liars.toleratedBy liars
            |> Rule.boundedBy kappa
            |> Rule.claiming (Law.OwnApart :: claims)
    }
    |> Define.Named "trimmed-mean"
    |> Component.describedBy
        "per coordinate, the mean without the extreme values"
        "> R[c] = mean{x_j[c], j ∈ N_i} without the n̂ smallest and the n̂ largest\n\
         > n̂ ≤ ⌊(|N_i| − 1)/2⌋\n\n\
         NaN counts as +∞. bridge with `own: false` is the same with n̂ from ρ."
        "Yin et al., ICML 2018"
