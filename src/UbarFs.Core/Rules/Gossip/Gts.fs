/// Geometric trimmed sums: gossip without the farthest weight.
[<RequireQualifiedAccess>]
module UbarFs.Core.Gts

/// The weights without b of those of the farthest; from the one on the border in part.
let private weigh liars (standing: LocalView) (distances: float[]) : Mixing.Mix =
    let take (left: float, weights) place =
        let taken = min left standing.Weights[place]
        let weight = standing.Weights[place] - taken
        left - taken, (place, (if weight > Heaviest.tolerance then weight else 0.0)) :: weights

    let _, weights =
        Heaviest.farthestFirst distances |> Array.fold take (Heaviest.together liars standing, [])

    let weights =
        weights
        |> List.map (fun (place, weight) ->
            place,
            (if System.Double.IsFinite distances[place] then
                 weight
             else
                 0.0))

    Mixing.ofPlaces standing (1.0 - List.sumBy snd weights) weights

let rule: Component<Rule> =
    settings {
        let! liars = Liars.assuming Heaviest.cap

        return
            Mixing.rule 0.0 [ "near" ] true (FromOwn(weigh liars))
            |> Liars.toleratedBy liars
            |> Rule.claiming (Law.Weightless :: Law.Precision :: Law.ofWeightedMean)
    }
    |> Define.Named "gts"
    |> Component.describedBy
        "mixes without the farthest weight that liars could have"
        "> R = x_i + Σ_j w_j (x_j − x_i)\n\n\
         w is W without the weight b of the farthest neighbours; from the one on the border it is taken in part. b is the \
         largest weight that n̂ of the neighbours can have together. With equal weights the n̂ farthest are out, and the \
         weight of each goes to the own estimate: nna shares it among all that are kept. A circulating program keeps the \
         wrong part of the border. An estimate that is not finite counts for nothing. A node whose own estimate is not \
         finite restarts from the coordinate-wise median of the finite ones it received. α is 0."
        "Gaucher, Dieuleveut and Hendrikx, Unified Breakdown Analysis for Byzantine Robust Gossip, ICML 2025"
