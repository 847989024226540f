namespace UbarFs.Report

open UbarFs.Engine

/// The time of one iteration of the whole network under one rule, by phase, in seconds.
type RuleTiming =
    {
        Rule: string
        /// The dataset and the model.
        Task: string
        Times: PhaseTimes
        Runs: int
    }

    /// All that follows the training, but for what the attack costs: the paper's aggregation time.
    member timing.Aggregation = timing.Times.Aggregation + timing.Times.Update

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

    /// One row for each rule and task: the median over the stretches between evaluations of all runs.
    let rows (study: Study) : RuleTiming list =
        study.Runs
        |> List.groupBy (fun run -> run.Identity.Rule, $"{run.Identity.Dataset}, {run.Identity.Model}")
        |> List.choose (fun (key, runs) -> ofRuns key runs)

    let private milliseconds (seconds: float) =
        let value = 1000.0 * seconds

        if value = 0.0 then "–"
        elif value >= 100.0 then $"%.0f{value}"
        elif value >= 1.0 then $"%.1f{value}"
        else $"%.2f{value}"

    /// The headings and cells of the table, in milliseconds.
    let table (rows: RuleTiming list) : string list * string list list =
        let several = rows |> List.distinctBy _.Task |> List.length > 1

        let cells (row: RuleTiming) =
            (if several then [ row.Task ] else [])
            @ [ row.Rule
                milliseconds row.Times.Training
                milliseconds row.Aggregation
                milliseconds row.Times.Losses
                milliseconds row.Times.Attack
                $"%.2f{row.Aggregation / row.Times.Training}" ]

        (if several then [ "task" ] else [])
        @ [ "rule"
            "training"
            "aggregation"
            "of that, losses"
            "attack"
            "aggregation / training" ],
        List.map cells rows
