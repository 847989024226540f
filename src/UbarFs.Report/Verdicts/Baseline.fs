namespace UbarFs.Report

open UbarFs.Core
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

    /// What a group and its baseline agree in: every other setting, and the code that computed.
    let settings (group: Group) : Map<string, string> =
        group.Resolved
        |> Map.filter (fun path _ -> not (isFree path))
        |> Map.add Columns.code group.Runs.Head.Code

    /// The labels of the rules that the baseline can be, among those of a study.
    let rules (groups: Group list) : string list =
        let known = groups |> List.map (fun group -> group.Rule, group.RuleName) |> List.distinct

        groups
        |> List.collect _.Baselines
        |> List.distinct
        |> List.collect (BaselineRule.labels known)
        |> List.distinct

    // Leaving the Byzantine nodes out is the fair baseline; next are those that behave.
    let private preference (group: Group) =
        match group.AttackName with
        | "absent" -> 0
        | "none" -> 1
        | _ -> 2

    /// Finds the baselines of a study's groups.
    let among (groups: Group list) : Group -> Result<Group, NoBaseline> =
        let rules = rules groups

        // A text is sooner compared with many others than a map.
        let key group =
            settings group |> Seq.map (fun entry -> $"{entry.Key}: {entry.Value}") |> String.concat "\n"

        let attackFree = groups |> List.filter _.IsAttackFree |> List.groupBy key |> dict

        fun group ->
            let comparable =
                match attackFree.TryGetValue(key group) with
                | true, comparable -> comparable
                | false, _ -> []

            let candidates = comparable |> List.filter (fun other -> List.contains other.Rule rules)

            match comparable, candidates |> List.map _.Rule |> List.distinct with
            | [], _ -> Error NoBaseline.NothingAttackFree
            | others, [] -> Error(NoBaseline.OtherRules(others |> List.map _.Rule |> List.distinct))
            | _, [ _ ] -> Ok(List.minBy preference candidates)
            | _, several -> Error(NoBaseline.Several several)
