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
    | Pending

    override status.ToString() =
        match status with
        | Complete -> "complete"
        | Running -> "running"
        | Interrupted -> "interrupted"
        | Failed -> "failed"
        | MissingData -> "missing-data"
        | Pending -> "pending"

    /// The status of a text in the store; one that nobody knows is of a run that has to be done.
    static member Parse(text: string) =
        [ Complete; Interrupted; Failed; MissingData ]
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

    /// The longest `run.json` that is read, in bytes.
    let longest = 4 <<< 20

    /// The record as text. Beside the canonical text of the settings, from which a program reads the record again, it has
    /// them as JSON values, under `settings`; `json` makes these (`Campaign.Json`).
    let write (json: (string * string) seq -> JsonObject) (record: RunRecord) =
        match JsonSerializer.SerializeToNode(record, options) with
        | :? JsonObject as text ->
            let place = text |> Seq.findIndex (fun field -> field.Key = "canonical")
            text.Insert(place, "settings", json (Map.toSeq record.Canonical))
            text.ToJsonString options + "\n"
        | _ -> invalidOp "a record is an object"

    // Older versions had the texts of the settings in the place of their values.
    let private older (fields: JsonObject) =
        match fields["settings"] with
        | null -> ()
        | settings ->
            if not (fields.ContainsKey "canonical") then
                fields.Add("canonical", settings.DeepClone())

    // The reader leaves null in the place of what is not there.
    let private isWhole (record: RunRecord) =
        [ box record.Id
          record.Identity
          record.Scenario
          record.Status
          record.Canonical
          record.Device
          record.DataChecksum
          record.Versions
          record.Sittings ]
        |> List.forall (isNull >> not)
        && record.Facts
           |> Option.forall (fun facts ->
               [ box facts.Dataset
                 facts.Model
                 facts.Rule
                 facts.Attack
                 facts.RuleName
                 facts.AttackName
                 facts.Stages ]
               |> List.forall (isNull >> not))

    /// The record in a text; nothing if it is not one.
    let tryParse (text: byte[]) : RunRecord option =
        try
            match JsonNode.Parse(ReadOnlySpan text) with
            | :? JsonObject as fields ->
                older fields

                JsonSerializer.Deserialize<RunRecord>(fields, options)
                |> Option.ofObj
                |> Option.filter isWhole
                |> Option.map (fun record -> { record with Canonical = OlderSettings.asToday record.Canonical })
            | _ -> None
        with
        | :? JsonException
        | :? ArgumentException
        | :? InvalidOperationException -> None
