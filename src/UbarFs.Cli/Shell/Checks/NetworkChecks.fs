/// Warnings about the networks that a scenario's runs would have, which only drawing them can tell.
module UbarFs.Cli.NetworkChecks

open System
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario

/// What a network depends on besides its seed. A ratio counts as the number of nodes that it is rounded to.
type private Plan =
    {
        Text: string
        Run: Run
        Places: NetworkPlaces
        /// The rules that run on it, each with where it is written.
        Rules: (Chosen<Rule> * Span option) list
    }

/// A network that was drawn, without its graph.
type private Drawn =
    {
        Seed: int64
        Byzantine: int
        /// Byzantine nodes without any neighbour.
        Isolated: int
        /// Edges of Byzantine nodes to benign ones.
        Edges: int
        /// How many neighbours benign nodes have, and how many of these are Byzantine: each pair once.
        Neighbourhoods: (int * int) list
        /// Tells networks apart.
        Print: int64
    }

// Networks beyond these are not looked at: a sweep of thousands has few kinds, and a large network says it in one draw.
let private mostPlans, private mostSeeds, private mostWork = 100, 10, 20_000_000L

let private planText (run: Run) =
    let network = run.Network

    let bound =
        if network.EnforceBenignRatio then
            string network.BenignRatio
        else
            "none"

    $"{Chosen.canonical network.Topology} {network.Benign} {network.Byzantine} {bound} {network.Placement}"

/// Whether Byzantine nodes lie.
let isAttacked (run: Run) =
    run.Network.Byzantine > 0
    && not (run.Attacks |> List.forall (fun attack -> attack.Name = "none" || attack.Name = "absent"))

let private print (network: Network) =
    let mutable hash = 14695981039346656037UL

    let add (number: int) = hash <- (hash ^^^ uint64 (uint32 number)) * 1099511628211UL

    for struct (one, other) in Graph.edges network.Neighbours do
        add one
        add other

    network.Byzantine |> Array.iter (fun isByzantine -> add (if isByzantine then 1 else 0))
    int64 hash

let private draw (run: Run) : (Drawn * int64) option =
    match Experiment.drawNetwork run with
    | Error _ -> None
    | Ok network ->
        let isIsolated node = network.Byzantine[node] && network.Neighbours[node].Length = 0
        let nodes = Network.size network

        let neighbourhoods =
            Network.benign network
            |> Seq.map (fun node -> network.Neighbours[node].Length, Network.byzantineNeighbours network node)
            |> Seq.distinct
            |> List.ofSeq

        Some(
            { Seed = run.Seed
              Byzantine = run.Network.Byzantine
              Isolated = Seq.init nodes id |> Seq.filter isIsolated |> Seq.length
              Edges = Network.benign network |> Seq.sumBy (Network.byzantineNeighbours network)
              Neighbourhoods = neighbourhoods
              Print = print network },
            int64 nodes + Graph.edgeCount network.Neighbours
        )

/// The plans of the attacked runs, each with the runs of some of its seeds.
let private plans (scenario: Scenario) =
    List.zip scenario.Runs scenario.Places
    |> List.filter (fst >> isAttacked)
    |> List.groupBy (fun (run, _) -> planText run)
    |> List.truncate mostPlans
    |> List.map (fun (text, alike) ->
        let run, places = alike.Head
        let runs = alike |> List.map fst |> List.distinctBy _.Seed |> List.truncate mostSeeds

        let rules =
            alike
            |> List.map (fun ((run: Run), (places: NetworkPlaces)) -> run.Rule, places.Rule)
            |> List.distinctBy (fun (rule, place) -> Chosen.canonical rule, place)

        { Text = text; Run = run; Places = places; Rules = rules }, runs)

/// Every plan with its networks, as far as the work goes.
let private drawn (plans: (Plan * Run list) list) =
    let mutable work = 0L

    let within run =
        if work >= mostWork then
            None
        else
            match draw run with
            | Some(drawn, spent) ->
                work <- work + spent
                Some drawn
            | None -> None

    plans |> List.map (fun (plan, runs) -> plan, List.choose within runs)

let private seeds (networks: Drawn list) =
    let shown =
        networks |> List.truncate 5 |> List.map (fun drawn -> string drawn.Seed) |> String.concat ", "

    let noun = if networks.Length = 1 then "seed" else "seeds"

    if networks.Length > 5 then
        $"{noun} {shown} and {networks.Length - 5} more"
    else
        $"{noun} {shown}"

let private which (networks: Drawn list) (some: Drawn list) =
    if networks.Length = 1 then
        $"the network of {seeds some}"
    else
        $"{some.Length} of {networks.Length} networks drawn ({seeds some})"

/// Liars that nobody hears: the enforced ρ took their edges, or they were drawn without any.
let private isolated (plan: Plan, networks: Drawn list) =
    let network = plan.Run.Network

    match networks |> List.filter (fun drawn -> drawn.Isolated > 0) with
    | [] -> None
    | some ->
        let worst = some |> List.map _.Isolated |> List.max

        let liars =
            match network.Byzantine with
            | 1 -> "the only Byzantine node has"
            | count when worst = 1 -> $"1 of {count} Byzantine nodes has"
            | count -> $"up to {worst} of {count} Byzantine nodes have"

        let which = which networks some

        let warning =
            Diagnostic.warning
                (plan.Places.Ratio |> Option.defaultValue plan.Places.Size)
                $"{liars} no neighbour in {which}: what is sent there reaches nobody"

        let hint =
            if network.EnforceBenignRatio then
                $"edges to Byzantine nodes are dropped until ρ = {Value.Real network.BenignRatio} holds at every benign \
                  node: a larger or denser network, a smaller network.benign-ratio or network.enforce-benign-ratio: \
                  false keeps more of them"
            else
                "a larger or denser network has fewer of them"

        Some(warning |> Diagnostic.hinted hint)

/// Sybils that benign nodes do not let keep all the edges that they choose.
let private dropped (plan: Plan, networks: Drawn list) =
    let network = plan.Run.Network

    let lost (drawn: Drawn) =
        Placement.edges network.Benign network.Placement
        |> Option.map (fun edges -> edges * drawn.Byzantine - drawn.Edges)
        |> Option.defaultValue 0

    match networks |> List.filter (fun drawn -> lost drawn > 0) with
    | [] -> None
    | some ->
        let worst = some |> List.maxBy lost
        let which = which networks some

        Diagnostic.warning
            (plan.Places.Ratio |> Option.defaultValue plan.Places.Size)
            $"of the {lost worst + worst.Edges} edges that sybils choose, {lost worst} are dropped in {which}"
        |> Diagnostic.hinted
            $"benign nodes drop them until ρ = {Value.Real network.BenignRatio} holds: a smaller network.benign-ratio or \
              network.enforce-benign-ratio: false keeps more of them"
        |> Some

/// Rules that some benign node asks for more than they are defined for.
let private beyond (plan: Plan, networks: Drawn list) =
    let network = plan.Run.Network

    [ for rule, place in plan.Rules do
          let exceeded (drawn: Drawn) =
              drawn.Neighbourhoods
              |> List.choose (fun (neighbours, byzantine) ->
                  let tolerated = rule.Value.Tolerance network.BenignRatio neighbours

                  // A rule that tolerates nothing claims nothing.
                  if tolerated > 0 && byzantine > tolerated then
                      Some(byzantine - tolerated, (neighbours, byzantine, tolerated))
                  else
                      None)

          match networks |> List.filter (exceeded >> List.isEmpty >> not) with
          | [] -> ()
          | some ->
              let neighbours, byzantine, tolerated = some |> List.collect exceeded |> List.max |> snd

              let which = which networks some

              Diagnostic.warning
                  (place |> Option.orElse plan.Places.Ratio |> Option.defaultValue plan.Places.Size)
                  $"'{rule.Name}' is defined for at most {tolerated} Byzantine neighbours of {neighbours}, and a benign \
                    node has {byzantine} in {which}"
              |> Diagnostic.hinted "it runs, beyond what it promises: 'ubarfs describe' tells a rule's tolerance" ]

/// Different topologies that come to the same networks.
let private equal (drawn: (Plan * Drawn list) list) =
    let places =
        drawn
        |> List.choose (fun (plan, networks) -> plan.Places.Topology |> Option.map (fun place -> plan, place, networks))

    let prints (networks: Drawn list) = networks |> List.map (fun drawn -> drawn.Seed, drawn.Print)

    [ for _, alike in
          places
          |> List.filter (fun (_, _, networks) -> networks <> [])
          |> List.groupBy (fun (_, _, networks) -> prints networks) do
          match alike |> List.distinctBy (fun (plan, _, _) -> Chosen.canonical plan.Run.Network.Topology) with
          | (first, firstPlace, _) :: others ->
              for plan, place, _ in others do
                  let name (plan: Plan) = $"'{Chosen.label plan.Run.Network.Topology}'"

                  Diagnostic.warning place $"{name plan} gives the same network as {name first}, for every seed drawn"
                  |> Diagnostic.noting firstPlace "the other topology"
          | [] -> () ]

/// What is odd about the networks of a scenario, located where it sets them, few of each kind.
let warnings (scenario: Scenario) : Diagnostic list =
    let drawn = drawn (plans scenario)

    Suspicions.few (drawn |> List.choose isolated |> List.distinctBy _.Place)
    @ Suspicions.few (drawn |> List.choose dropped |> List.distinctBy _.Place)
    @ Suspicions.few (drawn |> List.collect beyond |> List.distinctBy _.Place)
    @ Suspicions.few (equal drawn |> List.distinctBy _.Place)
