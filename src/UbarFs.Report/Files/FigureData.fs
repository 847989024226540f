namespace UbarFs.Report

open UbarFs.Engine

/// The measurements behind figures, as tables for programs. Every row says whose it is in the columns, and the words, with
/// which `results.csv` begins: `run`, `seed`, `dataset`, `model`, `rule`, `attack` and the swept paths.
[<RequireQualifiedAccess>]
module FigureData =

    let private identity = [ "run"; "seed"; "dataset"; "model"; "rule"; "attack" ]

    /// The paths in which the runs of a study differ, without those that have a column anyway.
    let private paths (runs: StudyRun list) =
        // Paths of the dataset have a column of their own name.
        runs |> List.collect (_.Settings >> List.map fst) |> List.distinct |> List.except identity

    let private whose paths (run: StudyRun) =
        let settings = Map.ofList run.Settings

        [ run.Identity.Id
          string run.Identity.Seed
          run.Identity.Dataset
          run.Identity.Model
          run.Identity.Rule
          run.Identity.Attack ]
        @ (paths |> List.map (fun path -> Map.tryFind path settings |> Csv.optional Csv.setting))

    /// A table with the rows that each run has, behind the columns that say whose they are.
    let private ofRuns (columns: string list) (rows: StudyRun -> string list list) (runs: StudyRun list) =
        let paths = paths runs

        identity @ paths @ columns,
        [ for run in runs do
              for row in rows run -> whose paths run @ row ]

    let private number = Csv.optional Csv.number
    let private time (point: Point) = [ Csv.number point.Epoch; string point.Iteration ]

    /// A metric at every evaluation of every run.
    let evaluations (metric: Metric) (runs: StudyRun list) : string list * string list list =
        runs
        |> ofRuns [ "epoch"; "iteration"; metric.Column ] (fun run ->
            [ for point in run.Points -> time point @ [ number (metric.Of point) ] ])

    /// A row for each evaluation and stage of runs of a selecting rule that say what it received.
    let private stages columns cells (names: string[]) (runs: StudyRun list) =
        let rows (point: Point) =
            if point.Received.IsNone then
                []
            else
                [ for stage, kept in Seq.zip names point.Stages -> time point @ (stage :: cells point kept) ]

        runs
        |> ofRuns ([ "epoch"; "iteration"; "stage" ] @ columns) (fun run -> List.collect rows run.Points)

    /// How many estimates the runs of a selecting rule received and each of its stages kept, by evaluation.
    let sizes (names: string[]) (runs: StudyRun list) : string list * string list list =
        runs
        |> stages [ "received"; "size" ] (fun point (size, _) -> [ number point.Received; number size ]) names

    /// The share of the Byzantine estimates received that each stage of a selecting rule kept, by evaluation.
    let shares (names: string[]) (runs: StudyRun list) : string list * string list list =
        runs |> stages [ "byzantine_share" ] (fun _ (_, share) -> [ number share ]) names

    /// The nodes of the networks that are shown, with the accuracy of those that were tested.
    let nodes (networks: ShownNetwork list) : string list * string list list =
        let drawn = networks |> List.map (fun shown -> shown.Run.Identity.Id, shown.Drawn) |> Map.ofList

        let rows (run: StudyRun) =
            let drawn = drawn[run.Identity.Id]

            let row isByzantine node =
                [ string node
                  Csv.truth isByzantine
                  Map.tryFind node drawn.Accuracies |> number ]

            [ for node in drawn.Network.Benign -> row false node
              for node in drawn.Network.Byzantine -> row true node ]

        networks |> List.map _.Run |> ofRuns [ "node"; "byzantine"; "accuracy" ] rows

    let private median (values: float list) =
        let sorted = List.sort values |> Array.ofList
        let middle = sorted.Length / 2

        if sorted.Length % 2 = 1 then
            sorted[middle]
        else
            (sorted[middle - 1] + sorted[middle]) / 2.0

    /// The time of an iteration of each run by phase, as `metrics.csv` divides it: the median over the stretches between
    /// its evaluations, and how many these are.
    let times (runs: StudyRun list) : string list * string list list =
        let rows (run: StudyRun) =
            match List.pairwise run.Points with
            | [] -> []
            | stretches ->
                let time (phase: PhaseTimes -> float) =
                    stretches
                    |> List.map (fun (before, after) ->
                        phase after.Times / float (max 1 (after.Iteration - before.Iteration)))
                    |> median
                    |> Csv.number

                [ [ time _.Training
                    time _.Attack
                    time _.Aggregation
                    time _.Losses
                    time _.Update
                    string stretches.Length ] ]

        runs
        |> ofRuns
            [ "training_seconds"
              "attack_seconds"
              "aggregation_seconds"
              "losses_seconds"
              "update_seconds"
              "stretches" ]
            rows

    /// Every pair of seeds that verdicts rest on: a run, and the baseline's run of the same seed.
    let pairs (judged: Judged list) : string list * string list list =
        let ofSeed (group: Group) seed =
            group.Runs
            |> List.find (fun run -> run.Identity.Seed = seed && run.Outcome.Status = Status.Complete)

        let compared =
            [ for one in judged do
                  match one.Judgement with
                  | Judgement.Compared(baseline, comparison, _) ->
                      for pair in comparison.Pairs do
                          let run = ofSeed one.Group pair.Seed
                          run, (pair, comparison.Chance, ofSeed baseline pair.Seed)
                  | _ -> () ]

        let known = compared |> List.map (fun (run, pair) -> run.Identity.Id, pair) |> Map.ofList

        let rows (run: StudyRun) =
            let pair, chance, baseline = known[run.Identity.Id]

            [ [ Csv.number pair.Accuracy
                Csv.number pair.Baseline
                Csv.number chance
                Csv.number pair.Difference
                Csv.number (pair.Kept chance)
                baseline.Identity.Id ] ]

        compared
        |> List.map fst
        |> ofRuns
            [ "worst_accuracy"
              "baseline"
              "chance"
              "difference"
              "share_kept"
              "baseline_run" ]
            rows

    /// Every run that the worst over the attacks rests on, and those of the baselines: with its share kept where a baseline
    /// has its seed, whether its seed counts, and whether its attack is the hardest.
    let worst (panels: WorstPanel list) : string list * string list list =
        let isComplete (run: StudyRun) = run.Outcome.Status = Status.Complete

        let accuracy (run: StudyRun) = if isComplete run then run.Outcome.Worst else None

        let ofCell (cell: WorstCell) =
            let baselines =
                cell.Baseline |> Option.map (Judgement.worstBySeed >> Map.ofList) |> Option.defaultValue Map.empty

            let kept chance (run: StudyRun) =
                Option.map2
                    (fun accuracy baseline -> { Seed = run.Identity.Seed; Accuracy = accuracy; Baseline = baseline })
                    (accuracy run)
                    (Map.tryFind run.Identity.Seed baselines)
                |> Option.filter (Comparison.isComparable chance)
                |> Option.map _.Kept(chance)

            let attacked (group: Group) =
                let isHardest = cell.Hardest |> Option.exists (fun hardest -> hardest.Attack = group.Attack)

                [ for run in group.Runs ->
                      run,
                      [ number (accuracy run)
                        number (kept group.Chance run)
                        Csv.truth (isComplete run && List.contains run.Identity.Seed cell.Seeds)
                        Csv.truth isHardest ] ]

            let reference (group: Group) = [ for run in group.Runs -> run, [ number (accuracy run); ""; ""; "" ] ]
            List.collect attacked cell.Groups @ List.collect reference (Option.toList cell.Baseline)

        let rows =
            panels
            |> List.collect _.Cells
            |> List.collect ofCell
            |> List.distinctBy (fun (run, _) -> run.Identity.Id)

        let known = rows |> List.map (fun (run, row) -> run.Identity.Id, row) |> Map.ofList

        rows
        |> List.map fst
        |> ofRuns [ "worst_accuracy"; "share_kept"; "counts"; "hardest" ] (fun run -> [ known[run.Identity.Id] ])

    /// A table with a row for each group, with the runs that it is over: their ids, with spaces between them.
    let withRuns (groups: Group list) (headings: string list, rows: string list list) =
        let runs (group: Group) = group.Runs |> List.map _.Identity.Id |> String.concat " "

        headings @ [ "run_ids" ], List.map2 (fun row group -> row @ [ runs group ]) rows groups
