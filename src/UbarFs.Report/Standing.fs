namespace UbarFs.Report

/// How a rule fares, by the worst benign node.
[<RequireQualifiedAccess>]
type Standing =
    | AsGood
    | Degraded
    | Destroyed
    /// Nothing is complete, or there is nothing to compare with.
    | Unknown

    override verdict.ToString() =
        match verdict with
        | AsGood -> "as good"
        | Degraded -> "degraded"
        | Destroyed -> "destroyed"
        | Unknown -> "none"

    /// A mark that needs no colour.
    member verdict.Mark =
        match verdict with
        | AsGood -> "●"
        | Degraded -> "◐"
        | Destroyed -> "✕"
        | Unknown -> "–"

/// What a group is compared with.
type Reference =
    {
        Group: Group
        /// Whether it is a baseline: nobody lies in it.
        IsBaseline: bool
    }

/// Verdicts: how much of what the reference has learned beyond guessing a rule keeps. With the worst accuracy a of a
/// rule, b of the reference and c of guessing, the share kept is (a − c)/(b − c).
[<RequireQualifiedAccess>]
module Standing =

    /// From this share kept on a rule is as good as the reference.
    let asGoodFrom = 0.95

    /// Below this share kept a rule is destroyed.
    let destroyedBelow = 0.25

    // A reference this near to guessing has learned nothing to compare with.
    let private margin = 0.05

    let private isOfAttack (path: string) = path = "attack" || path.StartsWith "attack."

    let private alike (one: Group) (other: Group) =
        let common = Set.intersect (Set.ofList one.Settings) (Set.ofList other.Settings)
        common |> Set.filter (fst >> isOfAttack >> not) |> Set.count

    let private worst (group: Group) = group.Worst |> Option.map _.Mean |> Option.defaultValue -1.0

    let private sameTask (one: Group) (other: Group) =
        let task (group: Group) = group.Runs.Head.Identity.Dataset, group.Runs.Head.Identity.Model
        task one = task other

    // The settings nearest to the group's; then the paper's baseline, averaging; then whatever is best.
    let private nearest (group: Group) (candidates: Group list) =
        match candidates with
        | [] -> None
        | candidates ->
            candidates
            |> List.maxBy (fun other -> alike group other, other.Attack = "absent", other.Rule = "average", worst other)
            |> Some

    /// What a group is compared with: the attack-free run of averaging, the paper's baseline, that shares its
    /// settings, or of the best rule where averaging is not in the study. Without any attack-free runs it is the best
    /// rule at the same settings.
    let reference (groups: Group list) (group: Group) : Reference option =
        let comparable = groups |> List.filter (fun other -> other.Worst.IsSome && sameTask group other)

        match nearest group (comparable |> List.filter _.IsAttackFree) with
        | Some baseline -> Some { Group = baseline; IsBaseline = true }
        | None ->
            match comparable |> List.filter (fun other -> other.Settings = group.Settings) with
            // A rule alone is as good as itself, which says nothing.
            | []
            | [ _ ] -> None
            | same -> Some { Group = List.maxBy worst same; IsBaseline = false }

    /// How a worst accuracy compares with the reference's, given the accuracy of guessing.
    let judge (chance: float) (reference: float) (worst: float) : Standing =
        if reference - chance < margin then
            Standing.Unknown
        else
            let kept = (worst - chance) / (reference - chance)

            if kept >= asGoodFrom then Standing.AsGood
            elif kept < destroyedBelow then Standing.Destroyed
            else Standing.Degraded

    /// The verdict on a group among those of its study.
    let ofGroup (groups: Group list) (group: Group) : Standing =
        match group.Worst, reference groups group with
        | Some worst, Some { Group = { Worst = Some best }; IsBaseline = isBaseline } ->
            match judge group.Chance best.Mean worst.Mean with
            | Standing.Unknown when not isBaseline -> Standing.Destroyed
            | verdict -> verdict
        | _ -> Standing.Unknown

    /// What the marks mean in a study, in lines for a terminal.
    let definition (groups: Group list) : string list =
        let isBaseline (group: Group) = group.IsAttackFree && group.Rule = "average"

        let reference =
            if List.exists isBaseline groups then
                "the baseline: averaging without an attack at the same settings"
            elif groups |> List.exists _.IsAttackFree then
                "the baseline: the best rule without an attack at the same settings"
            else
                "the best rule at the same settings: no runs are free of attacks"

        [ $"Compared with {reference}."
          $"● as good: keeps at least %.0f{100.0 * asGoodFrom} %% of what that has learned beyond guessing"
          $"◐ degraded: keeps less; ✕ destroyed: keeps less than %.0f{100.0 * destroyedBelow} %%" ]
