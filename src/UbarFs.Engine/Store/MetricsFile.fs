namespace UbarFs.Engine

open System

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

    let row (evaluation: Evaluation) =
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
