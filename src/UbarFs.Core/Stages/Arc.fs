/// Adaptive robust clipping: the longest are cut to the length of the next.
[<RequireQualifiedAccess>]
module UbarFs.Core.Arc

open System

/// ⌊(2f/m)(m − f)⌋, how many of m estimates are clipped.
let private clippedOf neighbours liars = 2 * liars * (neighbours - liars) / neighbours

/// Fewer than half, as in the original.
let private cap neighbours = (neighbours - 1) / 2

let private blends liars (standing: LocalView) (lengths: float[]) : Blending.Blend[] =
    let neighbours = lengths.Length

    if neighbours = 0 then
        [||]
    else
        let clipped = clippedOf neighbours (Liars.count liars standing.Headcount)
        // Longest first. What is not finite is infinitely long.
        let longest = lengths |> Array.sortDescending
        let radius = if clipped < neighbours then longest[clipped] else infinity

        Array.init neighbours (fun place ->
            if Double.IsFinite lengths[place] && lengths[place] > radius then
                { Blending.at place with Parts = [| place, radius / lengths[place] |] }
            else
                Blending.at place)

// κ + 2f/(m − 2f) of a rule with κ: Allouah et al. 2025.
let private kappa neighbours liars kappa =
    if 2 * liars < neighbours then
        kappa + 2.0 * float liars / float (neighbours - 2 * liars)
    else
        infinity

let stage: Component<PipelineStage> =
    settings {
        let! liars = Liars.assuming cap

        return
            Blending.stage (FromZero(blends liars))
            |> Liars.stageToleratedBy liars
            |> PipelineStage.boundedBy kappa
            // What is cut has the same length: a rule that goes by lengths has ties to decide, by the order or by rounding.
            |> PipelineStage.claiming [ Law.Scaling; Law.Mirroring; Law.Containment; Law.Fixpoint; Law.OwnApart ]
    }
    |> Define.Named "arc"
    |> Component.describedBy
        "cuts the longest to the length of the next longest"
        "> k = ⌊(2n̂/|N_i|)(|N_i| − n̂)⌋\n\
         > x_j ← min(1, τ/‖x_j‖) x_j,   τ = the length of the k + 1st longest\n\n\
         An estimate that is not finite is among the longest and stays as it is; the rule drops it. It was made for \
         gradients, whose lengths tell something: estimates have much the same length."
        "Allouah et al., adaptive gradient clipping, ICLR 2025"
