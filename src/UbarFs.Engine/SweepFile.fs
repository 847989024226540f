namespace UbarFs.Engine

open System.IO
open System.Text.Json
open UbarFs.Core
open UbarFs.Scenario

/// A run of a sweep: what sets it apart.
type SweptRun =
    {
        Id: string
        Seed: int64
        Dataset: string
        Model: string
        Rule: string
        Attack: string
        /// The swept paths and their values, in order.
        Swept: string[][]
        /// The accuracy of guessing: one over the number of classes.
        Chance: float
        /// How many test images an evaluation takes; 0 where an older version wrote the store.
        TestImages: int
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
        /// The rule that others are compared with; nothing where an older version wrote the store.
        Baseline: string
        Runs: SweptRun[]
    }

[<RequireQualifiedAccess>]
module SweepFile =

    let private options =
        JsonSerializerOptions(WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower)

    let private file folder = Path.Combine(folder, "sweep.json")

    let private swept (run: Run) =
        { Id = RunStore.id run
          Seed = run.Seed
          Dataset = Chosen.label run.Dataset
          Model = Chosen.label run.Model
          Rule = Chosen.label run.Rule
          Attack = Run.attackLabel run
          Swept = [| for path, value in run.Swept -> [| path; value |] |]
          Chance = 1.0 / float run.Dataset.Value.Classes
          TestImages = Run.testImages run
          Stages = Array.ofList run.Rule.Value.Stages }

    let ofScenario (scenario: Scenario) =
        { Name = scenario.Name
          Description = scenario.Description
          Scenario = YamlText.ofScenario scenario
          Baseline = scenario.Baseline
          Runs = scenario.Runs |> List.map swept |> Array.ofList }

    /// Writes what a scenario consists of into its store.
    let write (store: RunStore) (scenario: Scenario) =
        Durable.writeText (file store.Folder) (JsonSerializer.Serialize(ofScenario scenario, options) + "\n")

    /// What a folder's sweep consists of; nothing if it is no store.
    let tryRead folder : SweepRecord option =
        try
            JsonSerializer.Deserialize<SweepRecord>(File.ReadAllText(file folder), options) |> Option.ofObj
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException
        | :? JsonException -> None
