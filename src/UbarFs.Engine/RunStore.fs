namespace UbarFs.Engine

open System
open System.IO
open System.Security.Cryptography
open System.Text
open System.Text.Json
open System.Text.Json.Serialization
open UbarFs.Core
open UbarFs.Scenario

/// How far a run is, as it is written in the store.
[<RequireQualifiedAccess>]
type Status =
    | Complete
    | Interrupted
    | Failed
    | MissingData
    | Pending

    override status.ToString() =
        match status with
        | Complete -> "complete"
        | Interrupted -> "interrupted"
        | Failed -> "failed"
        | MissingData -> "missing-data"
        | Pending -> "pending"

    /// The status of a text in the store; one that nobody knows is of a run that has to be done.
    static member Parse(text: string) =
        [ Complete; Interrupted; Failed; MissingData ]
        |> List.tryFind (fun status -> string status = text)
        |> Option.defaultValue Pending

/// What `run.json` says of a run: what it is, what produced it and how it ended.
type RunRecord =
    { Id: string
      Scenario: string
      Status: string
      Reason: string option
      Settings: Map<string, string>
      WorstAccuracy: float option
      MeanAccuracy: float option
      BestAccuracy: float option
      Seconds: float option
      Started: DateTimeOffset
      Finished: DateTimeOffset option
      Device: string
      DataChecksum: string
      Versions: Map<string, string> }

/// The folder of one scenario's runs: `results.csv`, and for each run a folder with `run.json` and what it measured.
type RunStore = { Folder: string }

[<RequireQualifiedAccess>]
module RunStore =

    let private json =
        JsonSerializerOptions(
            WriteIndented = true,
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals
        )

    /// The version that takes part in a run's identity: other code may give other numbers.
    let version = (typeof<RunStore>.Assembly.GetName().Version |> nonNull).ToString 3

    /// A run's id is derived from everything that determines its result.
    let id (run: Run) =
        let settings = Run.canonical run |> List.map (fun (path, value) -> $"{path}: {value}\n")
        let identity = String.concat "" ($"ubarfs: {version}\n" :: settings)
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes identity)).Substring(0, 12)

    // Enough that a full disk takes no part of it.
    let private probe = Array.zeroCreate<byte> 65536

    let private tryWriting folder =
        let file = Path.Combine(folder, $".probe-{Guid.NewGuid():N}")

        try
            File.WriteAllBytes(file, probe)
        finally
            File.Delete file

    /// Opens the folder `out/name`, creating it; fails if nothing can be written there, and then leaves nothing new.
    let opened (out: string) (name: string) : Result<RunStore, string> =
        let folder = Path.Combine(out, name)
        let made = [ folder; out ] |> List.takeWhile (Directory.Exists >> not)

        let withdraw () =
            for folder in made do
                if Directory.Exists folder then
                    Directory.Delete folder

        // Some of .NET's messages end with the file, here the probe's.
        let refused (reason: string) =
            let reason = Array.head(reason.Split " : '").TrimEnd '.'
            Error $"cannot write to '{Path.GetFullPath folder}': {reason}. Choose another folder with --out."

        if File.Exists out then
            refused $"'{out}' is a file"
        else
            try
                Directory.CreateDirectory folder |> ignore
                tryWriting folder
                Ok { Folder = folder }
            with
            | :? IOException
            | :? UnauthorizedAccessException as error ->
                withdraw ()
                refused error.Message

    let folderOf store run = Path.Combine(store.Folder, id run)
    let private recordFile store run = Path.Combine(folderOf store run, "run.json")
    let private metricsFile store run = Path.Combine(folderOf store run, MetricsFile.name)

    /// Writes a file whose reader sees the old text or the new one, never a part.
    let replace (file: string) (text: string) =
        let draft = $"{file}.{Guid.NewGuid():N}.tmp"

        try
            File.WriteAllText(draft, text)
            File.Move(draft, file, overwrite = true)
        finally
            File.Delete draft

    let save store run (record: RunRecord) =
        Directory.CreateDirectory(folderOf store run) |> ignore
        replace (recordFile store run) (JsonSerializer.Serialize(record, json) + "\n")

    /// What the store knows of a run; nothing when it was never begun or its record is not one: then it is done anew.
    let tryRecord store run : RunRecord option =
        try
            JsonSerializer.Deserialize<RunRecord>(File.ReadAllText(recordFile store run), json) |> Option.ofObj
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException
        | :? JsonException -> None

    /// Drops what the store knows of a run.
    let forget store run =
        if Directory.Exists(folderOf store run) then
            File.Delete(recordFile store run)
            File.Delete(metricsFile store run)
            NodesFile.delete (folderOf store run)

    /// Opens the run's `metrics.csv` afresh; each evaluation is on disk as soon as it is written.
    let metrics store run =
        Directory.CreateDirectory(folderOf store run) |> ignore
        let writer = new StreamWriter(metricsFile store run, false, AutoFlush = true, NewLine = "\n")
        writer.WriteLine(Csv.line (MetricsFile.header run.Rule.Value.Stages))
        writer

    let writeMetrics (writer: StreamWriter) evaluation = writer.WriteLine(Csv.line (MetricsFile.row evaluation))

    /// Writes `results.csv` for the scenario's runs from their records: one row per run, in order.
    let saveResults store (rows: (Run * Status * RunRecord option) list) =
        let identity = [ "run"; "status"; "seed"; "dataset"; "model"; "rule"; "attack" ]

        // A swept rule has its column already.
        let paths =
            rows
            |> List.collect (fun (run, _, _) -> List.map fst run.Swept)
            |> List.distinct
            |> List.except identity

        let header = identity @ paths @ [ "worst_accuracy"; "mean_accuracy"; "best_accuracy"; "seconds" ]

        let row (run: Run, status: Status, record: RunRecord option) =
            let optional format value = record |> Option.bind value |> Option.map format |> Option.defaultValue ""

            [ id run
              string status
              string run.Seed
              Chosen.label run.Dataset
              Chosen.label run.Model
              Chosen.label run.Rule
              Run.attackLabel run ]
            @ (paths
               |> List.map (fun path ->
                   List.tryFind (fst >> (=) path) run.Swept |> Option.map snd |> Option.defaultValue ""))
            @ [ optional Csv.number _.WorstAccuracy
                optional Csv.number _.MeanAccuracy
                optional Csv.number _.BestAccuracy
                optional Csv.seconds _.Seconds ]

        let lines = Csv.line header :: List.map (row >> Csv.line) rows
        replace (Path.Combine(store.Folder, "results.csv")) (String.concat "\n" lines + "\n")
