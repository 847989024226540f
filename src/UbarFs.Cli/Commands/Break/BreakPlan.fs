namespace UbarFs.Cli

open System
open System.IO
open Argu
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Scenario
open UbarFs.Cli.Arguments

/// All that the command line of `ubarfs break` comes to, before anything runs.
type BreakPlan =
    {
        Subject: SearchScenario.Subject
        Question: BreakingQuestion
        /// What `ubarfs run` of the search's scenario would be told.
        RunArguments: ParseResults<RunArguments>
        /// Everything that the search may run.
        Run: RunPlan
        Planned: Planned
        /// The runs, each once, with their names in the store.
        Runs: (string * Run) list
        /// The names of a probe's run, and of the run that it is compared with.
        RunsOf: Probe -> (string * string) option
    }

[<RequireQualifiedAccess>]
module BreakPlan =

    let private fileName = "search.yaml"

    let private oneScenario (arguments: ParseResults<BreakArguments>) permit : Result<Scenario, int> =
        result {
            let file = arguments.GetResult BreakArguments.File

            do!
                if UbarFs.Scripting.Script.isScript file then
                    Error(
                        Exit.refuse
                            $"'{file}' is an F# script, and a search extends a scenario in YAML: 'ubarfs show {file}' \
                              prints one"
                    )
                else
                    Ok()

            let! overrides = Overriding.read (arguments.GetResults BreakArguments.Set) |> Result.mapError Exit.refuse
            let scripts = not (arguments.Contains BreakArguments.NoScripts)
            // What is odd about its own ratio is nothing to a search over others.
            let! scenarios = Scenarios.loadWarning false scripts permit overrides [ file ]
            return List.head scenarios
        }

    // The options that the search shares with `ubarfs run`.
    let private forRun (arguments: ParseResults<BreakArguments>) (file: string) : ParseResults<RunArguments> =
        let single option value = [ option; value ]

        let words =
            [ file
              for argument in arguments.GetAllResults() do
                  yield!
                      match argument with
                      | BreakArguments.Out dir -> single "--out" dir
                      | BreakArguments.Device device -> single "--device" device
                      | BreakArguments.Data dir -> single "--data" dir
                      | BreakArguments.Libtorch dir -> single "--libtorch" dir
                      | BreakArguments.Jobs count -> single "--jobs" (string count)
                      | BreakArguments.RuleTimeout time -> single "--rule-timeout" time
                      | BreakArguments.RuleMemory memory -> single "--rule-memory" (Csv.number memory)
                      | BreakArguments.Retry -> [ "--retry" ]
                      | BreakArguments.NoScripts -> [ "--no-scripts" ]
                      | BreakArguments.File _
                      | Ratios _
                      | Budget _
                      | BreakArguments.Format _
                      | BreakArguments.Set _
                      | BreakArguments.Quiet
                      | BreakArguments.Json -> []
              for assignment in SearchScenario.kept (arguments.GetResults BreakArguments.Set) do
                  yield! single "--set" assignment
              // Models of a search are nobody's.
              "--no-models" ]

        ArgumentParser.Create<RunArguments>(programName = "ubarfs run").ParseCommandLine(Array.ofList words)

    let private writeSearch (subject: SearchScenario.Subject) (folder: string) : Result<string, string> =
        try
            Directory.CreateDirectory folder |> ignore
            let file = Path.Combine(folder, fileName)

            let explanation =
                [ $"Everything that 'ubarfs break' may run of '{Path.GetFileName subject.File}': it runs few of these." ]

            SearchScenario.text
                subject
                folder
                $"{subject.Name}-break"
                explanation
                (SearchScenario.withBaseline subject)
                (subject.Absent :: List.map snd subject.Attacks)
                subject.Liars
            |> Durable.writeText file

            Ok file
        with
        | :? IOException
        | :? UnauthorizedAccessException as error ->
            let reason = error.Message.TrimEnd '.'
            Error $"cannot write to '{Path.GetFullPath folder}': {reason}. Choose another folder with --out."

    let private sample (run: Run) : Sample option =
        let images, size = Run.testImages run, run.Dataset.Value.TestSize

        if images > 0 && size > 0 then
            Some { Images = images; TestSize = size }
        else
            None

    /// Runs by rule, attack, number of Byzantine nodes and seed.
    let private index
        (subject: SearchScenario.Subject)
        (runs: (string * Run) list)
        : Probe -> (string * string) option =
        let known =
            runs
            |> List.map (fun (id, run) -> (Run.ruleLabel run, Run.attackLabel run, run.Network.Byzantine, run.Seed), id)
            |> Map.ofList

        let labels = runs |> List.map (fun (_, run) -> Run.ruleLabel run, run.Rule.Name) |> List.distinct

        let baseline =
            BaselineRule.labels labels subject.Baseline |> List.tryHead |> Option.defaultValue subject.Baseline

        fun probe ->
            let liars = subject.Liars[max 0 (probe.Place - 1)]
            let attack = if probe.Place = 0 then subject.Absent else probe.Attack
            let find rule attack = Map.tryFind (rule, attack, liars, probe.Seed) known
            Option.zip (find probe.Rule attack) (find baseline subject.Absent)

    /// Reads and opens everything, or says what is wrong and gives the exit code. `permit` is asked before code of a file
    /// runs for the first time.
    let ofArguments (arguments: ParseResults<BreakArguments>) prepare : Result<BreakPlan * IDisposable, int> =
        result {
            let! scenario = oneScenario arguments Scenarios.unasked

            let! subject =
                SearchScenario.subject (arguments.TryGetResult Ratios) scenario
                |> Result.mapError (fun reason -> Exit.refuse $"{scenario.File}: {reason}")

            let out = arguments.GetResult(BreakArguments.Out, "runs")

            let! file =
                writeSearch subject (Path.Combine(out, $"{subject.Name}-break")) |> Result.mapError Exit.refuse

            let runArguments = forRun arguments file
            let! (run: RunPlan), held = prepare runArguments
            let planned = List.exactlyOne run.Planned
            let runs = planned.Campaign.Runs
            let named = runs |> List.map (fun run -> RunStore.id run, run) |> List.distinctBy fst

            let question =
                { Attacks = List.map fst subject.Attacks
                  Places = subject.Liars.Length
                  Seeds = runs |> List.map _.Seed |> List.distinct |> List.sort
                  Chance = 1.0 / float runs.Head.Dataset.Value.Classes
                  Sample = sample runs.Head }

            let plan =
                { Subject = subject
                  Question = question
                  RunArguments = runArguments
                  Run = run
                  Planned = planned
                  Runs = named
                  RunsOf = index subject named }

            return plan, held
        }
