namespace UbarFs.Report

/// Verdicts and their figures in words, the same for the terminal, the page and papers.
[<RequireQualifiedAccess>]
module VerdictText =

    let private signed (number: string) = number.Replace('-', '−')

    // A small negative number is no negative zero.
    let private rounded (decimals: int) (value: float) = System.Math.Round(value, decimals) + 0.0

    let private points value = signed $"%.1f{rounded 1 (100.0 * value)}"

    // Nobody compares more digits than these.
    let private mostDecimals = 12

    /// A share kept in per cent, with as many digits as it takes to lie where it does: at or above each of the limits of
    /// verdicts, or below it.
    let share (value: float) : string =
        let liesRight shown =
            [ Comparison.asGoodFrom; Comparison.destroyedBelow ]
            |> List.forall (fun limit -> (value >= limit) = (shown >= 100.0 * limit))

        let decimals =
            [ 0..mostDecimals ]
            |> List.tryFind (fun decimals -> liesRight (rounded decimals (100.0 * value)))
            |> Option.defaultValue mostDecimals

        (rounded decimals (100.0 * value)).ToString($"F{decimals}", System.Globalization.CultureInfo.InvariantCulture)
        |> signed

    // Fewer seeds than decide anything have a range, no interval.
    let private ranged seeds show (interval: Interval) =
        let low, high = show interval.Low, show interval.High

        if seeds >= Interval.fewest then
            $"{show interval.Middle} [{low}, {high}]"
        else
            $"{show interval.Middle} ({low}, {high})"

    /// The median difference from the baseline in points, with its interval.
    let difference (comparison: Comparison) = ranged comparison.Seeds points comparison.Difference

    /// The median share kept in per cent, with its interval.
    let kept (comparison: Comparison) = ranged comparison.Seeds share comparison.Kept

    let destroyed (comparison: Comparison) = $"{comparison.Destroyed} of {comparison.Seeds}"

    let private plural count word = if count = 1 then $"1 {word}" else $"{count} {word}s"

    /// The marks of what is possible.
    let marks (verdict: Verdict) = verdict.Possible |> List.map _.Mark |> String.concat ""

    /// The verdict as one word, for programs.
    let word (judgement: Judgement) =
        match judgement with
        | Judgement.Baseline -> "baseline"
        | Judgement.NoResult state -> string state
        | Judgement.NotCompared _ -> "no baseline"
        | Judgement.Compared(_, _, Verdict.Decided standing) -> string standing
        | Judgement.Compared(_, _, Verdict.Undecided _) -> "undecided"

    /// What is possible, best first, in words.
    let possible (judgement: Judgement) =
        match judgement with
        | Judgement.Compared(_, _, verdict) -> verdict.Possible |> List.map string
        | _ -> []

    /// The verdict with its mark.
    let short (judgement: Judgement) =
        match judgement with
        | Judgement.NoResult _ -> ""
        | Judgement.Compared(_, _, Verdict.Decided standing) -> $"{standing.Mark} {standing}"
        | Judgement.Compared(_, comparison, verdict) when comparison.Seeds < Interval.fewest ->
            let count = plural comparison.Seeds "seed"
            $"({marks verdict}) {count}"
        | Judgement.Compared(_, _, verdict) -> $"{marks verdict} undecided"
        | judgement -> word judgement

    /// The verdict as words, with a backdoor that got in: accuracy says nothing of it.
    let wordsOf (judged: Judged) =
        if judged.IsBackdoored then
            $"{word judged.Judgement} (backdoored)"
        else
            word judged.Judgement

    /// The verdict with its mark, likewise.
    let shortOf (judged: Judged) =
        match short judged.Judgement with
        | "" -> ""
        | text when judged.IsBackdoored -> $"{text}, backdoored"
        | text -> text

    /// What would decide an undecided verdict.
    let remedy (judgement: Judgement) =
        match judgement with
        | Judgement.Compared(_, _, Verdict.Undecided(_, _, remedy)) ->
            match remedy with
            | Remedy.Seeds seeds -> Some $"about {seeds} seeds would decide, if further ones turn out like these"
            | Remedy.Images ->
                Some "more of the test images (measure.images) would decide: seeds do not make up for few"
            | Remedy.None -> Some "the share kept lies about at a limit: 100 seeds like these would not decide"
        | _ -> None

    /// How many seeds the figures are over, and of how many where some are missing.
    let seeds (judged: Judged) =
        let counted =
            match judged.Judgement with
            | Judgement.Compared(_, comparison, _) -> comparison.Seeds
            | _ -> judged.Group.Complete

        if counted = judged.Group.Runs.Length then
            string counted
        else
            $"{counted} of {judged.Group.Runs.Length}"

    /// The lowest seed: its worst accuracy in per cent, and its number.
    let worstSeed (group: Group) =
        match Judgement.worstSeed group with
        | Some(seed, worst) when group.Runs.Length > 1 -> $"{points worst} (seed {seed})"
        | Some(_, worst) -> points worst
        | None -> "–"
