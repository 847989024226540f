/// ClippedGossip, CS+ and RTC: nobody moves a node farther than a radius.
[<RequireQualifiedAccess>]
module UbarFs.Core.ClippedGossip

open System

/// x_i + Σ_j W_ij clip(x_j − x_i, τ_j), with a radius for each place. What is infinitely far counts for nothing.
let private clipped (standing: LocalView) (distances: float[]) (radius: int -> float) : Mixing.Mix =
    let weight place =
        let distance, radius = distances[place], radius place

        if not (Double.IsFinite distance) then
            0.0
        elif distance > radius then
            standing.Weights[place] * (radius / distance)
        else
            standing.Weights[place]

    let weights = Array.init standing.Neighbours weight
    { Received = weights; Own = 1.0 - Array.sum weights }

/// τ with τ² = (1/b) Σ W_ij ‖x_j − x_i‖² over some places.
let private adaptive (standing: LocalView) b (distances: float[]) (places: int[]) =
    places
    |> Array.filter (fun place -> Double.IsFinite distances[place])
    |> Array.sumBy (fun place -> standing.Weights[place] * distances[place] * distances[place])
    |> fun sum -> sqrt (sum / b)

let private claims = (Law.Precision :: Law.ofWeightedMean)

let private made liars weigh laws =
    Mixing.rule 0.0 [] true (FromOwn weigh) |> Liars.toleratedBy liars |> Rule.claiming laws

let private common =
    "An estimate that is not finite counts for nothing, and its weight is the own estimate's. A node whose own estimate is \
     not finite restarts from the coordinate-wise median of the finite ones it received. W is network.weights; b is the \
     largest weight that n̂ of the neighbours can have together. The own estimate has its part in R already: α is 0."

let clippedGossip: Component<Rule> =
    settings {
        let! radius =
            Setting.realOrWord
                "radius"
                Interval.positive
                [ "adaptive" ]
                "adaptive"
                "τ: a number, or 'adaptive' as below"

        and! liars = Liars.assuming Heaviest.cap

        let weigh (standing: LocalView) (distances: float[]) =
            match radius with
            | Ok radius -> clipped standing distances (fun _ -> radius)
            | Error _ ->
                let b = Heaviest.together liars standing
                let _, rest = Heaviest.split standing b distances

                let radius =
                    if b > 0.0 then
                        adaptive standing b distances rest
                    else
                        infinity

                clipped standing distances (fun _ -> radius)

        return
            made
                liars
                weigh
                (match radius with
                 | Ok _ -> Law.Weightless :: List.except [ Law.Scaling ] claims
                 | Error _ -> Law.Weightless :: claims)
    }
    |> Define.Named "clipped-gossip"
    |> Component.describedBy
        "mixes with every difference cut to a radius"
        $"> R = x_i + Σ_j W_ij min(1, τ/‖x_j − x_i‖)(x_j − x_i)\n\
          > adaptive: τ² = (1/b) Σ_rest W_ij ‖x_j − x_i‖²\n\n\
          The rest is what is left without the farthest neighbours, as long as their weights together are at most b. With b \
          = 0 nothing is clipped. {common}"
        "He, Karimireddy and Jaggi, Byzantine-Robust Decentralized Learning via ClippedGossip, 2022 (arXiv:2202.01545)"

let csPlus: Component<Rule> =
    settings {
        let! liars = Liars.assuming Heaviest.cap

        let weigh (standing: LocalView) (distances: float[]) =
            let b = Heaviest.together liars standing

            if b <= 0.0 then
                clipped standing distances (fun _ -> infinity)
            else
                let places = Heaviest.farthestFirst distances

                let count =
                    places
                    |> Array.scan (fun weight place -> weight + standing.Weights[place]) 0.0
                    |> Array.tryFindIndex (fun weight -> weight >= 2.0 * b - Heaviest.tolerance)
                    |> Option.defaultValue places.Length

                let radius =
                    places
                    |> Array.tryItem count
                    |> Option.map (fun place -> distances[place])
                    |> Option.defaultValue 0.0

                clipped standing distances (fun _ -> radius)

        return made liars weigh claims
    }
    |> Define.Named "cs-plus"
    |> Component.describedBy
        "mixes with the farthest differences cut to the next one"
        $"> R = x_i + Σ_j W_ij min(1, τ/‖x_j − x_i‖)(x_j − x_i)\n\n\
          The smallest set of farthest neighbours whose weight is at least 2b is clipped to τ, the distance of the farthest \
          of the others; 0 if there is none. With b = 0 nothing is clipped. {common}"
        "Gaucher, Dieuleveut and Hendrikx, Unified Breakdown Analysis for Byzantine Robust Gossip, ICML 2025"

let rtc: Component<Rule> =
    settings {
        let! liars = Liars.assuming Heaviest.cap

        let weigh (standing: LocalView) (distances: float[]) =
            let b = Heaviest.together liars standing
            let removed, kept = Heaviest.split standing b distances

            let radius =
                if b > 0.0 then
                    adaptive standing b distances kept
                else
                    infinity

            let removed = Set.ofArray removed
            clipped standing distances (fun place -> if removed.Contains place && b > 0.0 then 0.0 else radius)

        return made liars weigh (Law.Weightless :: claims)
    }
    |> Define.Named "rtc"
    |> Component.describedBy
        "removes the farthest, then cuts the rest to a radius"
        $"> R = x_i + Σ_kept W_ij min(1, τ/‖x_j − x_i‖)(x_j − x_i)\n\
          > τ² = (1/b) Σ_kept W_ij ‖x_j − x_i‖²\n\n\
          The farthest neighbours are removed as long as their weights together are at most b; they count as x_i. A \
          circulating program clips by τ²/‖x_j − x_i‖², which contradicts the definition of clipping. {common}"
        "Yang and Ghaderi, Byzantine-Robust Decentralized Learning via Remove-then-Clip Aggregation, AAAI 2024"
