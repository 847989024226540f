namespace UbarFs.Cli

open System
open Argu
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Engine.Data
open UbarFs.LibTorch
open UbarFs.Scenario
open UbarFs.Cli.Arguments

/// The runs of a scenario with the store that their results go to.
type Planned = { Campaign: Campaign; Store: RunStore }

/// All that the command line of `ubarfs run` comes to, before anything runs.
type RunPlan = { Planned: Planned list; Session: Session; LibTorch: LibTorchReport }

[<RequireQualifiedAccess>]
module RunPlan =

    /// Every dataset that the scenarios name, loaded once. Damaged files refuse the whole command; missing ones only
    /// the runs that need them.
    let private supplies device (places: UbarFs.Engine.Data.Place list) (scenarios: Scenario list) =
        let supply (dataset: Chosen<Dataset>) =
            match Store.load places dataset with
            | Ok loaded ->
                loaded.Notices |> List.iter Exit.complain
                Ok(dataset.Value, Supply.Available(Samples.create device loaded, loaded.Checksum))
            | Error(DataProblem.Missing _ as missing) -> Ok(dataset.Value, Supply.Missing(DataProblem.describe missing))
            | Error damaged -> Error(DataProblem.describe damaged)

        scenarios
        |> List.collect _.Runs
        |> List.map _.Dataset
        |> List.distinctBy _.Value
        |> List.traverseResultM supply
        |> Result.map Map.ofList

    /// How many runs are to be side by side, at most.
    let jobs (arguments: ParseResults<RunArguments>) : Result<int, string> =
        match arguments.GetResult(RunArguments.Jobs, 1) with
        | jobs when jobs < 1 -> Error $"--jobs is {jobs}: expected 1 or more"
        | jobs -> Ok jobs

    /// What of a session the command line says.
    let private session (arguments: ParseResults<RunArguments>) device supply : Result<Session, string> =
        result {
            let! jobs = jobs arguments

            let! shard =
                match arguments.TryGetResult RunArguments.Shard with
                | Some text -> Shard.parse text
                | None -> Ok Shard.whole

            let! cadence =
                match arguments.TryGetResult CheckpointEvery with
                | Some text -> Cadence.parse text
                | None -> Ok Cadence.standard

            return
                { SessionDefaults.create device supply with
                    Fresh = arguments.Contains Fresh
                    Retry = arguments.Contains RunArguments.Retry
                    Shard = shard
                    Jobs = jobs
                    Checkpoints = cadence
                    KeepModels = not (arguments.Contains NoModels) }
        }

    let private opened out (scenario: Scenario) =
        RunStore.opened out scenario.Name
        |> Result.map (fun store -> { Campaign = Campaign.ofScenario scenario; Store = store })

    /// What `ofArguments` gives, with what is odd about the scenarios said only if it is to warn.
    let ofArgumentsWarning warning permit (arguments: ParseResults<RunArguments>) : Result<RunPlan, int> =
        result {
            let! overrides = Overriding.read (arguments.GetResults RunArguments.Set) |> Result.mapError Exit.refuse
            let! places = Places.named (arguments.TryGetResult RunArguments.Data) |> Result.mapError Exit.refuse

            let! scenarios =
                Scenarios.loadWarning
                    warning
                    (not (arguments.Contains RunArguments.NoScripts))
                    permit
                    overrides
                    (arguments.GetResult RunArguments.Files)

            let! libtorch =
                LibTorch.load (arguments.TryGetResult RunArguments.Libtorch) |> Result.mapError Exit.refuse

            let! device =
                Device.parse (arguments.GetResult(RunArguments.Device, "auto")) |> Result.mapError Exit.refuse

            do! Preflight.all warning scenarios
            let! supplies = supplies device places scenarios |> Result.mapError Exit.refuse
            let supply (dataset: Chosen<Dataset>) = Map.find dataset.Value supplies
            let! session = session arguments device supply |> Result.mapError Exit.refuse
            let out = arguments.GetResult(RunArguments.Out, "runs")
            let! planned = scenarios |> List.traverseResultM (opened out) |> Result.mapError Exit.refuse
            libtorch.Warning |> Option.ofObj |> Option.iter Exit.complain

            return
                { Planned = planned
                  Session = { session with Versions = Provenance.versions libtorch }
                  LibTorch = libtorch }
        }

    /// Reads and opens everything, or says what is wrong and gives the exit code. `permit` is asked before code of a file
    /// runs for the first time.
    let ofArguments permit arguments = ofArgumentsWarning true permit arguments
