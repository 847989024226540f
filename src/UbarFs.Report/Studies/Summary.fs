namespace UbarFs.Report

open UbarFs.Engine

/// A figure over repetitions.
type Spread =
    {
        Mean: float
        /// Sample standard deviation; none for a single value.
        Deviation: float option
    }

/// An evaluation over repetitions.
type CurvePoint =
    {
        Epoch: float
        Iteration: int
        Mean: float
        Lowest: float
        Highest: float
        /// How many have got there: the figures are over these.
        Seeds: int
    }

/// The runs of a study that differ in nothing but their seed, taken together. Groups that differ have other settings,
/// another rule or another attack, in words, too.
type Group =
    {
        /// What sets the group apart beside its rule: the paths in which runs differ, and their values in words.
        Settings: (string * string) list
        /// What the rule and the attack are called: different ones of a study have different names.
        Rule: string
        Attack: string
        /// What the study calls the rule that the others are compared with.
        Baselines: string list
        Runs: StudyRun list
        /// How many of the runs are complete; the figures are over these.
        Complete: int
        /// The first reason that a run is not.
        Problem: string option
        Worst: Spread option
        Mean: Spread option
        Best: Spread option
        /// The mean success rate of a backdoor, where there is one.
        Success: Spread option
        /// Total time of the complete runs.
        Seconds: float
        /// Worst accuracy against time, over all runs that have got there.
        Curve: CurvePoint list
    }

    /// What no other group of its study has: comparing groups run by run would take too long.
    member group.Key = group.Runs.Head.Identity.Id

    /// The accuracy of guessing.
    member group.Chance = group.Runs.Head.Identity.Chance

    /// Whether nobody lies.
    member group.IsAttackFree = group.Runs.Head.Identity.IsAttackFree

    /// The names of its rule and its attack in the catalogue, or those of code.
    member group.RuleName = group.Runs.Head.Identity.RuleName
    member group.AttackName = group.Runs.Head.Identity.AttackName

    /// Every resolved setting but the seed, by path: those of all of its runs.
    member group.Resolved = group.Runs.Head.Resolved

[<RequireQualifiedAccess>]
module Spread =

    /// Of at least one value.
    let tryOf (values: float list) =
        match values with
        | [] -> None
        | [ single ] -> Some { Mean = single; Deviation = None }
        | values ->
            let mean = List.average values
            let squares = values |> List.sumBy (fun value -> (value - mean) ** 2.0)
            Some { Mean = mean; Deviation = Some(sqrt (squares / float (values.Length - 1))) }

    /// In per cent with one decimal, without the sign.
    let percent (spread: Spread option) =
        match spread with
        | None -> "–"
        | Some { Mean = mean; Deviation = None } -> $"%.1f{100.0 * mean}"
        | Some { Mean = mean; Deviation = Some deviation } -> $"%.1f{100.0 * mean} ± %.1f{100.0 * deviation}"

[<RequireQualifiedAccess>]
module Summary =

    let isOfRule (path: string) = path = "rule" || path.StartsWith "rule."

    let private settings (run: StudyRun) = run.Settings |> List.filter (fst >> isOfRule >> not)

    let private problem (run: StudyRun) =
        match run.Outcome.Status with
        | Status.Complete -> None
        | Status.MissingData -> Some $"no data: {run.Identity.Dataset}"
        | status -> Some(string status)

    let private curvePoint (_, points: Point list) =
        { Epoch = points.Head.Epoch
          Iteration = points.Head.Iteration
          Mean = points |> List.averageBy _.Worst
          Lowest = points |> List.map _.Worst |> List.min
          Highest = points |> List.map _.Worst |> List.max
          Seeds = points.Length }

    let private curve (runs: StudyRun list) =
        runs |> List.collect _.Points |> List.groupBy _.Iteration |> List.sortBy fst |> List.map curvePoint

    let private group baselines (runs: StudyRun list) =
        let complete =
            runs |> List.map _.Outcome |> List.filter (fun outcome -> outcome.Status = Status.Complete)

        { Settings = settings runs.Head
          Rule = runs.Head.Identity.Rule
          Attack = runs.Head.Identity.Attack
          Baselines = baselines
          Runs = runs
          Complete = complete.Length
          Problem = List.tryPick problem runs
          Worst = complete |> List.choose _.Worst |> Spread.tryOf
          Mean = complete |> List.choose _.Mean |> Spread.tryOf
          Best = complete |> List.choose _.Best |> Spread.tryOf
          Success = complete |> List.choose _.Success |> Spread.tryOf
          Seconds = complete |> List.choose _.Seconds |> List.sum
          Curve = curve runs }

    /// One group for all runs that differ in nothing but their seed, in the order of the runs.
    let groups (study: Study) : Group list =
        study.Runs
        |> List.groupBy (fun run -> run.Resolved, run.Code)
        |> List.map (snd >> group study.Baselines)

    /// What the runs of a study differ in although their settings do not say so: where they were computed, and from
    /// which data. A sentence each.
    let remarks (study: Study) : string list =
        let complete = study.Runs |> List.filter (fun run -> run.Outcome.Status = Status.Complete)

        let said name (runs: StudyRun list) =
            runs
            |> List.choose (fun run -> run.Outcome.Provenance |> List.tryFind (fst >> (=) name) |> Option.map snd)
            |> List.filter ((<>) "")
            |> List.distinct

        // The index of a GPU does not matter.
        let devices = said "device" complete |> List.map (fun device -> device.Split(':')[0]) |> List.distinct

        [ if devices.Length > 1 then
              let devices = String.concat " and on " devices
              $"Some of the runs were computed on {devices}, which round differently."

          for dataset, runs in complete |> List.groupBy _.Identity.Dataset do
              match said "data checksum" runs with
              | first :: second :: more ->
                  let checksums =
                      first :: second :: more
                      |> List.map (fun checksum -> checksum.Substring(0, min 8 checksum.Length))
                      |> String.concat ", "

                  $"The runs on {dataset} did not all have the same data: checksums {checksums}."
              | _ -> () ]

    /// What the folders of a study hold beside it. A sentence for each.
    let others (study: Study) : string list =
        [ for folder, count in study.Others do
              let runs = if count = 1 then "1 run" else $"{count} runs"

              $"{folder} has {runs} beside these, of the scenario before it was changed: 'ubarfs runs list {folder}' shows \
                them, {OtherRuns.name} has their results." ]

    // So many are told one by one.
    let private most = 50

    /// What of a study's stores cannot be used. A sentence for each, as long as there are not too many.
    let problems (study: Study) : string list =
        if study.Problems.Length <= most then
            study.Problems
        else
            List.truncate (most - 1) study.Problems
            @ [ $"{study.Problems.Length - most + 1} more files of {study.Name} cannot be used" ]

    /// "5 seeds", or "3 to 5 seeds" where there are not as many everywhere.
    let counted (noun: string) (counts: int list) : string =
        match counts with
        | [] -> $"0 {noun}s"
        | counts ->
            match List.min counts, List.max counts with
            | 1, 1 -> $"1 {noun}"
            | low, high when low = high -> $"{low} {noun}s"
            | low, high -> $"{low} to {high} {noun}s"

    /// The paths as headings: the last key says enough unless two paths end alike.
    let headings (paths: string list) =
        let last (path: string) = path.Substring(path.LastIndexOf '.' + 1)
        let unique path = paths |> List.filter (fun other -> last other = last path) |> List.length = 1
        paths |> List.map (fun path -> if unique path then last path else path)

    /// The paths in which the groups differ beside their rule.
    let paths (groups: Group list) =
        groups
        |> List.collect _.Settings
        |> List.distinct
        |> List.countBy fst
        |> List.filter (fun (_, values) -> values > 1)
        |> List.map fst

    // Their values are names, and say by themselves what they are.
    let private named = [ "attack"; "data.dataset"; "model" ]

    /// A group's values of some paths in words: its attack where there are none.
    let title (paths: string list) (group: Group) =
        let values = Map.ofList group.Settings

        let words =
            List.zip paths (headings paths)
            |> List.choose (fun (path, heading) ->
                values
                |> Map.tryFind path
                |> Option.map (fun value ->
                    if List.contains path named then
                        value
                    else
                        $"{heading} {value}"))

        if words.IsEmpty then
            group.Attack
        else
            String.concat ", " words
