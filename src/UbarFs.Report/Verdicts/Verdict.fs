namespace UbarFs.Report

/// How a rule fares beside the baseline, from worst to best.
[<RequireQualifiedAccess>]
type Standing =
    | Destroyed
    | Degraded
    | AsGood

    override standing.ToString() =
        match standing with
        | AsGood -> "as good"
        | Degraded -> "degraded"
        | Destroyed -> "destroyed"

    /// A mark that needs no colour.
    member standing.Mark =
        match standing with
        | AsGood -> "●"
        | Degraded -> "◐"
        | Destroyed -> "✕"

/// What would decide where the seeds do not.
[<RequireQualifiedAccess>]
type Remedy =
    /// So many seeds in all, if further ones fall like those that there are.
    | Seeds of int
    /// More test images: seeds cannot do away with an error that they share.
    | Images
    /// The share kept lies about at a limit.
    | None

[<RequireQualifiedAccess>]
type Verdict =
    | Decided of Standing
    /// From the worst to the best that is still possible.
    | Undecided of worst: Standing * best: Standing * Remedy

    /// The standings that are possible, best first.
    member verdict.Possible: Standing list =
        let worst, best =
            match verdict with
            | Decided standing -> standing, standing
            | Undecided(worst, best, _) -> worst, best

        [ Standing.AsGood; Standing.Degraded; Standing.Destroyed ]
        |> List.filter (fun standing -> worst <= standing && standing <= best)

[<RequireQualifiedAccess>]
module Verdict =

    /// The worst and the best that an interval of the share kept and the number of destroyed seeds leave possible. A
    /// destroyed seed rules out that a rule is as good, however many others there are.
    let possible (kept: Interval) (destroyed: int) : Standing * Standing =
        let atLeast =
            if kept.Low < Comparison.destroyedBelow then
                Standing.Destroyed
            elif kept.Low < Comparison.asGoodFrom || destroyed > 0 then
                Standing.Degraded
            else
                Standing.AsGood

        let atMost =
            if kept.High < Comparison.destroyedBelow then
                Standing.Destroyed
            elif kept.High < Comparison.asGoodFrom || destroyed > 0 then
                Standing.Degraded
            else
                Standing.AsGood

        atLeast, atMost

    let private isDecided (comparison: Comparison) =
        let worst, best = possible comparison.Kept comparison.Destroyed
        comparison.Seeds >= Interval.fewest && worst = best

    // Beyond this many seeds nobody goes on.
    let private mostSeeds = 100

    // As many seeds as asked, which fall like those that there are.
    let private stretched (comparison: Comparison) count =
        let sorted = comparison.Pairs |> List.sortBy _.Kept(comparison.Chance) |> Array.ofList
        [ for index in 0 .. count - 1 -> sorted[index * sorted.Length / count] ]

    let private remedy sample (comparison: Comparison) =
        let decides sample count =
            stretched comparison count |> Comparison.ofPairs comparison.Chance sample |> isDecided

        match [ comparison.Seeds + 1 .. mostSeeds ] |> List.tryFind (decides sample) with
        | Some seeds -> Remedy.Seeds seeds
        | None when decides None mostSeeds -> Remedy.Images
        | None -> Remedy.None

    /// The verdict on a comparison that was measured on some test images.
    let ofComparison (sample: Sample option) (comparison: Comparison) : Verdict =
        let worst, best = possible comparison.Kept comparison.Destroyed

        if isDecided comparison then
            Verdict.Decided best
        else
            Verdict.Undecided(worst, best, remedy sample comparison)
