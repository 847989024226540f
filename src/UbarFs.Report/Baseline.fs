namespace UbarFs.Report

open UbarFs.Scenario

/// Why a group is not compared with anything.
[<RequireQualifiedAccess>]
type NoBaseline =
    /// Nobody ran anything without an attack at the group's settings.
    | NothingAttackFree
    /// The baseline's rule was not run without an attack there; these rules were.
    | OtherRules of rules: string list
    /// Several rules are meant.
    | Several of rules: string list
    /// The baseline has no complete run.
    | Incomplete
    /// No seed is complete on both sides.
    | NoCommonSeed
    /// In these seeds the baseline is too near to guessing.
    | LearnedTooLittle of seeds: int64 list

/// What groups are compared with: the attack-free runs of one rule, chosen beforehand, that agree with a group in every
/// setting but rule and attack. No result has a say in it.
[<RequireQualifiedAccess>]
module Baseline =

    let private isOf name (path: string) = path = name || path.StartsWith(name + ".")

    /// Whether a baseline may differ in a setting: in rule and attack, their code, and the seed.
    let isFree (path: string) = isOf "rule" path || isOf "attack" path || path = "seed"

    /// The settings in which a group and its baseline agree.
    let settings (group: Group) : Map<string, string> =
        let resolved =
            group.Runs
            |> List.tryPick (fun run ->
                if run.Outcome.Settings.IsEmpty then
                    None
                else
                    Some run.Outcome.Settings)

        match resolved with
        | Some settings -> settings |> Map.filter (fun path _ -> not (isFree path))
        | None ->
            let identity = group.Runs.Head.Identity

            ("data.dataset", identity.Dataset) :: ("model", identity.Model) :: group.Settings
            |> List.filter (fst >> isFree >> not)
            |> Map.ofList

    // A label begins with the name.
    let private nameOf (label: string) = (label.Split " (")[0]

    /// The labels of the rules that the baseline can be, among those of a study.
    let rules (groups: Group list) : string list =
        let known = groups |> List.map (fun group -> group.Rule, nameOf group.Rule) |> List.distinct

        groups
        |> List.collect _.Baselines
        |> List.distinct
        |> List.collect (BaselineRule.labels known)
        |> List.distinct

    // Leaving the Byzantine nodes out is the fair baseline; next are those that behave.
    let private preference (group: Group) =
        match group.Attack with
        | "absent" -> 0
        | "none" -> 1
        | _ -> 2

    /// Finds the baselines of a study's groups.
    let among (groups: Group list) : Group -> Result<Group, NoBaseline> =
        let rules = rules groups

        let attackFree =
            groups
            |> List.filter _.IsAttackFree
            |> List.groupBy settings
            |> Map.ofList

        fun group ->
            let comparable = attackFree |> Map.tryFind (settings group) |> Option.defaultValue []
            let candidates = comparable |> List.filter (fun other -> List.contains other.Rule rules)

            match comparable, candidates |> List.map _.Rule |> List.distinct with
            | [], _ -> Error NoBaseline.NothingAttackFree
            | others, [] -> Error(NoBaseline.OtherRules(others |> List.map _.Rule |> List.distinct))
            | _, [ _ ] -> Ok(List.minBy preference candidates)
            | _, several -> Error(NoBaseline.Several several)
