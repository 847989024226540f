/// Nearest-neighbour averaging, MoNNA's rule.
[<RequireQualifiedAccess>]
module UbarFs.Core.Nna

// The own estimate is always among those that are kept.
let private cap neighbours = neighbours

/// The mean of the own estimate and the m − n̂ received ones that are nearest to it: with the own, m + 1 − n̂ in all.
let private weigh liars (standing: LocalView) (distances: float[]) : Mixing.Mix =
    let byzantine = Liars.count liars standing.Headcount
    let kept = Weighing.nearestFirst distances |> Array.truncate (standing.Neighbours - byzantine)
    let share = 1.0 / float (kept.Length + 1)
    kept |> Seq.map (fun place -> place, share) |> Mixing.ofPlaces standing share

let rule: Component<Rule> =
    settings {
        let! liars = Liars.assuming cap
        and! alpha = Setting.ratio "alpha" 0.0 "α, the further weight of the own estimate in the update"

        return
            Mixing.rule alpha [ "nearest" ] true (FromOwn(weigh liars))
            |> Liars.toleratedBy liars
            |> Rule.claiming (Law.Precision :: Law.ofWeightedMean)
    }
    |> Define.Named "nna"
    |> Component.describedBy
        "the mean of the own estimate and of those nearest to it"
        "> R = the mean of the |N_i| + 1 − n̂ estimates nearest to x_i, x_i included\n\n\
         Ties go to the lowest index. The own estimate has its part in R already, so α is 0. An estimate that is not \
         finite is never kept. A node whose own estimate is not finite restarts from the coordinate-wise median of the \
         finite ones it received."
        "Farhadkhani et al., MoNNA, ICML 2023"
