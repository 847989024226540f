/// DKrum and Multi-Krum: the estimates that are closest to most others.
[<RequireQualifiedAccess>]
module UbarFs.Core.Krum

open System

/// Krum needs 2n̂ + 2 < m.
let private cap neighbours = (neighbours - 3) / 2

/// How many others a score sums over, besides what exists: Krum's m − n̂ − 2, or m − n̂ + 2 as the paper prints it.
[<RequireQualifiedAccess>]
type private Closest =
    | Krum
    | Paper

let private closestOthers closest byzantine neighbours =
    match closest with
    | Closest.Krum -> max 1 (neighbours - byzantine - 2)
    | Closest.Paper -> neighbours - byzantine + 2

/// κ of Krum and Multi-Krum for scores over q = m − f − 2 others. Krum in Allouah et al., "Fixing by Mixing" (AISTATS
/// 2023), sums over m − f − 1 others, which gives 6(1 + f/(m − 2f)); this is the same argument for q others. With
/// h = m − f honest estimates of mean μ and variance V, an average honest score, and so the best one, is at most
/// 2Vhq/(h − 1), and at least q + 1 − f of the estimates near the picked one are honest: for every t > 0,
/// (q + 1 − f)·‖R − μ‖² ≤ (1 + t)·2Vhq/(h − 1) + (1 + 1/t)·hV. The mean of up to h picks does no worse.
let private kappa neighbours byzantine =
    let honest = neighbours - byzantine
    let closest = min (neighbours - 1) (closestOthers Closest.Krum byzantine neighbours)
    let honestNear = closest + 1 - byzantine

    if honestNear < 1 then
        infinity
    elif closest = 0 then
        0.0
    else
        let spread = 1.0 + sqrt (2.0 * float closest / float (honest - 1))
        spread * spread * float honest / float honestNear

/// R = the mean of the rows with the best scores, as many as `keep` says for n̂ and m.
let private reference stage liars closest (keep: int -> int -> int) (view: View) =
    let neighbours = int view.Received.shape[0]
    let byzantine = Liars.ofView liars view
    let closest = closestOthers closest byzantine neighbours
    let candidates = KrumScores.candidates view.Received
    let squares = KrumScores.squares closest candidates view.Received

    match
        KrumScores.ranked squares closest [| 0 .. neighbours - 1 |] candidates
        |> Array.truncate (keep byzantine neighbours)
    with
    | [||] -> Aggregate.ofSelection stage [||] (view.Own.clone ())
    | best ->
        let kept = Array.sort best
        Aggregate.ofSelection stage kept (Estimate.meanOf kept view.Received)

let private network liars closest (keep: int -> int -> int) (view: NetworkView) =
    let best byzantine (candidates, squares: float[][]) =
        let neighbours = squares.Length
        let closest = closestOthers closest byzantine neighbours

        KrumScores.ranked squares closest [| 0 .. neighbours - 1 |] candidates
        |> Array.truncate (keep byzantine neighbours)
        |> Array.sort

    let kept =
        NetworkView.selectionOf (Array.map2 best (Liars.ofNetwork liars view) (KrumScores.ofNetwork view)) view

    view |> NetworkView.meansOf kept |> NetworkView.withStages [ kept ] view

let private claims = (Law.OwnApart :: Law.MeanOfKept :: Law.Precision :: Law.ofWeightedMean)

let private closestSetting =
    Setting.choice
        "closest"
        [ "krum"; "paper" ]
        "krum"
        "how many closest others a score sums over: |N|−n̂−2 (Krum's definition) or |N|−n̂+2 (as the UBAR paper prints \
         it), or all others if there are fewer; at least 1"

let private rule stage liars alpha closest keep =
    let closest = if closest = "paper" then Closest.Paper else Closest.Krum

    let rule =
        Rule.aggregating alpha (reference stage liars closest keep)
        |> Rule.allAtOnce (network liars closest keep)
        |> Rule.selecting [ stage ]
        |> Rule.costing Cost.Quadratic
        |> Liars.toleratedBy liars
        |> Rule.claiming claims

    match closest with
    | Closest.Krum -> Rule.boundedBy kappa rule
    | Closest.Paper -> rule

let dkrum: Component<Rule> =
    settings {
        let! liars = Liars.settingWithCentral cap 0.5
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"
        and! closest = closestSetting
        return rule "krum" liars alpha closest (fun _ _ -> 1)
    }
    |> Define.Named "dkrum"
    |> Component.describedBy
        "the received estimate that is closest to most of the others"
        "> R = x_j*,   j* = argmin_j s(j),   s(j) = Σ_{j→j'} ‖x_j − x_j'‖²\n\
         > n̂ = min(⌈|N_i|·min(1−ρ, ρ_central)⌉, ⌊(|N_i|−3)/2⌋)\n\n\
         j→j' are the |N_i|−n̂−2 received estimates closest to x_j, at least one: Krum's definition. The UBAR paper \
         prints |N_i|−n̂+2, which is `closest: paper`. Ties go to the lowest index. The own estimate plays no part. \
         n̂ is equation 13, capped at what Krum is defined for, 2n̂ + 2 < |N_i|. Distances are computed in float64. \
         An estimate that is not finite is infinitely far from all others and never picked; if no other is left, R \
         = x_i."
        "UBAR paper, section VI-A and equation 13; Blanchard et al., NeurIPS 2017"

let multiKrum: Component<Rule> =
    settings {
        let! liars = Liars.settingWithCentral cap 0.5
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"
        and! closest = closestSetting

        and! keep =
            Setting.realOrWord
                "keep"
                { Interval.positive with Low = 1.0; LowClosed = true }
                [ "benign" ]
                "benign"
                "how many of the best estimates are averaged (a fraction is rounded down): 'benign' for |N|−n̂, which \
                 is also the most"

        let keep byzantine neighbours =
            match keep with
            | Ok count when count < float (neighbours - byzantine) -> int count
            | _ -> neighbours - byzantine

        return rule "multi-krum" liars alpha closest keep
    }
    |> Define.Named "multi-krum"
    |> Component.describedBy
        "the mean of the estimates with the best Krum scores"
        "> R = (1/c) Σ x_j over the c smallest scores s(j),   c = |N_i| − n̂\n\n\
         s(j), n̂, ties and what is not finite are those of dkrum. The default c is the m = n − f of Blanchard et \
         al.; with `keep: 1` it is dkrum."
        "Blanchard et al., NeurIPS 2017, Multi-Krum"
