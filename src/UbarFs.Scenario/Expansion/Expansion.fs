/// Makes the runs of a scenario: every combination of the sweep's values is written into the syntax tree and read
/// as if it stood there.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Expansion

open FsToolkit.ErrorHandling
open UbarFs.Core

/// What a scenario's syntax tree comes to.
type Expanded =
    {
        Header: Header
        Runs: Run list
        /// Where each run's network is written, in the order of the runs.
        Places: NetworkPlaces list
        Warnings: Diagnostic list
    }

/// One combination of the sweep that is run.
type private Variant = { Levels: Level list; Draft: Draft }

let private levelsAndDraft variant = variant.Levels, variant.Draft

let private entries (node: Node) =
    match node.Content with
    | Content.Mapping entries -> entries
    | _ -> []

let private onlyRun (root: Node) =
    Node.mapping root.Span (entries root |> List.filter (fun entry -> Grammar.isRunKey entry.Key.Value))

/// The scenario with the first value of each path that it gives no other value for: it has everything that the runs
/// have.
let private filled (context: Context) (factors: Factor list) root =
    let fill root (assignment: Assignment) =
        if Path.isGiven assignment.Path root then
            root
        else
            Path.set context.Grammar assignment.Path assignment.Value root |> fst

    factors
    |> List.collect (Factor.assignments >> List.distinctBy Assignment.text)
    |> List.fold fill root

/// A tree with its references resolved.
let private referred (context: Context) tree =
    match References.resolve context.Grammar tree (fun _ -> None) tree with
    | tree, [] -> Ok tree
    | _, wrong -> Error wrong

/// Reads a tree as one run, with its references resolved.
let private readRun context tree = referred context tree |> Result.bind (Decode.read Grammar.draft context)

/// The tree for what the scenario says of itself, with its references resolved; only the sweep keeps them. They cannot
/// lead to what is swept.
let private referredWhole (context: Context) (factors: Factor list) (root: Node) =
    let swept = factors |> List.collect (Factor.assignments >> List.distinctBy Assignment.text)

    let forbidden (path: string) =
        let path = path.Split '.' |> List.ofArray |> List.map (fun key -> { Value = key; Span = root.Span })

        swept
        |> List.tryFind (fun assignment -> Path.overlap context.Grammar assignment.Path path <> Overlap.None)
        |> Option.map (fun assignment ->
            $"'{Assignment.text assignment}' is swept: what is the same for all runs cannot refer to it")

    let resolved (entry: Entry) =
        match entry.Key.Value with
        | "sweep" -> entry, []
        | key when not (Shape.hasPath [ key ] context.Grammar) -> entry, []
        | key ->
            let forbidden = if Grammar.isRunKey key then (fun _ -> None) else forbidden
            let value, wrong = References.resolve context.Grammar root forbidden entry.Value
            { entry with Value = value }, wrong

    match root.Content with
    | Content.Mapping entries when References.exists root ->
        let resolved = List.map resolved entries
        Node.mapping root.Span (List.map fst resolved), List.collect snd resolved
    | _ -> root, []

let private errorsOf (result: Validation<'value, Diagnostic>) =
    match result with
    | Ok _ -> []
    | Error errors -> errors

let private bounded errors = errors |> Seq.distinct |> Seq.truncate (Diagnostic.most + 1) |> List.ofSeq

/// What is wrong with single values of the sweep.
let private sweepErrors (context: Context) (factors: Factor list) base' =
    bounded (
        seq {
            for factor in factors do
                for level in factor.Levels do
                    let node, wrong = Level.apply context.Grammar level base'
                    yield! wrong
                    yield! readRun context node |> errorsOf
        }
    )

/// The draft with what its dataset is like, where only a look at the disk can tell.
let private surveyed (survey: Dataset -> Result<Dataset * string list, string>) (draft: Draft) =
    survey draft.Run.Dataset.Value
    |> Result.map (fun (dataset, odd) -> { draft with Draft.Run.Dataset.Value = dataset; Odd = odd })
    |> Result.mapError (fun reason -> [ Diagnostic.error draft.Dataset reason ])

/// Every combination of the levels, the last factor fastest, with what is wrong with its paths.
let private combinations (context: Context) (factors: Factor list) root =
    let rec combine (factors: Factor list) chosen node =
        match factors with
        | [] ->
            referred context node
            |> Result.map (fun tree -> { Exclusions.Levels = List.rev chosen; Exclusions.Tree = tree })
            |> Seq.singleton
        | factor :: rest ->
            factor.Levels
            |> Seq.indexed
            |> Seq.collect (fun (index, level) ->
                match Level.apply context.Grammar level node with
                | node, [] -> combine rest ((index, level) :: chosen) node
                | _, wrong -> Seq.singleton (Error wrong))

    combine factors [] root

/// Exclusions that leave nothing out, or everything.
let private idleExclusions (plan: Plan) (counts: int[]) remaining =
    if remaining = 0 then
        plan.Exclusions
        |> List.truncate 1
        |> List.map (fun exclusion -> Diagnostic.error exclusion.Place "every run of the sweep is excluded")
        |> Error
    else
        Ok
            [ for index, exclusion in List.indexed plan.Exclusions do
                  if counts[index] = 0 then
                      Diagnostic.warning exclusion.Place "this exclusion leaves nothing out: no run is like it" ]

/// The combinations that are run, with what is odd about the exclusions of the others.
let private variants survey (context: Context) (plan: Plan) root =
    let read = Decode.read Grammar.draft context
    let counts = Array.create plan.Exclusions.Length 0

    let resolved value = References.resolve context.Grammar root (fun _ -> None) value |> fst

    let concerns =
        plan.Exclusions
        |> List.map (Exclusion.map resolved >> Exclusions.concern context read plan.Factors)
        |> Array.ofList

    let isExcluded combination =
        let concerned = concerns |> Array.map (fun concerns -> concerns combination)

        concerned
        |> Array.iteri (fun index hit ->
            if hit then
                counts[index] <- counts[index] + 1)

        Array.contains true concerned

    // A value that refers to another one is told by what it comes to.
    let told tree (level: Level) =
        let resolved (assignment: Assignment) =
            let value, _ = References.resolve context.Grammar tree (fun _ -> None) assignment.Value
            { assignment with Value = value }

        if level.Assignments |> List.exists (fun assignment -> References.exists assignment.Value) then
            { level with Assignments = List.map resolved level.Assignments }
        else
            level

    let checked' (combination: Exclusions.Combination) =
        read combination.Tree
        |> Result.bind (surveyed survey)
        |> Result.bind (fun draft ->
            match Checks.errors draft with
            | [] ->
                Ok
                    { Levels = List.map (snd >> told combination.Tree) combination.Levels
                      Draft = draft }
            | errors -> Error errors)

    let results =
        combinations context plan.Factors root
        |> Seq.choose (function
            | Error wrong -> Some(Error wrong)
            | Ok combination when isExcluded combination -> None
            | Ok combination -> Some(checked' combination))
        |> List.ofSeq

    match results |> Seq.collect errorsOf |> bounded with
    | [] ->
        idleExclusions plan counts results.Length
        |> Result.map (fun warnings -> List.choose Result.toOption results, warnings)
    | errors -> Error errors

let private tooMany (factors: Factor list) repeat =
    let numbers =
        (factors |> List.map (fun factor -> factor.Levels.Length)) @ [ repeat ]
        |> List.filter (fun number -> number > 1)

    let product = numbers |> List.fold (fun product number -> product * bigint number) 1I

    match factors with
    | first :: _ when product > bigint Grammar.mostRuns ->
        let written = numbers |> List.map string |> String.concat " × "

        [ Diagnostic.error first.Place $"the scenario has {product} runs ({written}), more than {Grammar.mostRuns}" ]
    | _ -> []

let private seeds header (draft: Draft) =
    match header.Seeds with
    | Seeds.Consecutive count -> [ for offset in 0 .. count - 1 -> draft.Run.Seed + int64 offset ]
    | Seeds.Listed seeds -> seeds |> List.map _.Value

let private repetitions header =
    match header.Seeds with
    | Seeds.Consecutive count -> count
    | Seeds.Listed seeds -> seeds.Length

let private key name root = entries root |> List.tryFind (fun entry -> entry.Key.Value = name)

/// What is wrong with listed seeds: a number of seeds or swept seeds beside them, and repetitions.
let private seedErrors header root =
    match header.Seeds, key "seeds" root with
    | Seeds.Listed seeds, Some place ->
        let beside span message =
            Diagnostic.error span message |> Diagnostic.noting place.Key.Span "they are listed here"

        [ match key "repeat" root with
          | Some repeat -> beside repeat.Key.Span "'repeat' counts seeds that 'seeds' lists: a scenario has one of them"
          | None -> ()

          for factor in header.Sweep.Factors do
              for assignment in Factor.assignments factor |> List.distinctBy Assignment.text do
                  if Assignment.text assignment = "seed" then
                      beside (Assignment.span assignment) "the seed cannot be swept where 'seeds' lists the seeds"

          for _, same in seeds |> List.groupBy _.Value do
              for repeated in same.Tail do
                  Diagnostic.error repeated.Span $"the seed {repeated.Value} is listed twice"
                  |> Diagnostic.noting same.Head.Span "it is first listed here" ]
    | _ -> []

/// A seed that does not count because the seeds are listed.
let private unusedSeed header root =
    match header.Seeds, key "seed" root with
    | Seeds.Listed seeds, Some entry ->
        [ Diagnostic.warning entry.Key.Span "'seed' has no effect: 'seeds' lists the seeds of all runs"
          |> Diagnostic.noting seeds.Head.Span "they are listed here" ]
    | _ -> []

let private runs header (variants: Variant list) =
    [ for variant in variants do
          let swept = variant.Levels |> List.collect Level.texts

          for seed in seeds header variant.Draft do
              let places =
                  { Size = variant.Draft.Benign
                    Ratio = variant.Draft.ByzantineRatio
                    Topology = variant.Draft.Topology
                    Partition = variant.Draft.Partition
                    Rule = variant.Draft.Rule }

              { variant.Draft.Run with Seed = seed; Swept = swept }, places ]
    |> List.unzip

/// A baseline that is no rule of the scenario.
let private baselineErrors header (variants: Variant list) =
    match header.BaselinePlace with
    // A default that is written out changes nothing, also where the scenario has no such rule.
    | Some place when header.Baseline <> BaselineRule.usual ->
        let runs = variants |> List.map _.Draft.Run
        let names = RunNames.among runs
        let rules = runs |> List.map (fun run -> names.Rule run, run.Rule.Name) |> List.distinct
        BaselineErrors.find rules header.Baseline place
    | _ -> []

/// Repetitions that count beyond the largest seed.
let private lastSeeds (runs: Run list) root =
    match key "repeat" root, runs |> List.tryFind (fun run -> run.Seed > Grammar.largestSeed) with
    | Some repeat, Some run ->
        [ Diagnostic.error
              repeat.Value.Span
              $"the seeds count up to {run.Seed} and on, but the largest is {Grammar.largestSeed}" ]
    | _ -> []

/// All runs of a sweep whose single values are right.
let private combined survey context root (header: Header) =
    match seedErrors header root @ tooMany header.Sweep.Factors (repetitions header) with
    | [] ->
        variants survey context header.Sweep (onlyRun root)
        |> Result.bind (fun (variants, odd) ->
            match baselineErrors header variants @ Labels.ambiguous (List.map levelsAndDraft variants) with
            | [] -> Ok(variants, odd)
            | errors -> Error errors)
        |> Result.map (fun (variants, odd) ->
            let warnings =
                odd
                @ unusedSeed header root
                @ Checks.warnings (List.map _.Draft variants)
                @ Suspicions.ofDrafts (List.map _.Draft variants)
                @ Repeats.warnings (seeds header) (List.map levelsAndDraft variants)

            let runs, places = runs header variants

            { Header = header; Runs = runs; Places = places; Warnings = warnings })
        |> Result.bind (fun expanded ->
            match lastSeeds expanded.Runs root with
            | [] -> Ok expanded
            | errors -> Error errors)
    | errors -> Error errors

/// The runs of a scenario's syntax tree, with everything that is to be known of them. `survey` makes a dataset that is
/// still unread one whose shape and sizes are known, or leaves it as it is; then nothing is checked that depends on them.
/// `code` gives access to the code that rules and attacks name.
let expand
    code
    (survey: Dataset -> Result<Dataset * string list, string>)
    (root: Node)
    : Validation<Expanded, Diagnostic> =
    let context = { Grammar = Grammar.scenario.Shape; Trail = []; Root = root.Span; Code = code }

    let readable =
        key "sweep" root
        |> Option.map (fun entry -> Sweep.readable context entry.Value)
        |> Option.defaultValue Sweep.empty

    let factors = readable.Factors
    let complete = filled context factors root
    let base' = onlyRun complete

    // Too many values are not worth looking at one by one.
    let inSweep =
        match tooMany factors 1 with
        | [] -> sweepErrors context factors base'
        | errors -> errors

    let inExclusions =
        readable.Exclusions
        |> Seq.collect (Exclusions.errors context (readRun context) factors base')
        |> bounded

    let read =
        match referredWhole context factors complete with
        | whole, [] -> Decode.read Grammar.scenario context whole
        | _, wrong -> Error wrong

    match read, inSweep @ inExclusions with
    | Ok(header, _), [] -> combined survey context root header
    | result, errors -> Error(errorsOf result @ errors)
