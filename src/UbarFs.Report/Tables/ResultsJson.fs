namespace UbarFs.Report

open System.Text.Json.Nodes
open UbarFs.Engine

/// Studies as JSON, for programs.
[<RequireQualifiedAccess>]
module ResultsJson =

    let private real = JsonNodes.real
    let private text = JsonNodes.text
    let private json = JsonNodes.object
    let private list (items: JsonNode seq) : JsonNode | null = JsonNodes.array (Seq.cast<JsonNode | null> items)

    let private run (run: StudyRun) : JsonNode =
        let identity, outcome = run.Identity, run.Outcome

        json
            [ "run", text identity.Id
              "status", text (string outcome.Status)
              "reason", outcome.Reason |> Option.map text |> Option.defaultValue null
              "seed", JsonValue.Create identity.Seed
              "dataset", text identity.Dataset
              "model", text identity.Model
              "rule", text identity.Rule
              "attack", text identity.Attack
              "swept", json [ for pair in identity.Swept -> pair[0], text pair[1] ]
              "worst_accuracy", real outcome.Worst
              "mean_accuracy", real outcome.Mean
              "best_accuracy", real outcome.Best
              "test_loss", real outcome.TestLoss
              "consensus_error", real outcome.ConsensusError
              "seconds", real outcome.Seconds
              for name, measured in
                  [ "success_rate", outcome.Success
                    "worst_validation_accuracy", outcome.Validation
                    "averaged_accuracy", outcome.Averaged ] do
                  if measured.IsSome then
                      name, real measured ]

    let private point (point: CurvePoint) : JsonNode =
        json
            [ "epoch", real (Some point.Epoch)
              "iteration", JsonValue.Create point.Iteration
              "worst_accuracy", real (Some point.Mean)
              "lowest_seed", real (Some point.Lowest)
              "highest_seed", real (Some point.Highest) ]

    let private interval (interval: Interval) : JsonNode =
        json
            [ "median", real (Some interval.Middle)
              "low", real (Some interval.Low)
              "high", real (Some interval.High) ]

    let private pair chance (pair: Pair) : JsonNode =
        json
            [ "seed", JsonValue.Create pair.Seed
              "worst_accuracy", real (Some pair.Accuracy)
              "baseline", real (Some pair.Baseline)
              "difference", real (Some pair.Difference)
              "share_kept", real (Some(pair.Kept chance)) ]

    let private comparison (judgement: Judgement) : JsonNode | null =
        match judgement with
        | Judgement.Compared(baseline, comparison, _) ->
            json
                [ "baseline", json [ "rule", text baseline.Rule; "attack", text baseline.Attack ]
                  "seeds", JsonValue.Create comparison.Seeds
                  "chance", real (Some comparison.Chance)
                  "sampling_error", real comparison.SamplingError
                  "confidence", real (Some(Interval.confidence comparison.Seeds))
                  "difference", interval comparison.Difference
                  "share_kept", interval comparison.Kept
                  "destroyed", JsonValue.Create comparison.Destroyed
                  "pairs", list (List.map (pair comparison.Chance) comparison.Pairs) ]
        | _ -> null

    let private group (judged: Judged) : JsonNode =
        let group = judged.Group

        json
            [ "settings", json [ for path, value in group.Settings -> path, text value ]
              "rule", text group.Rule
              "attack", text group.Attack
              "runs", JsonValue.Create group.Runs.Length
              "seeds", JsonValue.Create group.Complete
              "worst_accuracy", real (group.Worst |> Option.map _.Mean)
              "deviation", real (group.Worst |> Option.bind _.Deviation)
              "lowest_seed", Judgement.worstSeed group |> Option.map (snd >> Some >> real) |> Option.defaultValue null
              "verdict", text (VerdictText.word judged.Judgement)
              "possible", list (VerdictText.possible judged.Judgement |> List.map text)
              "remedy", VerdictText.remedy judged.Judgement |> Option.map text |> Option.defaultValue null
              "comparison", comparison judged.Judgement
              "curve", list (List.map point group.Curve)
              if group.Success.IsSome then
                  "success_rate", real (group.Success |> Option.map _.Mean)
                  "backdoored", JsonValue.Create judged.IsBackdoored ]

    let private worstCell (panel: WorstPanel) (cell: WorstCell) : JsonNode =
        let hardest = cell.Hardest
        let words = List.map text >> List.map Option.ofObj >> List.choose id >> list

        json
            [ "settings",
              json
                  [ for path, value in panel.Settings -> path, text value
                    for path in Option.toList panel.Path -> path, text cell.Column ]
              "rule", text cell.Rule
              "attack", hardest |> Option.map (_.Attack >> text) |> Option.defaultValue null
              "as_hard", hardest |> Option.map _.AsHard |> Option.defaultValue [] |> words
              "worst_accuracy", real (hardest |> Option.map _.Accuracy)
              "share_kept", real (hardest |> Option.bind _.Kept)
              "seeds", list [ for seed in cell.Seeds -> JsonValue.Create seed ]
              "attacks", cell.Groups |> List.map _.Attack |> words
              "compared", JsonValue.Create cell.Compared
              "remarks", words cell.Remarks ]

    let private worst (groups: Group list) =
        [ for panel in WorstAttack.panels groups groups do
              for cell in panel.Cells -> worstCell panel cell ]

    let private choice (choice: Choice) : JsonNode =
        let picked = choice.Picked

        json
            [ "settings", json [ for path, value in choice.Settings -> path, text value ]
              "rule", text choice.Rule
              "chosen",
              json
                  [ for path, value in picked |> Option.map _.Setting |> Option.defaultValue [] do
                        path, text value ]
              "chosen_rule", picked |> Option.map (_.Group.Rule >> text) |> Option.defaultValue null
              "tried", JsonValue.Create choice.Tried.Length
              "worst_validation_accuracy", real (picked |> Option.map _.Validation)
              "worst_accuracy", real (picked |> Option.map _.Test.Mean)
              "deviation", real (picked |> Option.bind _.Test.Deviation)
              "seeds", list [ for seed in choice.Seeds -> JsonValue.Create seed ]
              "remarks", choice.Remarks |> List.map text |> List.choose Option.ofObj |> list ]

    let private study (study: Study) : JsonNode =
        let groups = Summary.groups study
        let judged = Judgement.ofGroups groups

        json
            [ "name", text study.Name
              "store", text study.Folders.Head
              "runs", list (List.map run study.Runs)
              "table", list (List.map group judged)
              "worst_over_attacks", list (worst groups)
              match Choices.ofGroups groups with
              | [] -> ()
              | choices -> "chosen_on_validation", list (List.map choice choices)
              "notes", list (VerdictNotes.lines judged |> List.map text) ]

    /// `{ "scenarios": [ { "name", "store", "runs": [ … ], "table": [ … ], … } ] }`: every run, the runs that
    /// differ in nothing but their seed taken together, and what each rule comes to under its hardest attack.
    let create (studies: Study list) : JsonNode = json [ "scenarios", list (List.map study studies) ]
