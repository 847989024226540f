namespace UbarFs.Report

open UbarFs.Core
open UbarFs.Engine

/// The time of one iteration of the whole network under one rule, by phase, in seconds.
type RuleTiming =
    {
        Rule: string
        /// The dataset and the model, and what else of that which takes time is not the same for all runs.
        Task: string
        Times: PhaseTimes
        /// The least and the most that an attack of these runs takes.
        Attacks: float * float
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

            let attack runs =
                runs
                |> List.collect perIteration
                |> List.map (fun (times, iterations) -> times.Attack / iterations)
                |> function
                    | [] -> None
                    | times -> Some(median times)

            let attacks = runs |> List.groupBy _.Identity.Attack |> List.choose (snd >> attack)

            Some
                { Rule = rule
                  Attacks = List.min attacks, List.max attacks
                  Task = task
                  Times =
                    { Training = time _.Training
                      Attack = time _.Attack
                      Aggregation = time _.Aggregation
                      Losses = time _.Losses
                      Update = time _.Update }
                  Runs = runs.Length }

    let private whole path (run: StudyRun) =
        Map.tryFind path run.Resolved
        |> Option.bind (fun text ->
            match System.Int32.TryParse text with
            | true, number -> Some number
            | false, _ -> None)

    // Nodes that are left out take no time.
    let private nodes (run: StudyRun) =
        let ratio =
            Map.tryFind "network.byzantine" run.Resolved
            |> Option.bind (Kind.read (Kind.Real Interval.unbounded))

        match whole "network.benign" run, ratio with
        | Some benign, Some(Value.Real ratio) when run.Identity.AttackName <> "absent" ->
            $"{benign + Network.byzantineCount benign ratio} nodes"
        | Some benign, _ -> $"{benign} nodes"
        | None, _ -> ""

    let private setting path words (run: StudyRun) =
        Map.tryFind path run.Resolved |> Option.map (fun value -> words + value) |> Option.defaultValue ""

    let private provenance name words (run: StudyRun) =
        run.Outcome.Provenance
        |> List.tryFind (fst >> (=) name)
        |> Option.map (fun (_, value) -> words value)
        |> Option.defaultValue ""

    /// What takes time beside the rule, in words.
    let private taking: (StudyRun -> string) list =
        [ nodes
          setting "network.topology" ""
          setting "training.batch" "batch "
          setting "training.loss" ""
          provenance "device" id
          provenance "threads" (fun threads -> $"{threads} threads")
          provenance "jobs" (fun jobs -> $"{jobs} side by side") ]

    /// One row for each rule and task: the median over the stretches between evaluations of all runs.
    let rows (study: Study) : RuleTiming list =
        let measured = study.Runs |> List.filter (fun run -> run.Points.Length > 1)
        let differing = taking |> List.filter (fun words -> (List.distinctBy words measured).Length > 1)

        let task (run: StudyRun) =
            run.Identity.Dataset :: run.Identity.Model :: (differing |> List.map (fun words -> words run))
            |> List.filter ((<>) "")
            |> String.concat ", "

        measured
        |> List.groupBy (fun run -> run.Identity.Rule, task run)
        |> List.choose (fun (key, runs) -> ofRuns key runs)

    let private milliseconds (seconds: float) =
        let value = 1000.0 * seconds

        if value = 0.0 then "–"
        elif value >= 100.0 then $"%.0f{value}"
        elif value >= 1.0 then $"%.1f{value}"
        else $"%.2f{value}"

    let private range (least: float, most: float) =
        match milliseconds least, milliseconds most with
        | least, most when least = most -> least
        | least, most -> $"{least} to {most}"

    /// The headings and cells of the table, in milliseconds.
    let table (rows: RuleTiming list) : string list * string list list =
        let several = rows |> List.distinctBy _.Task |> List.length > 1

        let cells (row: RuleTiming) =
            (if several then [ row.Task ] else [])
            @ [ row.Rule
                milliseconds row.Times.Training
                milliseconds row.Aggregation
                milliseconds row.Times.Losses
                range row.Attacks
                $"%.2f{row.Aggregation / row.Times.Training}" ]

        (if several then [ "task" ] else [])
        @ [ "rule"
            "training"
            "aggregation"
            "losses in it"
            "attack"
            "aggregation / training" ],
        List.map cells rows
