namespace UbarFs.Report

open UbarFs.Engine

/// The time of one iteration of the whole network under one rule, by phase, in seconds.
type RuleTiming =
    {
        Rule: string
        /// The dataset, the model, and what else of the swept settings the time depends on.
        Task: string
        Times: PhaseTimes
        Runs: int
    }

    /// All that makes the next estimate of what was received: the losses of what was received, the rule itself and the
    /// update. The paper's aggregation time; what the attack costs is not in it.
    member timing.Aggregation = timing.Times.Aggregation + timing.Times.Update

    /// All phases.
    member timing.All = timing.Times.Training + timing.Aggregation + timing.Times.Attack

/// A piece of an iteration's time. The pieces do not overlap, and are all of it.
type Phase = { Name: string; Class: string; Seconds: PhaseTimes -> float }

/// Where the time goes: the paper's table I.
[<RequireQualifiedAccess>]
module Timing =

    // The first stretch of a run has compilation in it, and any can have been disturbed.
    let private median (values: float list) =
        let sorted = List.sort values |> Array.ofList
        let middle = sorted.Length / 2

        if sorted.Length % 2 = 1 then
            sorted[middle]
        else
            (sorted[middle - 1] + sorted[middle]) / 2.0

    let private perIteration (run: StudyRun) =
        run.Points
        |> List.pairwise
        |> List.map (fun (before, after) -> after.Times, float (after.Iteration - before.Iteration))

    let private ofRuns (rule, task) (runs: StudyRun list) =
        match runs |> List.collect perIteration with
        | [] -> None
        | stretches ->
            let time phase =
                stretches |> List.map (fun (times, iterations) -> phase times / iterations) |> median

            Some
                { Rule = rule
                  Task = task
                  Times =
                    { Training = time _.Training
                      Attack = time _.Attack
                      Aggregation = time _.Aggregation
                      Losses = time _.Losses
                      Update = time _.Update }
                  Runs = runs.Length }

    // The time of an iteration depends on how many nodes there are, and how they are connected.
    let private isOfSize (path: string, _: string) = path.StartsWith "network." || path = "training.batch"

    let private task (group: Group) =
        let identity = group.Runs.Head.Identity
        let size = group.Settings |> List.filter isOfSize

        [ "data.dataset", identity.Dataset; "model", identity.Model ] @ size

    // What all tasks have in common says nothing.
    let private taskName (tasks: (string * string) list list) (task: (string * string) list) =
        let differs pair = tasks |> List.exists (List.contains pair >> not)
        let isNamed (path, _) = path = "data.dataset" || path = "model"

        match List.filter differs task with
        | [] -> task |> List.filter isNamed
        | different -> different
        |> List.map (fun (path, value) ->
            if isNamed (path, value) then
                value
            else
                $"{Summary.headings [ path ] |> List.head} {value}")
        |> String.concat ", "

    /// One row for each rule and task: the median over the stretches between evaluations of all runs.
    let rows (groups: Group list) : RuleTiming list =
        let tasks = groups |> List.map task |> List.distinct

        groups
        |> List.groupBy (fun group -> group.Rule, taskName tasks (task group))
        |> List.choose (fun (key, groups) -> groups |> List.collect _.Runs |> ofRuns key)

    /// In the order in which bars show them.
    let phases: Phase list =
        [ { Name = "training"; Class = "c6"; Seconds = _.Training }
          { Name = "aggregation: losses"; Class = "c1"; Seconds = _.Losses }
          { Name = "aggregation: rule"
            Class = "c0"
            Seconds = fun times -> max 0.0 (times.Aggregation - times.Losses) }
          { Name = "aggregation: update"; Class = "c3"; Seconds = _.Update }
          { Name = "attack"; Class = "c4"; Seconds = _.Attack } ]

    /// Seconds in milliseconds, with about three digits.
    let milliseconds (seconds: float) =
        let value = 1000.0 * seconds

        if value = 0.0 then "0"
        elif value >= 100.0 then $"%.0f{value}"
        elif value >= 1.0 then $"%.1f{value}"
        else $"%.2f{value}"

    /// The headings and cells of the table: the phases, and what they make together.
    let table (rows: RuleTiming list) : string list * string list list =
        let several = rows |> List.distinctBy _.Task |> List.length > 1

        let ratio (row: RuleTiming) =
            if row.Times.Training > 0.0 then
                $"%.2f{row.Aggregation / row.Times.Training}"
            else
                "–"

        let cells (row: RuleTiming) =
            (if several then [ row.Task ] else [])
            @ [ row.Rule
                for phase in phases do
                    milliseconds (phase.Seconds row.Times)
                milliseconds row.All
                milliseconds row.Aggregation
                ratio row ]

        (if several then [ "task" ] else [])
        @ [ "rule"
            for phase in phases do
                $"{phase.Name} (ms)"
            "in all (ms)"
            "aggregation in all (ms)"
            "aggregation / training" ],
        List.map cells rows
