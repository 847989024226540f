/// Pipelines: what came in goes through some stages in turn, and a rule aggregates what is left.
[<RequireQualifiedAccess>]
module UbarFs.Core.Pipeline

open System
open TorchSharp
open UbarFs.Kernels

/// The most numbers of a pool that a stage makes at a time, unless a single node takes more.
let private mostNumbers = 1L <<< 28

// The places of what was received that each estimate goes back to.
let private traced (before: int[][]) (origins: Provenance[]) : int[][] =
    origins
    |> Array.map (fun origin ->
        origin.MadeOf |> Array.collect (fun place -> before[place]) |> Array.distinct |> Array.sort)

let private stream index (random: string -> KeyedRandom) word = random $"stage {index + 1} {word}"

let private reference (stages: PipelineStage list) (rule: Rule) (view: View) : Aggregate =
    let rec through index (stages: PipelineStage list) (current: View) (sources: int[][]) =
        match stages with
        | [] ->
            let made = Rule.aggregate rule { current with Random = view.Random }

            let kept (stage: Stage) =
                { stage with
                    Kept = stage.Kept |> Array.collect (fun row -> sources[row]) |> Array.distinct |> Array.sort }

            { made with Stages = List.map kept made.Stages }
        | stage :: rest ->
            let prepared = stage.Reference { current with Random = stream index view.Random }

            use estimates = prepared.Estimates
            let next = PipelineStage.next { prepared with Estimates = estimates } current
            through (index + 1) rest next (traced sources prepared.Origins)

    through 0 stages view (Array.init view.Senders.Length Array.singleton)

/// Some of the nodes of a view, by their places in it.
let private some (chosen: int[]) (view: NetworkView) : NetworkView =
    let pick (items: 'item[]) = chosen |> Array.map (fun node -> items[node])
    use places = Transfers.Send(chosen, view.Pool.device)

    // Whoever tells losses knows all nodes.
    let losses pool (received: Estimates.PaddedLists) (most: int[]) (selection: torch.Tensor) =
        use scope = torch.NewDisposeScope()
        let lists, mosts = Array.create view.Own.Length [||], Array.zeroCreate view.Own.Length

        for place, node in Array.indexed chosen do
            lists[node] <- received.Lists[place]
            mosts[node] <- most[place]

        let all = torch.zeros ([| view.Own.LongLength; selection.shape[1] |], torch.bool, selection.device)
        let places = Transfers.Send(chosen, view.Pool.device)

        let losses =
            view.Losses
                pool
                (Estimates.PaddedLists(lists, view.Pool.device))
                mosts
                (all.index_copy (0L, places, selection))

        losses.index_select(0L, places).MoveToOuterDisposeScope()

    { view with
        Own = pick view.Own
        Received = Estimates.PaddedLists(pick view.Received.Lists, view.Pool.device)
        Senders = pick view.Senders
        Weights = pick view.Weights
        OwnWeights = pick view.OwnWeights
        Neighbours = pick view.Neighbours
        Byzantine = pick view.Byzantine
        OwnLosses = view.OwnLosses.index_select (0L, places)
        Losses = losses
        Nodes = pick view.Nodes
        Random = fun node -> view.Random chosen[node]
        Memories = pick view.Memories }

// Nodes whose estimates find room in one pool.
let private portions mostNumbers (stages: PipelineStage list) (view: NetworkView) : int[][] =
    let width = view.Pool.shape[1]

    let most neighbours =
        stages
        |> List.scan (fun count (stage: PipelineStage) -> stage.Count count) neighbours
        |> List.max
        |> fun rows -> int64 (rows + 1) * width

    let portions, current = ResizeArray<int[]>(), ResizeArray<int>()
    let mutable numbers = 0L

    for node, neighbours in Array.indexed (NetworkView.counts view) do
        if current.Count > 0 && numbers + most neighbours > mostNumbers then
            portions.Add(current.ToArray())
            current.Clear()
            numbers <- 0L

        current.Add node
        numbers <- numbers + most neighbours

    portions.Add(current.ToArray())
    portions.ToArray()

// What was selected of the estimates behind the stages, as a choice of what was received.
let private tracedBack (longest: int) (sources: int[][][]) (kept: torch.Tensor) : torch.Tensor =
    use scope = torch.NewDisposeScope()
    let made = Array3D.create sources.Length (int kept.shape[1]) longest false

    sources
    |> Array.iteri (fun node -> Array.iteri (fun row -> Array.iter (fun place -> made[node, row, place] <- true)))

    let made = Transfers.Send(torch.tensor made, kept.device)
    (kept.unsqueeze 2L &&& made).any(1L).MoveToOuterDisposeScope()

let private portion
    (stages: (PipelineStage * (NetworkView -> NetworkPrepared)) list)
    (form: NetworkView -> NetworkAggregate)
    (view: NetworkView)
    : NetworkAggregate =
    let rec through index stages (current: NetworkView) (sources: int[][][]) =
        match stages with
        | [] ->
            let made = form { current with Random = view.Random }

            { made with
                Kept = made.Kept |> List.map (tracedBack view.Received.Longest sources) }
        | (_, prepare) :: rest ->
            let prepared: NetworkPrepared =
                prepare { current with Random = fun node -> stream index (view.Random node) }

            use pool = prepared.Pool
            let next = PipelineStage.nextOfAll { prepared with Pool = pool } current
            through (index + 1) rest next (Array.map2 traced sources prepared.Origins)

    through 0 stages view (view.Received.Lists |> Array.map (fun rows -> Array.init rows.Length Array.singleton))

let private padded (longest: int) (selection: torch.Tensor) =
    let missing = int64 longest - selection.shape[1]

    if missing > 0L then
        use more = torch.zeros ([| selection.shape[0]; missing |], torch.bool, selection.device)
        torch.cat ([| selection; more |], 1L)
    else
        selection

let private network mostNumbers stages (form: NetworkView -> NetworkAggregate) (view: NetworkView) : NetworkAggregate =
    match portions mostNumbers (List.map fst stages) view with
    | [| _ |] -> portion stages form view
    | portions ->
        let made = portions |> Array.map (fun nodes -> portion stages form (some nodes view))
        let longest = view.Received.Longest

        { Estimates = torch.cat (made |> Array.map _.Estimates, 0L)
          Kept =
            made
            |> Seq.map _.Kept
            |> List.ofSeq
            |> List.transpose
            |> List.map (fun kept -> torch.cat (kept |> Seq.map (padded longest) |> Array.ofSeq, 0L))
          Memories = made |> Array.collect _.Memories }

let private worse one other =
    match one, other with
    | Cost.Quadratic, _
    | _, Cost.Quadratic -> Cost.Quadratic
    | Cost.LinearWithLosses, _
    | _, Cost.LinearWithLosses -> Cost.LinearWithLosses
    | Cost.Linear, Cost.Linear -> Cost.Linear

// What both the stage and the rule are defined for; the rule sees as many estimates as the stage leaves.
let private tolerance (stage: PipelineStage) (rule: Rule) ratio neighbours =
    [ stage.Tolerance ratio neighbours
      rule.Tolerance ratio neighbours
      rule.Tolerance ratio (stage.Count neighbours) ]
    |> List.min

// What either assumes; of both, what its cap cuts most.
let private assumption one other (headcount: Headcount) : Assumption =
    [ one; other ]
    |> List.choose (Option.map (fun assumes -> assumes headcount))
    |> List.maxBy (fun (found: Assumption) -> found.Wanted - found.Taken)

// Whether a stage and a rule reckon with the same number of liars at any node: theory knows κ of both together for one f.
let private agree (stage: PipelineStage) (rule: Rule) =
    let headcounts =
        [ for tenths in 1..10 do
              for neighbours in 1..40 do
                  for byzantine in [ 0; neighbours / 4; neighbours / 2 ] ->
                      { BenignRatio = float tenths / 10.0
                        Neighbours = neighbours
                        Received = neighbours
                        Byzantine = byzantine } ]

    match stage.Assumes, rule.Assumes with
    | Some one, Some other ->
        headcounts |> List.forall (fun headcount -> (one headcount).Taken = (other headcount).Taken)
    | _ -> true

let private behind (stage: PipelineStage) (rule: Rule) : Rule =
    let left (headcount: Headcount) = { headcount with Received = stage.Count headcount.Received }
    let assumes = rule.Assumes |> Option.map (fun assumes -> left >> assumes)

    let isBlind isOrigin claims = isOrigin || List.contains Law.OwnApart claims

    { rule with
        OwnIsOrigin = isBlind stage.OwnIsOrigin stage.Claims && isBlind rule.OwnIsOrigin rule.Claims
        Assumes =
            match stage.Assumes, assumes with
            | None, None -> None
            | one, other -> Some(assumption one other)
        Objection = rule.Objection |> Option.map (fun objection -> left >> objection)
        Update =
            match rule.Update with
            | Update.Mixed when stage.JoinsOwn -> Update.Guf(fun _ -> 0.0)
            | update -> update
        Tolerance = tolerance stage rule
        Cost = worse stage.Cost rule.Cost
        Claims =
            rule.Claims
            |> List.filter (fun law -> List.contains law PipelineStage.laws && List.contains law stage.Claims)
        Kappa =
            match stage.Kappa, rule.Kappa with
            | Some bound, Some kappa when agree stage rule ->
                Some(fun neighbours liars -> bound neighbours liars (kappa neighbours liars))
            | _ -> None }

/// `compose` with the most numbers that a stage makes at a time, unless a single node takes more. It changes no result.
let composeWithin (mostNumbers: int64) (stages: PipelineStage list) (rule: Rule) : Rule =
    let forms = stages |> List.choose (fun stage -> stage.Network |> Option.map (fun form -> stage, form))

    let network =
        match rule.Network with
        | Some form when forms.Length = stages.Length -> Some(network mostNumbers forms form)
        | _ -> None

    { List.foldBack behind stages rule with
        Before = stages @ rule.Before
        Reference = reference stages rule
        Network = network }

/// The rule that sees what some stages make of what was received, in their order. Tolerance, laws and κ are what follows
/// from theirs. What it selects are the received estimates of which the selected ones are made.
let compose (stages: PipelineStage list) (rule: Rule) : Rule = composeWithin mostNumbers stages rule

/// The pipeline of some chosen stages and a rule. A label of the rule's is the label of the whole.
let ofChosen (stages: Chosen<PipelineStage> list) (rule: Chosen<Rule>) : Chosen<Rule> =
    Chosen.together
        (List.map Chosen.untyped stages @ [ Chosen.untyped rule ])
        (compose (stages |> List.map _.Value) rule.Value)
