namespace UbarFs.Report

open UbarFs.Core
open UbarFs.Engine

/// The time of one iteration of the whole network under one rule, by phase, in seconds.
type RuleTiming =
    {
        Rule: string
        /// What takes time beside the rule and is not the same for all runs: empty where everything is.
        Task: string
        Times: PhaseTimes
        /// The least and the most that an attack of these runs takes.
        Attacks: float * float
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
        [ _.Identity.Dataset
          _.Identity.Model
          nodes
          setting "network.topology" ""
          setting "training.batch" "batch "
          setting "training.loss" ""
          provenance "device" id
          provenance "threads" (fun threads -> $"{threads} threads")
          provenance "jobs" (fun jobs -> $"{jobs} side by side") ]

    /// One row for each rule and task: the median over the stretches between evaluations of all runs.
    let rows (groups: Group list) : RuleTiming list =
        let measured =
            [ for group in groups do
                  for run in group.Runs do
                      if run.Points.Length > 1 then
                          group.Rule, run ]

        let runs = List.map snd measured
        let differing = taking |> List.filter (fun words -> (List.distinctBy words runs).Length > 1)

        let task (run: StudyRun) =
            differing |> List.map (fun words -> words run) |> List.filter ((<>) "") |> String.concat ", "

        measured
        |> List.groupBy (fun (rule, run) -> rule, task run)
        |> List.choose (fun (key, runs) -> runs |> List.map snd |> ofRuns key)

    let private attack = "attack"

    /// In the order in which bars show them.
    let phases: Phase list =
        [ { Name = "training"; Class = "c6"; Seconds = _.Training }
          { Name = "aggregation: losses"; Class = "c1"; Seconds = _.Losses }
          { Name = "aggregation: rule"
            Class = "c0"
            Seconds = fun times -> max 0.0 (times.Aggregation - times.Losses) }
          { Name = "aggregation: update"; Class = "c3"; Seconds = _.Update }
          { Name = attack; Class = "c4"; Seconds = _.Attack } ]

    /// Seconds in milliseconds, with about three digits.
    let milliseconds (seconds: float) =
        let value = 1000.0 * seconds

        if value = 0.0 then "0"
        elif value >= 100.0 then $"%.0f{value}"
        elif value >= 1.0 then $"%.1f{value}"
        else $"%.2f{value}"

    let private range (least: float, most: float) =
        match milliseconds least, milliseconds most with
        | least, most when least = most -> least
        | least, most -> $"{least} to {most}"

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
                    if phase.Name = attack then
                        range row.Attacks
                    else
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
