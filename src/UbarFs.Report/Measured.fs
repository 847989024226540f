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
        Seconds: float option
        Settings: Map<string, string>
        /// Device, versions and the like.
        Provenance: (string * string) list
    }

/// Reads what runs measured; whatever is missing or half written is not there.
[<RequireQualifiedAccess>]
module Measured =

    let private number (text: string) = Double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture)

    let private point (stages: string[]) (header: string[]) (cells: string[]) : Point =
        let optional name =
            match Array.IndexOf(header, name) with
            | -1 -> None
            | column when cells[column] = "" -> None
            | column -> Some(number cells[column])

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
          Times =
            { Training = value "training_seconds"
              Attack = value "attack_seconds"
              Aggregation = value "aggregation_seconds"
              Losses = value "losses_seconds"
              Update = value "update_seconds" }
          Received = optional "received"
          Stages = Array.map stage stages }

    // Somebody may be writing the last line.
    let points (stages: string[]) (file: string) : Point list =
        if not (File.Exists file) then
            []
        else
            use stream =
                new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite ||| FileShare.Delete)

            use reader = new StreamReader(stream)
            let text = reader.ReadToEnd()

            match text.Substring(0, text.LastIndexOf '\n' + 1).Split('\n') |> List.ofArray with
            | header :: lines ->
                let header = header.Split ','

                lines
                |> List.map _.Split(',')
                |> List.filter (fun cells -> cells.Length = header.Length && cells.Length > 1)
                |> List.map (point stages header)
            | [] -> []

    /// What is known of a run that was never begun.
    let pending =
        { Status = Status.Pending
          Reason = None
          Worst = None
          Mean = None
          Best = None
          Seconds = None
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

    // Records of other versions have other fields: what is asked for is looked up by name.
    let private outcomeOf (record: JsonElement) =
        let found (name: string) =
            match record.TryGetProperty name with
            | true, value when value.ValueKind <> JsonValueKind.Null -> Some(text value)
            | _ -> None

        let real name = found name |> Option.map number

        let plain =
            [ "device"; "threads"; "jobs"; "deterministic"; "data_checksum" ]
            |> List.choose (fun name -> found name |> Option.map (fun value -> name.Replace('_', ' '), value))

        { Status = found "status" |> Option.defaultValue "" |> Status.Parse
          Reason = found "reason"
          Worst = real "worst_accuracy"
          Mean = real "mean_accuracy"
          Best = real "best_accuracy"
          Seconds = real "seconds"
          Settings = fields "settings" record |> Map.ofList
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
        | :? InvalidOperationException -> pending
