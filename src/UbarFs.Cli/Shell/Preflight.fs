/// What can be known before training to make a run impossible.
module UbarFs.Cli.Preflight

open System.Collections.Generic
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario

/// Why a run cannot be, if it has too little memory or a network that cannot be drawn. Networks that differ in nothing
/// but their seed are tried once.
let private obstacle (tried: HashSet<string>) (run: Run) : string option =
    let network () =
        let plan = run.Network
        let key = $"{Chosen.canonical plan.Topology} {plan.Benign} {plan.ByzantineRatio} {plan.Placement}"

        if tried.Add key then
            Experiment.drawNetwork run |> Result.map ignore
        else
            Ok()

    Architecture.create run.Dataset.Value.Shape run.Dataset.Value.Classes run.Model.Value
    |> Result.bind (Memory.check run)
    |> Result.bind network
    |> function
        | Ok() -> None
        | Error reason -> Some reason

/// Refuses a scenario with runs that cannot be, at the place in its file that sets the size of their networks.
let scenario (scenario: Scenario) : Result<unit, Diagnostic list> =
    let tried = HashSet<string>()

    let refused =
        Seq.zip scenario.Runs scenario.Places
        |> Seq.choose (fun (run, place) ->
            obstacle tried run
            |> Option.map (fun reason -> Diagnostic.error place.Size $"{reason} ({Run.label run})", (place, reason)))
        |> Seq.distinctBy snd
        |> Seq.map fst
        |> Seq.truncate Diagnostic.most
        |> List.ofSeq

    if refused.IsEmpty then Ok() else Error refused

/// Does so for several scenarios, prints what is refused or odd, and gives the exit code.
let all (scenarios: Scenario list) : Result<unit, int> =
    let refused =
        scenarios
        |> List.map scenario
        |> List.collect (function
            | Ok() -> []
            | Error refused -> refused)

    if refused.IsEmpty then
        scenarios |> List.collect NetworkChecks.warnings |> Scenarios.print
        Ok()
    else
        Scenarios.print refused
        Error Exit.badUsage
