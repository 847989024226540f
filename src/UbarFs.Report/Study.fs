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

/// A run as its store has it.
type StudyRun =
    {
        Identity: SweptRun
        /// The values that set it apart, by path, without its seed.
        Settings: (string * string) list
        Outcome: Outcome
        Points: Point list
        Folder: string
    }

/// Sweeps as their stores have them: what a report is about.
type Study =
    {
        Name: string
        Description: string
        /// The canonical form of each scenario, by its name.
        Scenarios: (string * string) list
        Runs: StudyRun list
        Folders: string list
    }

/// Reads what runs measured; whatever is missing or half written is not there.
[<RequireQualifiedAccess>]
module Study =

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
          TestLoss = optional "test_loss"
          ConsensusError = optional "consensus_error"
          Times =
            { Training = value "training_seconds"
              Attack = value "attack_seconds"
              Aggregation = value "aggregation_seconds"
              Losses = value "losses_seconds"
              Update = value "update_seconds" }
          Received = optional "received"
          Stages = Array.map stage stages }

    // Somebody may be writing the last line.
    let private points (run: SweptRun) (file: string) : Point list =
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
                |> List.map (point run.Stages header)
            | [] -> []

    let private pending =
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

    let private outcome (file: string) =
        try
            use document = JsonDocument.Parse(File.ReadAllText file)
            outcomeOf document.RootElement
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException
        | :? JsonException
        | :? FormatException
        | :? InvalidOperationException -> pending

    let private isSeed (path: string, _: string) = path = "seed"

    let private run folder (identity: SweptRun) =
        let own = Path.Combine(folder, identity.Id)

        { Identity = identity
          Settings = [ for pair in identity.Swept -> pair[0], pair[1] ] |> List.filter (isSeed >> not)
          Outcome = outcome (Path.Combine(own, "run.json"))
          Points = points identity (Path.Combine(own, MetricsFile.name))
          Folder = own }

    let private ofSweep folder (sweep: SweepRecord) =
        { Name = sweep.Name
          Description = sweep.Description
          Scenarios = [ sweep.Name, sweep.Scenario ]
          Runs = sweep.Runs |> Array.map (run folder) |> List.ofArray
          Folders = [ folder ] }

    /// What is in a store; nothing if the folder is none.
    let tryLoad (folder: string) : Study option = SweepFile.tryRead folder |> Option.map (ofSweep folder)

    // What the runs differ in without their sweeps having said so.
    let private differing (runs: StudyRun list) =
        [ "data.dataset", (fun run -> run.Identity.Dataset)
          "model", _.Identity.Model
          "attack", _.Identity.Attack ]
        |> List.filter (fun (_, value) -> runs |> List.distinctBy value |> List.length > 1)

    /// Gives every run a value for every path in which any of them differ.
    let private aligned (runs: StudyRun list) =
        let implied = differing runs
        let swept = runs |> List.collect (fun run -> List.map fst run.Settings) |> List.distinct
        let paths = swept @ (List.map fst implied |> List.except swept)

        let value (run: StudyRun) path =
            match run.Settings |> List.tryFind (fst >> (=) path), implied |> List.tryFind (fst >> (=) path) with
            | Some(_, value), _ -> value
            | None, Some(_, value) -> value run
            | None, None -> run.Outcome.Settings |> Map.tryFind path |> Option.defaultValue ""

        runs
        |> List.map (fun run -> { run with Settings = paths |> List.map (fun path -> path, value run path) })

    // Of the same run in several stores the one that is furthest.
    let private furthest (runs: StudyRun list) =
        runs |> List.maxBy (fun run -> run.Outcome.Status = Status.Complete, run.Points.Length)

    /// Several stores as one: runs that are in more than one of them count once.
    let merge (studies: Study list) : Study =
        let runs = studies |> List.collect _.Runs |> List.groupBy _.Identity.Id |> List.map (snd >> furthest)
        let descriptions = studies |> List.map _.Description |> List.filter ((<>) "") |> List.distinct

        { Name = studies |> List.map _.Name |> List.distinct |> String.concat " + "
          Description = String.concat " " descriptions
          Scenarios = studies |> List.collect _.Scenarios |> List.distinct
          Runs = if List.length studies > 1 then aligned runs else runs
          Folders = studies |> List.collect _.Folders }
