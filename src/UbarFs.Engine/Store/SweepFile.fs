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

/// The runs of the file.
type SweepLines = { Runs: SweptLine[] }

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

    let private file folder = Path.Combine(folder, "sweep.json")

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

    // Older versions told an attack by its label alone, and a label begins with the name.
    let private nameOf (label: string) = (label.Split " (")[0]

    let private run (head: SweepHead) (line: SweptLine) : SweptRun =
        let own =
            match head.Varied, line.Varied with
            | Some varied, Some numbers ->
                Array.zip varied numbers
                |> Array.filter (fun (_, number) -> number >= 0)
                |> Array.map (fun (varied, number) -> varied.Path, varied.Values[number])
            | _ -> [||]

        { Id = line.Id
          Seed = line.Seed
          Dataset = line.Dataset
          Model = line.Model
          Rule = line.Rule
          Attack = line.Attack
          RuleName = line.RuleName |> Option.defaultValue (nameOf line.Rule)
          AttackName = line.AttackName |> Option.defaultValue (nameOf line.Attack)
          IsAttackFree = line.AttackFree |> Option.defaultValue (List.contains line.Attack [ "absent"; "none" ])
          Swept = line.Swept
          Settings =
            head.Settings
            |> Option.defaultValue Map.empty
            |> Map.fold (fun settings path value -> Map.add path value settings) (Map.ofArray own)
            |> OlderSettings.asToday
          Chance = line.Chance
          TestImages = line.TestImages
          TestSize = line.TestSize
          Stages = line.Stages }

    // The reader leaves null in the place of what is not there.
    let private isWhole (line: SweptLine) =
        [ box line.Id
          line.Dataset
          line.Model
          line.Rule
          line.Attack
          line.Swept
          line.Stages ]
        |> List.forall (isNull >> not)
        && line.Swept
           |> Array.forall (fun pair -> not (isNull (box pair)) && pair.Length = 2 && not (Array.exists isNull pair))

    let private isReadable (head: SweepHead) =
        not (isNull (box head.Name) || isNull (box head.Scenario))
        && head.Varied
           |> Option.forall (
               Array.forall (fun varied ->
                   not (isNull (box varied) || isNull (box varied.Path) || isNull (box varied.Values))
                   && not (Array.exists isNull varied.Values))
           )

    let private parse (text: string) : SweepRecord option =
        let head = JsonSerializer.Deserialize<SweepHead>(text, indented) |> Option.ofObj
        let lines = JsonSerializer.Deserialize<SweepLines>(text, indented) |> Option.ofObj

        match head, lines with
        | Some head, Some { Runs = lines } when
            isReadable head && not (isNull (box lines)) && Array.forall isWhole lines
            ->
            Some
                { Name = head.Name
                  Description = head.Description |> Option.ofObj |> Option.defaultValue ""
                  Scenario = head.Scenario
                  Baseline = head.Baseline |> Option.defaultValue BaselineRule.usual
                  Version = head.Version
                  Code = head.Code
                  Runs = Array.map (run head) lines }
        | _ -> None

    /// What a folder's sweep consists of; nothing if it is no store.
    let tryRead folder : SweepRecord option =
        try
            parse (File.ReadAllText(file folder))
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException
        | :? JsonException
        | :? System.IndexOutOfRangeException
        | :? System.ArgumentException -> None
