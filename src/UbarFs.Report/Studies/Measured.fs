namespace UbarFs.Report

open System
open System.Globalization
open System.IO
open System.Text.Json
open UbarFs.Engine

/// An evaluation as `metrics.csv` has it.
type Point =
    {
        Epoch: float
        Iteration: int
        Worst: float
        Mean: float
        Best: float
        Loss: float option
        /// None in stores of older versions.
        TestLoss: float option
        ConsensusError: float option
        /// Seconds since the run began.
        Elapsed: float
        /// Seconds since the evaluation before.
        Times: PhaseTimes
        /// What a node received in an iteration on average, for a rule that selects.
        Received: float option
        /// The mean size of each stage, and the share of Byzantine estimates that it kept, in the rule's order.
        Stages: (float option * float option)[]
    }

/// What `run.json` says of how a run went.
type Outcome =
    {
        Status: Status
        Reason: string option
        Worst: float option
        Mean: float option
        Best: float option
        TestLoss: float option
        ConsensusError: float option
        Seconds: float option
        /// When each sitting began, after how many iterations, and what the run's clock said then, where that is known.
        Sittings: (DateTimeOffset * int * float option) list
        /// The canonical text of each setting.
        Settings: Map<string, string>
        /// Device, versions and the like.
        Provenance: (string * string) list
    }

/// Reads what runs measured; whatever is missing or half written is not there.
[<RequireQualifiedAccess>]
module Measured =

    let private point (stages: string[]) (row: CsvRow) : Point =
        let optional name = row.TryNumber name
        let value name = optional name |> Option.defaultValue 0.0

        let stage name =
            let column = MetricsFile.stageColumn name
            optional $"{column}_size", optional $"{column}_byzantine_share"

        { Epoch = value "epoch"
          Iteration = int (value "iteration")
          Worst = value "worst_accuracy"
          Mean = value "mean_accuracy"
          Best = value "best_accuracy"
          Loss = optional "loss"
          TestLoss = optional "test_loss"
          ConsensusError = optional "consensus_error"
          Elapsed = value "elapsed_seconds"
          Times =
            { Training = value "training_seconds"
              Attack = value "attack_seconds"
              Aggregation = value "aggregation_seconds"
              Losses = value "losses_seconds"
              Update = value "update_seconds" }
          Received = optional "received"
          Stages = Array.map stage stages }

    /// The evaluations that a `metrics.csv` has.
    let points (stages: string[]) (file: string) : Point list = Csv.read file |> List.map (point stages)

    /// What is known of a run that was never begun.
    let pending =
        { Status = Status.Pending
          Reason = None
          Worst = None
          Mean = None
          Best = None
          TestLoss = None
          ConsensusError = None
          Seconds = None
          Sittings = []
          Settings = Map.empty
          Provenance = [] }

    let private text (value: JsonElement) =
        match value.ValueKind with
        | JsonValueKind.String -> value.GetString() |> string
        | _ -> value.GetRawText()

    let private fields (name: string) (record: JsonElement) =
        match record.TryGetProperty name with
        | true, value when value.ValueKind = JsonValueKind.Object ->
            [ for field in value.EnumerateObject() -> field.Name, text field.Value ]
        | _ -> []

    // Older versions had the text of the settings in the place of their values.
    let private canonical (record: JsonElement) =
        match fields "canonical" record with
        | [] -> fields "settings" record
        | texts -> texts

    let private sittings (record: JsonElement) =
        match record.TryGetProperty "sittings" with
        | true, sittings when sittings.ValueKind = JsonValueKind.Array ->
            [ for sitting in sittings.EnumerateArray() ->
                  let seconds =
                      match sitting.TryGetProperty "from_seconds" with
                      | true, seconds -> Some(seconds.GetDouble())
                      | false, _ -> None

                  let iteration = (sitting.GetProperty "from_iteration").GetInt32()
                  (sitting.GetProperty "started").GetDateTimeOffset(), iteration, seconds ]
        | _ -> []

    // Records of other versions have other fields: what is asked for is looked up by name.
    let private outcomeOf (record: JsonElement) =
        let found (name: string) =
            match record.TryGetProperty name with
            | true, value when value.ValueKind <> JsonValueKind.Null -> Some(text value)
            | _ -> None

        let real name =
            found name |> Option.map (fun text -> Double.Parse(text, CultureInfo.InvariantCulture))

        let plain =
            [ "device"; "threads"; "jobs"; "deterministic"; "data_checksum" ]
            |> List.choose (fun name -> found name |> Option.map (fun value -> name.Replace('_', ' '), value))

        { Status = found "status" |> Option.defaultValue "" |> Status.Parse
          Reason = found "reason"
          Worst = real "worst_accuracy"
          Mean = real "mean_accuracy"
          Best = real "best_accuracy"
          TestLoss = real "test_loss"
          ConsensusError = real "consensus_error"
          Seconds = real "seconds"
          Sittings = sittings record
          Settings = canonical record |> Map.ofList
          Provenance = plain @ fields "versions" record }

    /// What a `run.json` says.
    let outcome (file: string) : Outcome =
        try
            use document = JsonDocument.Parse(File.ReadAllText file)
            outcomeOf document.RootElement
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException
        | :? JsonException
        | :? FormatException
        | :? Collections.Generic.KeyNotFoundException
        | :? InvalidOperationException -> pending
