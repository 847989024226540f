namespace UbarFs.Engine

open System
open System.Text
open System.Text.Json
open System.Text.Json.Nodes
open System.Text.Json.Serialization
open UbarFs.Core

/// How far a run is, as it is written in the store.
[<RequireQualifiedAccess>]
type Status =
    | Complete
    /// Some process works on it at this moment: what `holder.json` and the lock say, and never written.
    | Running
    | Interrupted
    | Failed
    | MissingData
    /// Complete, but its files are not those that it wrote: what readers find, and never written.
    | Damaged
    | Pending

    override status.ToString() =
        match status with
        | Complete -> "complete"
        | Running -> "running"
        | Interrupted -> "interrupted"
        | Failed -> "failed"
        | MissingData -> "missing-data"
        | Damaged -> "damaged"
        | Pending -> "pending"

    /// The status of a text in the store; one that nobody knows is of a run that has to be done.
    static member Parse(text: string) =
        [ Complete; Interrupted; Failed; MissingData; Damaged ]
        |> List.tryFind (fun status -> string status = text)
        |> Option.defaultValue Pending

/// One stretch of work on a run: a run that was interrupted has several.
type Sitting =
    {
        Started: DateTimeOffset
        /// Iterations that were done before, and taken from a checkpoint.
        FromIteration: int
        /// Seconds that these took: what the clock of the measurements said when the sitting began.
        FromSeconds: float
        Host: string
        Device: string
        /// Threads that computed: they change the time that a run takes, and no number.
        Threads: int
    }

/// Where a rule or an attack failed: of which node (none: of all at once), in which iteration, counted from 1.
type Breach = { Node: int option; Iteration: int64 }

/// What a run is called, and what is to be known of it to read its numbers: nobody has to tell it from names.
type RunFacts =
    {
        /// Labels.
        Dataset: string
        Model: string
        Rule: string
        Attack: string
        /// The names in the catalogue, or those of code.
        RuleName: string
        AttackName: string
        /// Whether nobody lies: the Byzantine nodes are left out or behave, or there are none.
        AttackFree: bool
        /// The accuracy of guessing.
        Chance: float
        /// How many test images an evaluation took, of how many.
        TestImages: int
        TestSize: int
        /// The names of the stages in which the rule selects.
        Stages: string list
    }

[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module RunFacts =

    let ofRun (run: Run) : RunFacts =
        { Dataset = Chosen.label run.Dataset
          Model = Chosen.label run.Model
          Rule = Chosen.label run.Rule
          Attack = Run.attackLabel run
          RuleName = run.Rule.Name
          AttackName = Run.attackName run
          AttackFree = Run.isAttackFree run
          Chance = 1.0 / float run.Dataset.Value.Classes
          TestImages = Run.testImages run
          TestSize = run.Dataset.Value.TestSize
          Stages = run.Rule.Value.Stages }

/// What a file was when its run was complete.
type Digest = { Bytes: int64; Sha256: string }

/// What `run.json` says of a run: what it is, what produced it and how it ended.
type RunRecord =
    {
        Id: string
        /// SHA-256 of everything that the id is derived from.
        Identity: string
        Scenario: string
        Status: string
        Reason: string option
        Breach: Breach option
        /// The text of every setting, by path: with versions and code, all that the id is derived from.
        Canonical: Map<string, string>
        /// None in records of older versions.
        Facts: RunFacts option
        WorstAccuracy: float option
        MeanAccuracy: float option
        BestAccuracy: float option
        /// Mean test loss and consensus error of the benign nodes at the end.
        TestLoss: float option
        ConsensusError: float option
        /// Whether no benign estimate was finite at the end.
        Diverged: bool option
        /// The mean success rate of a backdoor at the end, where there is one.
        SuccessRate: float option
        /// The lowest accuracy on the images that are held out at the end, if there are any.
        ValidationAccuracy: float option
        /// The accuracy of the mean of the benign estimates, where it is tested.
        AveragedAccuracy: float option
        /// Wall and processor time of all sittings, as far as their iterations were kept. The processor time is that of
        /// the whole process, and so are the most bytes of memory: with `--jobs` they include the runs beside this one.
        Seconds: float option
        CpuSeconds: float option
        PeakMemory: int64 option
        Started: DateTimeOffset
        Finished: DateTimeOffset option
        Device: string
        Threads: int
        Jobs: int
        DataChecksum: string
        Versions: Map<string, string>
        Sittings: Sitting list
        /// The files of a complete run, by name; none in records of older versions.
        Files: Map<string, Digest>
    }

/// Numbers that JSON lacks are the texts "NaN", "Infinity" and "-Infinity", in options, too, which .NET's own handling of
/// them leaves out.
type private AnyNumber() =
    inherit JsonConverter<float>()

    override _.Read(reader, _, _) =
        if reader.TokenType = JsonTokenType.String then
            match reader.GetString() with
            | "NaN" -> nan
            | "Infinity" -> infinity
            | "-Infinity" -> -infinity
            | text -> raise (JsonException $"'{text}' is no number")
        else
            reader.GetDouble()

    override _.Write(writer, value, _) =
        if Double.IsFinite value then
            writer.WriteNumberValue value
        else
            writer.WriteStringValue(value.ToString Globalization.CultureInfo.InvariantCulture)

[<RequireQualifiedAccess>]
module RunRecord =

    let private options =
        let made =
            JsonSerializerOptions(
                WriteIndented = true,
                Encoder = Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
                PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
                DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
            )

        made.Converters.Add(AnyNumber())
        made

    let private longest = 4 <<< 20

    /// The record as text. Beside the canonical text of the settings, from which a program reads the record again, it has
    /// them as JSON values, under `settings`; `json` makes these (`Campaign.Json`).
    let write (json: (string * string) seq -> JsonObject) (record: RunRecord) =
        match JsonSerializer.SerializeToNode(record, options) with
        | :? JsonObject as text ->
            let place = text |> Seq.findIndex (fun field -> field.Key = "canonical")
            text.Insert(place, "settings", json (Map.toSeq record.Canonical))
            text.ToJsonString options + "\n"
        | _ -> invalidOp "a record is an object"

    // ---- Reading

    let private text, optional, required = StoredValue.text, StoredValue.optional, StoredValue.required

    let private plain name value = optional name text value |> Option.defaultValue ""

    let private sitting (value: StoredValue) : Sitting =
        { Started = required "started" StoredValue.time value
          FromIteration = required "from_iteration" StoredValue.count value
          FromSeconds = optional "from_seconds" StoredValue.seconds value |> Option.defaultValue 0.0
          Host = plain "host" value
          Device = plain "device" value
          Threads = optional "threads" StoredValue.count value |> Option.defaultValue 0 }

    let private breach (value: StoredValue) : Breach =
        { Node = optional "node" StoredValue.count value
          Iteration = required "iteration" StoredValue.long value }

    let private facts (value: StoredValue) : RunFacts =
        { Dataset = required "dataset" text value
          Model = required "model" text value
          Rule = required "rule" text value
          Attack = required "attack" text value
          RuleName = required "rule_name" text value
          AttackName = required "attack_name" text value
          AttackFree = required "attack_free" StoredValue.truth value
          Chance = required "chance" StoredValue.share value
          TestImages = required "test_images" StoredValue.count value
          TestSize = required "test_size" StoredValue.count value
          Stages = required "stages" (StoredValue.array text) value |> List.ofArray }

    let private digest (value: StoredValue) : Digest =
        { Bytes = required "bytes" StoredValue.long value
          Sha256 = required "sha256" text value }

    // Older versions had the texts of the settings in the place of their values.
    let private canonical (value: StoredValue) =
        optional "canonical" (StoredValue.map StoredValue.lines) value
        |> Option.defaultWith (fun () -> required "settings" (StoredValue.map StoredValue.lines) value)
        |> OlderSettings.asToday

    let private texts name value = optional name (StoredValue.map text) value |> Option.defaultValue Map.empty

    // How it ended is filled in by `decode`.
    let private begun (value: StoredValue) : RunRecord =
        { Id = required "id" StoredValue.id value
          Identity = plain "identity" value
          Scenario = plain "scenario" value
          Status = required "status" text value
          Reason = optional "reason" StoredValue.lines value
          Breach = optional "breach" breach value
          Canonical = canonical value
          Facts = optional "facts" facts value
          WorstAccuracy = None
          MeanAccuracy = None
          BestAccuracy = None
          TestLoss = None
          ConsensusError = None
          Diverged = None
          SuccessRate = None
          ValidationAccuracy = None
          AveragedAccuracy = None
          Seconds = None
          CpuSeconds = None
          PeakMemory = None
          Started = required "started" StoredValue.time value
          Finished = None
          Device = plain "device" value
          Threads = optional "threads" StoredValue.count value |> Option.defaultValue 0
          Jobs = optional "jobs" StoredValue.count value |> Option.defaultValue 0
          DataChecksum = plain "data_checksum" value
          Versions = texts "versions" value
          Sittings =
            optional "sittings" (StoredValue.array sitting) value
            |> Option.map List.ofArray
            |> Option.defaultValue []
          Files = optional "files" (StoredValue.map digest) value |> Option.defaultValue Map.empty }

    let private decode (value: StoredValue) : RunRecord =
        { begun value with
            WorstAccuracy = optional "worst_accuracy" StoredValue.share value
            MeanAccuracy = optional "mean_accuracy" StoredValue.share value
            BestAccuracy = optional "best_accuracy" StoredValue.share value
            TestLoss = optional "test_loss" StoredValue.number value
            ConsensusError = optional "consensus_error" StoredValue.number value
            Diverged = optional "diverged" StoredValue.truth value
            SuccessRate = optional "success_rate" StoredValue.share value
            ValidationAccuracy = optional "validation_accuracy" StoredValue.share value
            AveragedAccuracy = optional "averaged_accuracy" StoredValue.share value
            Seconds = optional "seconds" StoredValue.seconds value
            CpuSeconds = optional "cpu_seconds" StoredValue.seconds value
            PeakMemory = optional "peak_memory" StoredValue.long value
            Finished = optional "finished" StoredValue.time value }

    /// The record in a text, or why there is none.
    let parse (text: byte[]) : Result<RunRecord, string> = StoreReading.parse decode text

    /// The record in a file; `Ok None` where there is no file.
    let read (file: string) : Result<RunRecord option, string> = StoreReading.json longest decode file
