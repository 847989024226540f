namespace UbarFs.Engine

open System
open System.IO
open UbarFs.Core

/// `metrics.csv` of a run: a line for each evaluation.
[<RequireQualifiedAccess>]
module MetricsFile =

    let name = "metrics.csv"

    /// The name of a rule's stage as part of a column's name.
    let stageColumn (stage: string) =
        String.map
            (fun letter ->
                if Char.IsAsciiLetterOrDigit letter then
                    Char.ToLowerInvariant letter
                else
                    '_')
            stage

    // Only what a rule with stages received and kept is written.
    let private stageColumns (stages: string list) =
        if stages.IsEmpty then
            []
        else
            "received"
            :: "byzantine_received"
            :: [ for stage in stages do
                     $"{stageColumn stage}_size"
                     $"{stageColumn stage}_byzantine_share" ]

    /// The columns for a rule with these stages.
    let header (stages: string list) =
        [ "epoch"
          "iteration"
          "rate"
          "worst_accuracy"
          "mean_accuracy"
          "best_accuracy"
          "loss"
          "test_loss"
          "consensus_error"
          "training_seconds"
          "attack_seconds"
          "aggregation_seconds"
          "losses_seconds"
          "update_seconds"
          "evaluation_seconds"
          "elapsed_seconds" ]
        @ stageColumns stages

    let private optional = Csv.optional Csv.number

    let private stageCells (selections: Selections) =
        if selections.Kept.IsEmpty then
            []
        else
            let received = selections.Received

            optional (selections.MeanSize received)
            :: optional (selections.MeanSize { received with All = received.Byzantine })
            :: [ for kept in selections.Kept do
                     optional (selections.MeanSize kept)
                     optional (selections.ByzantineShare kept) ]

    /// What only some runs measure: the columns behind all others, and what is in them.
    let further (run: Run) : (string * (Evaluation -> float option)) list =
        [ if (Run.poison run).IsSome then
              "success_rate", _.Success
          if run.Validation.IsSome then
              "worst_validation_accuracy", _.Validation
          if run.Averaged then
              "averaged_accuracy", _.Averaged ]

    let row (further: (string * (Evaluation -> float option)) list) (evaluation: Evaluation) =
        [ Csv.number evaluation.Epochs
          string evaluation.Iterations
          Csv.number evaluation.Rate
          Csv.number evaluation.Worst
          Csv.number evaluation.Mean
          Csv.number evaluation.Best
          optional evaluation.Loss
          Csv.number evaluation.TestLoss
          Csv.number evaluation.ConsensusError
          Csv.seconds evaluation.Times.Training
          Csv.seconds evaluation.Times.Attack
          Csv.seconds evaluation.Times.Aggregation
          Csv.seconds evaluation.Times.Losses
          Csv.seconds evaluation.Times.Update
          Csv.seconds evaluation.EvaluationSeconds
          Csv.seconds evaluation.Elapsed ]
        @ stageCells evaluation.Selections
        @ [ for _, measured in further -> optional (measured evaluation) ]

    // ---- Reading

    let private longest = 1 <<< 30

    let private share (number: CsvRow -> string -> float option) (row: CsvRow) heading =
        match number row heading with
        | Some share when not (share >= 0.0 && share <= StoreReading.mostShare) ->
            StoreReading.fail $"{share} under '{heading}' is no share"
        | _ -> ()

    let private duration (row: CsvRow) heading =
        match row.TryNumber heading with
        | Some seconds when not (seconds >= 0.0 && seconds <= StoreReading.mostSeconds) ->
            StoreReading.fail $"{seconds} under '{heading}' is no number of seconds"
        | _ -> ()

    // Stages have names of their own; what they are the means of can be missing, and is a number where it is there.
    let private checkedRow (stages: string list) (row: CsvRow) : CsvRow =
        [ "worst_accuracy"; "mean_accuracy"; "best_accuracy" ]
        |> List.iter (share (fun row heading -> Some(row.Number heading)) row)

        [ "success_rate"; "worst_validation_accuracy"; "averaged_accuracy" ]
        |> List.iter (share (fun row heading -> row.TryNumber heading) row)

        header [] |> List.filter _.EndsWith("_seconds") |> List.iter (duration row)
        header stages |> List.iter (row.TryNumber >> ignore)

        if not (row.Number "epoch" >= 0.0 && Double.IsFinite(row.Number "epoch")) || row.Whole "iteration" < 0 then
            StoreReading.fail "epoch and iteration are not negative"

        row

    /// The evaluations that a run's folder has, for a rule with these stages; `Ok None` where the file is not there.
    let read (stages: string list) (folder: string) : Result<CsvRow list option, string> =
        let isAscending (rows: CsvRow list) =
            rows
            |> List.pairwise
            |> List.forall (fun (one, next) -> one.Whole "iteration" < next.Whole "iteration")

        match StoreReading.table longest (checkedRow stages) (Path.Combine(folder, name)) with
        | Ok(Some rows) when not (isAscending rows) -> Error "its iterations do not ascend"
        | result -> result
