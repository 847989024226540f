namespace UbarFs.Engine

open System.IO
open System.Text.Encodings.Web
open System.Text.Json
open UbarFs.Core

/// A run of a sweep: what sets it apart, and what is to be known of it to read its numbers.
type SweptRun =
    {
        Id: string
        Seed: int64
        /// What the parts of the run are called: different ones of a sweep have different names.
        Dataset: string
        Model: string
        Rule: string
        Attack: string
        /// The names in the catalogue, or those of code.
        RuleName: string
        AttackName: string
        /// Whether nobody lies: the Byzantine nodes are left out or behave, or there are none.
        IsAttackFree: bool
        /// The swept paths and their values, in order.
        Swept: string[][]
        /// Every resolved setting but the seed, by path, with the checksums of code and graph files. Empty where an older
        /// version wrote the store.
        Settings: Map<string, string>
        /// The accuracy of guessing: one over the number of classes.
        Chance: float
        /// How many test images an evaluation takes, and how many there are; nothing where an older version wrote the store.
        TestImages: int option
        TestSize: int option
        /// The names of the stages in which the rule selects.
        Stages: string[]
    }

/// `sweep.json` of a store: all that a reader has to know of a scenario to make sense of its runs.
type SweepRecord =
    {
        Name: string
        Description: string
        /// The scenario in its canonical form.
        Scenario: string
        /// The rule that others are compared with, by its name or label.
        Baseline: string
        /// The version of ubarfs that the runs' ids stand for, and the hash of its code; nothing if an older one wrote it.
        Version: string option
        Code: string option
        Runs: SweptRun[]
    }

/// A path in which runs differ, with its values.
type VariedSetting = { Path: string; Values: string[] }

/// A run as the file has it; an older version left out what is optional.
type SweptLine =
    {
        Id: string
        Seed: int64
        Dataset: string
        Model: string
        Rule: string
        Attack: string
        RuleName: string option
        AttackName: string option
        AttackFree: bool option
        Swept: string[][]
        /// For each path that varies the number of its value, from 0; −1 where the run has none.
        Varied: int[] option
        Chance: float
        TestImages: int option
        TestSize: int option
        Stages: string[]
    }

/// The file but for its runs: what they share is told once.
type SweepHead =
    { Name: string
      Description: string
      Scenario: string
      Baseline: string option
      Version: string option
      Code: string option
      Settings: Map<string, string> option
      Varied: VariedSetting[] option }

[<RequireQualifiedAccess>]
module SweepFile =

    let private options isIndented =
        JsonSerializerOptions(
            WriteIndented = isIndented,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower
        )

    let private indented = options true
    let private compact = options false

    /// The name of the file.
    let name = "sweep.json"

    let private file folder = Path.Combine(folder, name)

    let private swept (names: RunNames) (run: Run) : SweptRun =
        let facts = RunFacts.ofRun run

        { Id = RunStore.id run
          Seed = run.Seed
          Dataset = names.Dataset run
          Model = names.Model run
          Rule = names.Rule run
          Attack = names.Attack run
          RuleName = facts.RuleName
          AttackName = facts.AttackName
          IsAttackFree = facts.AttackFree
          Swept = [| for path, value in run.Swept -> [| path; value |] |]
          Settings = Map.ofList (run.Settings)
          Chance = facts.Chance
          TestImages = Some facts.TestImages
          TestSize = Some facts.TestSize
          Stages = Array.ofList facts.Stages }

    let ofCampaign (campaign: Campaign) : SweepRecord =
        { Name = campaign.Name
          Description = campaign.Description
          Scenario = campaign.Scenario
          Baseline = campaign.Baseline
          Version = Some Identity.version
          Code = Some Identity.code
          Runs = campaign.Runs |> List.map (swept campaign.Names) |> Array.ofList }

    // ---- Writing

    /// What all runs share, and the paths in which they differ.
    let private divided (runs: SweptRun[]) : Map<string, string> * VariedSetting[] =
        let paths = runs |> Seq.collect (_.Settings >> Map.keys) |> Seq.distinct |> Array.ofSeq

        let valuesAt path =
            runs |> Array.map (fun run -> run.Settings |> Map.tryFind path) |> Array.distinct

        let values = paths |> Array.map (fun path -> path, valuesAt path)

        let shared =
            values
            |> Array.choose (function
                | path, [| Some value |] -> Some(path, value)
                | _ -> None)

        let varied =
            values
            |> Array.filter (fun (_, values) -> values.Length > 1)
            |> Array.map (fun (path, values) -> { Path = path; Values = Array.choose id values })

        Map.ofArray shared, varied

    let private line (varied: VariedSetting[]) : SweptRun -> SweptLine =
        let numbers =
            varied
            |> Array.map (fun varied ->
                varied.Path, varied.Values |> Array.indexed |> Array.map (fun (n, text) -> text, n) |> Map.ofArray)

        let number (run: SweptRun) (path, numbers) =
            run.Settings
            |> Map.tryFind path
            |> Option.bind (fun value -> Map.tryFind value numbers)
            |> Option.defaultValue -1

        fun run ->
            { Id = run.Id
              Seed = run.Seed
              Dataset = run.Dataset
              Model = run.Model
              Rule = run.Rule
              Attack = run.Attack
              RuleName = Some run.RuleName
              AttackName = Some run.AttackName
              AttackFree = Some run.IsAttackFree
              Swept = run.Swept
              Varied = Some(Array.map (number run) numbers)
              Chance = run.Chance
              TestImages = run.TestImages
              TestSize = run.TestSize
              Stages = run.Stages }

    /// The record as text: a line for each run.
    let text (record: SweepRecord) : string =
        let shared, varied = divided record.Runs

        let head: SweepHead =
            { Name = record.Name
              Description = record.Description
              Scenario = record.Scenario
              Baseline = Some record.Baseline
              Version = record.Version
              Code = record.Code
              Settings = Some shared
              Varied = Some varied }

        let lines =
            record.Runs
            |> Array.map (fun run -> "    " + JsonSerializer.Serialize(line varied run, compact))
            |> String.concat ",\n"

        let head = JsonSerializer.Serialize(head, indented)
        head.Substring(0, head.LastIndexOf '}').TrimEnd() + $",\n  \"runs\": [\n{lines}\n  ]\n}}\n"

    /// Writes what a scenario consists of into its store.
    let write (store: RunStore) (campaign: Campaign) =
        Durable.writeText (file store.Folder) (text (ofCampaign campaign))

    // ---- Reading

    let private longest = 1 <<< 29

    // Older versions told an attack by its label alone, and a label begins with the name.
    let private nameOf (label: string) = (label.Split " (")[0]

    let private word, optional, required = StoredValue.text, StoredValue.optional, StoredValue.required
    let private texts = StoredValue.array word

    let private varied (value: StoredValue) : VariedSetting =
        { Path = required "path" word value
          Values = required "values" (StoredValue.array StoredValue.lines) value }

    // The settings in which a run differs from others, each by the number of its value.
    let private own (varied: VariedSetting[]) (value: StoredValue) : (string * string) list =
        let numbers = StoredValue.array StoredValue.long value

        if numbers.Length <> varied.Length then
            StoreReading.fail $"{value.Place} has {numbers.Length} numbers for {varied.Length} settings"

        [ for setting, number in Array.zip varied numbers do
              if number >= int64 setting.Values.Length || number < -1L then
                  StoreReading.fail $"{value.Place}: '{setting.Path}' has no value {number}"
              elif number >= 0L then
                  setting.Path, setting.Values[int number] ]

    let private pair (value: StoredValue) =
        match texts value with
        | [| _; _ |] as pair -> pair
        | _ -> StoreReading.fail $"{value.Place} is not a path and its value"

    let private sweptPairs (value: StoredValue) =
        let pairs = StoredValue.array pair value

        if (pairs |> Array.distinctBy Array.head).Length < pairs.Length then
            StoreReading.fail $"{value.Place} has a path twice"

        pairs

    let private run (shared: Map<string, string>) (settings: VariedSetting[]) (value: StoredValue) : SweptRun =
        let rule, attack = required "rule" word value, required "attack" word value

        { Id = required "id" StoredValue.id value
          Seed = required "seed" StoredValue.long value
          Dataset = required "dataset" word value
          Model = required "model" word value
          Rule = rule
          Attack = attack
          RuleName = optional "rule_name" word value |> Option.defaultValue (nameOf rule)
          AttackName = optional "attack_name" word value |> Option.defaultValue (nameOf attack)
          IsAttackFree =
            optional "attack_free" StoredValue.truth value
            |> Option.defaultValue (List.contains attack [ "absent"; "none" ])
          Swept = required "swept" sweptPairs value
          Settings =
            optional "varied" (own settings) value
            |> Option.defaultValue []
            |> List.fold (fun settings (path, value) -> Map.add path value settings) shared
            |> OlderSettings.asToday
          Chance = required "chance" StoredValue.share value
          TestImages = optional "test_images" StoredValue.count value
          TestSize = optional "test_size" StoredValue.count value
          Stages = required "stages" texts value }

    let private decode (value: StoredValue) : SweepRecord =
        let shared =
            optional "settings" (StoredValue.map StoredValue.lines) value |> Option.defaultValue Map.empty

        let settings = optional "varied" (StoredValue.array varied) value |> Option.defaultValue [||]

        { Name = required "name" word value
          Description = optional "description" StoredValue.lines value |> Option.defaultValue ""
          Scenario = required "scenario" StoredValue.lines value
          Baseline = optional "baseline" word value |> Option.defaultValue BaselineRule.usual
          Version = optional "version" word value
          Code = optional "code" word value
          Runs = required "runs" (StoredValue.array (run shared settings)) value }

    /// What a folder's sweep consists of, or why that cannot be read; `Ok None` if the folder is no store.
    let read (folder: string) : Result<SweepRecord option, string> = StoreReading.json longest decode (file folder)

    /// What a folder's sweep consists of; nothing if it cannot be read, or the folder is no store.
    let tryRead (folder: string) : SweepRecord option = read folder |> Result.toOption |> Option.flatten
