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

// Networks beyond this many nodes and edges are left to the run itself, which refuses them when it begins.
let private mostWork = 20_000_000L

/// Why some node could not aggregate by the run's rule. Most rules fit every network, and none is drawn for them.
let private misfit (drawn: Dictionary<_, string option>) (work: int64 ref) (run: Run) : string option =
    let isAbsent = run.Attacks |> List.exists _.Value.IsAbsent
    let key = run.Seed, Chosen.canonical run.Rule, Run.networkSettings run, isAbsent

    match run.Rule.Value.Objection, drawn.TryGetValue key with
    | None, _ -> None
    | Some _, (true, found) -> found
    | Some _, _ when work.Value >= mostWork -> None
    | Some _, _ ->
        drawn[key] <-
            match Experiment.network run with
            | Error _ -> None
            | Ok(network, participants) ->
                work.Value <- work.Value + int64 (Network.size network) + Graph.edgeCount network.Neighbours

                match Experiment.fitsRule run (network, participants) with
                | Ok() -> None
                | Error reason -> Some reason

        drawn[key]

/// Refuses a scenario with runs that cannot be, at the place in its file that sets the size of their networks, or names
/// the rule that does not fit them, or the partition whose shares cannot be had.
let scenario (scenario: Scenario) : Result<unit, Diagnostic list> =
    let tried, drawn, work = HashSet<string>(), Dictionary(HashIdentity.Structural), ref 0L

    let shares = ShareChecks.obstacles ()

    let refuse (run: Run) (place: NetworkPlaces) =
        let misfit () =
            // One of many seeds and networks is enough.
            misfit drawn work run
            |> Option.map (fun reason ->
                Option.defaultValue place.Size place.Rule, reason, (place, Chosen.canonical run.Rule))

        let share () =
            shares run
            |> Option.map (fun reason ->
                Option.defaultValue place.Size place.Partition,
                reason,
                ({ place with Rule = None }, Chosen.canonical run.Partition))

        obstacle tried run
        |> Option.map (fun reason -> place.Size, reason, (place, reason))
        |> Option.orElseWith misfit
        |> Option.orElseWith share

    let refused =
        Seq.zip scenario.Runs scenario.Places
        |> Seq.choose (fun (run, place) ->
            refuse run place
            |> Option.map (fun (span, reason, kind) -> Diagnostic.error span $"{reason} ({Run.label run})", kind))
        |> Seq.distinctBy snd
        |> Seq.map fst
        |> Seq.truncate Diagnostic.most
        |> List.ofSeq

    if refused.IsEmpty then Ok() else Error refused

/// Does so for several scenarios, prints what is refused, and what is odd if it is to warn, and gives the exit code.
let all warning (scenarios: Scenario list) : Result<unit, int> =
    let refused =
        scenarios
        |> List.map scenario
        |> List.collect (function
            | Ok() -> []
            | Error refused -> refused)

    if refused.IsEmpty then
        if warning then
            scenarios |> List.collect NetworkChecks.warnings |> Scenarios.print

        Ok()
    else
        Scenarios.print refused
        Error Exit.badUsage
