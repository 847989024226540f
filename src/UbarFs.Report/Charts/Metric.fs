namespace UbarFs.Report

open System
open UbarFs.Engine

/// Something that an evaluation measures, and that figures can show.
type Metric =
    {
        /// Its name on the command line.
        Name: string
        /// Its column in `metrics.csv`.
        Column: string
        /// What it is in words.
        Title: string
        /// Whether it is a share of one, which is written in per cent.
        IsAccuracy: bool
        /// Whether models that guess have a value of it that they cannot help.
        HasChance: bool
        /// What a run's record says of the end, where it does.
        Final: Outcome -> float option
        Of: Point -> float option
    }

/// A metric at an evaluation, over the seeds.
type Reading =
    {
        Epoch: float
        Iteration: int
        Mean: float
        Lowest: float
        Highest: float
        /// How many seeds have got there.
        Seeds: int
    }

[<RequireQualifiedAccess>]
module Metric =

    let private accuracy name title final (choose: Point -> float) =
        { Name = name
          Column = $"{name}_accuracy"
          Title = title
          IsAccuracy = true
          HasChance = true
          Final = final
          Of = choose >> Some }

    // A share that only some runs measure.
    let private share name column title hasChance final choose =
        { Name = name
          Column = column
          Title = title
          IsAccuracy = true
          HasChance = hasChance
          Final = final
          Of = choose }

    let private measured name column title choose =
        { Name = name
          Column = column
          Title = title
          IsAccuracy = false
          HasChance = false
          Final = fun _ -> None
          Of = choose }

    /// The paper's metric.
    let worst = accuracy "worst" "worst accuracy" _.Worst _.Worst

    /// How far the benign nodes are from agreeing.
    let consensusError = measured "consensus-error" "consensus_error" "consensus error" _.ConsensusError

    let all: Metric list =
        [ worst
          accuracy "mean" "mean accuracy" _.Mean _.Mean
          accuracy "best" "best accuracy" _.Best _.Best
          consensusError
          measured "test-loss" "test_loss" "test loss (mean)" _.TestLoss
          measured "training-loss" "loss" "training loss" _.Loss
          share "success-rate" "success_rate" "success rate (mean)" false _.Success _.Success
          share "validation" "worst_validation_accuracy" "worst validation accuracy" true _.Validation _.Validation
          share "averaged" "averaged_accuracy" "accuracy of the mean estimate" true _.Averaged _.Averaged ]

    // What every run measures.
    let private always = [ "worst"; "mean"; "best" ]

    let tryFind (name: string) = all |> List.tryFind (fun metric -> metric.Name = name)

    /// How its values are written on an axis.
    let write (metric: Metric) : float -> string = if metric.IsAccuracy then Axis.percent else Axis.plain

    // What diverged has no place on any axis.
    let private finite value = value |> Option.filter Double.IsFinite

    let private reading (measured: (Point * float) list) =
        let values = List.map snd measured
        let point = fst measured.Head

        { Epoch = point.Epoch
          Iteration = point.Iteration
          Mean = List.average values
          Lowest = List.min values
          Highest = List.max values
          Seeds = values.Length }

    /// A metric against time over the runs of a group that have got there; values that are not finite are left out.
    let curve (metric: Metric) (group: Group) : Reading list =
        group.Runs
        |> List.collect _.Points
        |> List.choose (fun point -> metric.Of point |> finite |> Option.map (fun value -> point, value))
        |> List.groupBy (fun (point, _) -> point.Iteration)
        |> List.sortBy fst
        |> List.map (snd >> reading)

    /// The metric at the end of a complete run, if it was measured and is finite.
    let final (metric: Metric) (run: StudyRun) : float option =
        if run.Outcome.Status <> Status.Complete then
            None
        else
            metric.Final run.Outcome
            |> Option.orElse (List.tryLast run.Points |> Option.bind metric.Of)
            |> finite

    /// The metrics of which a study has measurements: accuracies always.
    let measuredIn (groups: Group list) : Metric list =
        let points = groups |> List.collect _.Runs |> List.collect _.Points

        all
        |> List.filter (fun metric ->
            List.contains metric.Name always || List.exists (metric.Of >> Option.isSome) points)

    /// The groups that have measurements of it: all of them, unless only some runs measure it and do.
    let measuring (metric: Metric) (groups: Group list) : Group list =
        let measures (group: Group) =
            group.Runs |> List.exists (fun run -> run.Points |> List.exists (metric.Of >> Option.isSome))

        match groups |> List.filter measures with
        | [] -> groups
        | _ when List.contains metric.Name always -> groups
        | some -> some

    /// The vertical axis of panels that show values of a metric.
    let axis (metric: Metric) (values: float list) : Axis =
        if metric.IsAccuracy then
            Axis.upTo Axis.percent 1.0
        else
            Axis.covering Axis.plain values
