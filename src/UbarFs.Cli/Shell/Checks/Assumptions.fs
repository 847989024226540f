/// Where a scenario's rules would assume more Byzantine neighbours than they are defined for, and where its attacks do next
/// to nothing.
module UbarFs.Cli.Assumptions

open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario

/// The benign nodes of a network, and their neighbourhoods in which a rule's cap applies.
type private Capped = { Benign: int; Beyond: (Headcount * Assumption) list }

// Further networks are not looked at: few kinds say it of a large sweep.
let private mostNetworks, private mostWork = 100, 20_000_000L

/// What a network depends on besides its seed, and whether it is attacked.
let private networkKey (run: Run) =
    Run.networkSettings run, run.Attacks |> List.exists _.Value.IsAbsent, NetworkChecks.isAttacked run

/// The networks of the first seeds, by what they depend on.
let private networks (runs: Run list) =
    let mutable work = 0L

    let draw run =
        if work >= mostWork then
            None
        else
            match Experiment.network run with
            | Error _ -> None
            | Ok(network, _) ->
                work <- work + int64 (Network.size network) + Graph.edgeCount network.Neighbours
                Some(networkKey run, network)

    runs |> List.distinctBy networkKey |> List.truncate mostNetworks |> List.choose draw |> Map.ofList

/// A rule that is told how many there are: where it knows of more than it is defined for, the network itself is beyond
/// it, and `NetworkChecks` says so.
let private isSaid (run: Run) assumes (headcount: Headcount) (assumption: Assumption) =
    let isTold = assumes { headcount with Byzantine = 0 } <> assumption
    isTold && assumption.Taken > 0 && NetworkChecks.isAttacked run

let private capped (run: Run) assumes (network: Network) : Capped =
    let benign = Network.benign network

    let beyond node =
        let headcount = Headcount.inNetwork run.Network.BenignRatio network node
        let assumption: Assumption = assumes headcount

        // A node that hears nobody aggregates nothing.
        if
            headcount.Neighbours > 0
            && assumption.Wanted > assumption.Taken
            && not (isSaid run assumes headcount assumption)
        then
            Some(headcount, assumption)
        else
            None

    { Benign = benign.Length; Beyond = benign |> Seq.choose beyond |> List.ofSeq }

let private line (name: string) (found: Capped list) =
    match found |> List.collect _.Beyond with
    | [] -> None
    | beyond ->
        let headcount, assumption = beyond |> List.minBy (fun (headcount, _) -> headcount.Neighbours)
        let benign = found |> List.sumBy _.Benign

        let many =
            if found.Length = 1 then
                ""
            else
                $" of {found.Length} networks"

        let noun =
            if headcount.Neighbours = 1 then
                "neighbour"
            else
                "neighbours"

        Some
            $"{name}: the cap on n̂ applies at {beyond.Length} of {benign} benign nodes{many}: of {headcount.Neighbours} \
              {noun} it would assume {assumption.Wanted} to be Byzantine, and is defined for {assumption.Taken}"

// Why an attack does next to nothing, in the first network where it does.
let private feeble (networks: Map<_, Network>) (scenario: Scenario) : string list =
    let said (run: Run) (attack: Chosen<Attack>) =
        match attack.Value with
        | Attack.Absent -> None
        | Attack.Present behaviour ->
            networks.TryFind(networkKey run)
            |> Option.bind behaviour.Feebleness
            |> Option.map (fun reason -> Chosen.label attack, reason)

    scenario.Runs
    |> List.collect (fun run -> run.Attacks |> List.choose (said run))
    |> List.distinctBy fst
    |> List.map (fun (attack, reason) -> $"{attack}: {reason}")

/// One line for each rule whose cap applies somewhere, and for each attack that does next to nothing somewhere, in the
/// networks of the first seeds.
let lines (scenario: Scenario) : string list =
    let networks = networks scenario.Runs

    scenario.Runs
    |> List.groupBy (fun run -> Chosen.canonical run.Rule)
    |> List.choose (fun (_, alike) ->
        let run = alike.Head

        run.Rule.Value.Assumes
        |> Option.bind (fun assumes ->
            alike
            |> List.distinctBy networkKey
            |> List.choose (fun run -> networks.TryFind(networkKey run) |> Option.map (capped run assumes))
            |> line (Run.ruleLabel run)))
    |> fun rules -> rules @ feeble networks scenario
