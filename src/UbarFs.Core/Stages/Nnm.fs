/// Nearest-neighbour mixing.
[<RequireQualifiedAccess>]
module UbarFs.Core.Nnm

open System

// An estimate that is not finite is mixed with nothing; the others never with it.
let private blends liars (standing: LocalView) (squares: float[][]) : Blending.Blend[] =
    let neighbours = standing.Neighbours
    let count = neighbours - Liars.count liars standing.Headcount

    let mixed place =
        let distances = Array.init neighbours (fun other -> squares[place + 1][other + 1])

        let nearest =
            Weighing.nearestFirst distances
            |> Array.filter ((<>) place)
            |> Array.truncate (count - 1)
            |> Array.append [| place |]
            |> Array.sort

        Blending.mean [| place |] nearest

    Array.init neighbours mixed

/// Fewer than half, as in the original.
let private cap neighbours = (neighbours - 1) / 2

// 8f/(m − f)·(κ + 1) of a rule with κ: Allouah et al., AISTATS 2023.
let private kappa neighbours liars kappa =
    if 2 * liars < neighbours then
        8.0 * float liars / float (neighbours - liars) * (kappa + 1.0)
    else
        infinity

let stage: Component<PipelineStage> =
    settings {
        let! liars = Liars.assuming cap

        return
            Blending.stage (Among(blends liars))
            |> Liars.stageToleratedBy liars
            |> PipelineStage.costing Cost.Quadratic
            |> PipelineStage.boundedBy kappa
            |> PipelineStage.claiming PipelineStage.laws
    }
    |> Define.Named "nnm"
    |> Component.describedBy
        "each becomes the mean of those nearest to it"
        "> x_j ← the mean of the |N_i| − n̂ received estimates nearest to x_j\n\n\
         x_j itself is among them, ties go to the lowest index, and n̂ is less than half of |N_i|. Behind it a rule \
         with κ has 8n̂/(|N_i| − n̂)·(κ + 1), which is of the best order there is. An estimate that is not finite is mixed \
         with nothing."
        "Allouah et al., Fixing by Mixing, AISTATS 2023"
