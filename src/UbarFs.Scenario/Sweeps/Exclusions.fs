/// Decides which combinations of a sweep an exclusion leaves out.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Exclusions

open System.Collections.Generic
open System.Globalization
open UbarFs.Core

/// Reads a scenario's tree as one run.
type Read = Node -> Result<Draft, Diagnostic list>

/// A combination: the level of each factor by its index, and the tree with all of them.
type Combination = { Levels: (int * Level) list; Tree: Node }

let private isColumn (condition: Condition) = Path.text condition.Path = Level.column

let private ofComponent shape =
    match shape with
    | Some(Shape.Component _)
    | Some(Shape.OrList(Shape.Component _, _)) -> true
    | _ -> false

/// The paths that a condition's value has something to say of: a component with parameters speaks of these only.
let private assignments grammar (path: Path) (value: Node) : Assignment list =
    match value.Content with
    | Content.Mapping entries when entries |> List.exists (fun entry -> CodeFile.isKey entry.Key.Value) ->
        entries
        |> List.collect (fun entry ->
            let here = path @ [ entry.Key ]

            match entry.Value.Content with
            | Content.Mapping arguments ->
                arguments |> List.map (fun argument -> { Path = here @ [ argument.Key ]; Value = argument.Value })
            | _ -> [ { Path = here; Value = entry.Value } ])
    | Content.Mapping [ name ] when ofComponent (Shape.at (Path.names path) grammar) ->
        match name.Value.Content with
        | Content.Mapping(_ :: _ as arguments) ->
            [ for argument in arguments do
                  { Path = path @ [ name.Key; argument.Key ]; Value = argument.Value } ]
        | _ -> [ { Path = path; Value = value } ]
    | _ -> [ { Path = path; Value = value } ]

let private canonical (read: Read) tree =
    read tree |> Result.toOption |> Option.map (fun draft -> Run.canonical draft.Run)

/// Whether the run stays the same when the assignment is written into it.
let private changesNothing (context: Context) read (tree: Node) (assignment: Assignment) =
    match Path.set context.Grammar assignment.Path assignment.Value tree with
    | changed, [] ->
        match canonical read changed, canonical read tree with
        | Some changed, Some run -> changed = run
        | _ -> false
    | _ -> false

/// A number as it is written, without a unit. Two of them at one place mean the same if, and only if, they are equal.
let private number (text: string) : float option =
    match System.Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
    | true, number when abs number < 1e15 -> Some number
    | _ -> None

/// Whether a value is in force. The name of a component alone stands for it with whatever parameters.
let private isInForce (context: Context) read tree path (value: Node) =
    let isComponent = ofComponent (Shape.at (Path.names path) context.Grammar)

    match Path.find path tree, value.Content with
    | Some actual, Content.Scalar(name, _) when isComponent ->
        match Path.choice actual with
        | Some chosen -> chosen = name
        | None -> false
    | Some { Content = Content.Scalar(actual, false) }, Content.Scalar(value', false) when
        Option.isSome (number actual) && Option.isSome (number value')
        ->
        number actual = number value'
    | _ -> assignments context.Grammar path value |> List.forall (changesNothing context read tree)

/// A factor with the paths that its levels set, each once.
type private Swept = { Index: int; Factor: Factor; Assignments: Assignment list }

let private touching grammar (swept: Swept list) (condition: Condition) =
    let touches (assignment: Assignment) = Path.overlap grammar assignment.Path condition.Path <> Overlap.None
    swept |> List.filter (fun factor -> List.exists touches factor.Assignments)

let private isVariant (condition: Condition) (levels: (int * Level) list) =
    let names = condition.Values |> List.map Node.flow

    levels
    |> List.exists (fun (_, level) ->
        level.Name
        |> Option.exists (fun name -> List.contains (Node.flow (Node.scalar name.Span name.Value)) names))

/// The path that a factor sweeps alone.
let private onlyPath (swept: Swept) =
    match swept.Assignments with
    | [ only ] when swept.Factor.Levels |> List.forall (fun level -> level.Assignments.Length = 1) -> Some only.Path
    | _ -> None

/// The levels of a factor of one path, by the runs that they come to, with everything else as in one tree.
type private LevelsByRun = { Tree: Node; Levels: Dictionary<string, int list> }

/// The run that a tree comes to with a value at a path.
let private runWith (context: Context) read tree path value : string option =
    match Path.set context.Grammar path value tree with
    | changed, [] ->
        canonical read changed
        |> Option.map (List.map (fun (path, value) -> $"{path}: {value}\n") >> String.concat "")
    | _ -> None

let private levelsByRun context read tree path (factor: Factor) =
    let levels = Dictionary<string, int list>()

    for index, level in List.indexed factor.Levels do
        match runWith context read tree path level.Assignments.Head.Value with
        | Some run ->
            levels[run] <-
                index
                :: (match levels.TryGetValue run with
                    | true, others -> others
                    | false, _ -> [])
        | None -> ()

    { Tree = tree; Levels = levels }

/// The levels that meet a condition on just the path that their factor sweeps: each of them is read once for all
/// conditions, however many there are.
let private levelsMeeting context read (known: LevelsByRun) (condition: Condition) : HashSet<int> =
    condition.Values
    |> List.choose (runWith context read known.Tree condition.Path)
    |> List.collect (fun run ->
        match known.Levels.TryGetValue run with
        | true, levels -> levels
        | false, _ -> [])
    |> HashSet

/// Whether a combination meets a condition. What the answer depends on is worked out once.
let private meetsAny context read (factors: Swept list) (condition: Condition) : Combination -> bool =
    let known = Dictionary<int list, bool>()

    fun combination ->
        let key = factors |> List.map (fun factor -> fst (List.item factor.Index combination.Levels))

        match known.TryGetValue key with
        | true, answer -> answer
        | false, _ ->
            let answer = condition.Values |> List.exists (isInForce context read combination.Tree condition.Path)

            known[key] <- answer
            answer

let private meets (context: Context) read swept (byRun: Swept -> Path -> Node -> LevelsByRun) (condition: Condition) =
    let speaksOfPathAlone (value: Node) =
        match assignments context.Grammar condition.Path value with
        | [ single ] -> Assignment.text single = Path.text condition.Path
        | _ -> false

    let isComponent = ofComponent (Shape.at (Path.names condition.Path) context.Grammar)

    match touching context.Grammar swept condition with
    | _ when isColumn condition -> fun (combination: Combination) -> isVariant condition combination.Levels
    | [ factor ] when
        not isComponent
        && onlyPath factor |> Option.map Path.text = Some(Path.text condition.Path)
        && List.forall speaksOfPathAlone condition.Values
        ->
        let decided = ref None

        // Where no level can be read with what this combination has beside it, each combination counts for itself.
        let decide tree : Combination -> bool =
            let known = byRun factor condition.Path tree

            if known.Levels.Count = 0 then
                meetsAny context read [ factor ] condition
            else
                let meeting = levelsMeeting context read known condition
                fun combination -> meeting.Contains(fst (List.item factor.Index combination.Levels))

        fun combination ->
            let isMet =
                match decided.Value with
                | Some isMet -> isMet
                | None ->
                    let isMet = decide combination.Tree
                    decided.Value <- Some isMet
                    isMet

            isMet combination
    | factors -> meetsAny context read factors condition

/// Whether exclusions leave a combination out, for all combinations of a sweep.
let concern context (read: Read) (factors: Factor list) : Exclusion -> Combination -> bool =
    let swept =
        factors
        |> List.mapi (fun index factor ->
            { Index = index
              Factor = factor
              Assignments = Factor.assignments factor |> List.distinctBy Assignment.text })

    let known = Dictionary<int, LevelsByRun>()

    let byRun (factor: Swept) path tree =
        match known.TryGetValue factor.Index with
        | true, levels -> levels
        | false, _ ->
            known[factor.Index] <- levelsByRun context read tree path factor.Factor
            known[factor.Index]

    fun exclusion ->
        let conditions = exclusion.Conditions |> List.map (meets context read swept byRun)
        fun combination -> conditions |> List.forall (fun isMet -> isMet combination)

/// What is wrong with an exclusion by itself: a path or a value that no run can have.
let errors (context: Context) (read: Read) (factors: Factor list) (tree: Node) (exclusion: Exclusion) =
    let unknownVariant (value: Node) =
        let variants = factors |> List.collect _.Levels |> List.choose _.Name |> List.map _.Value
        let name = (Node.flow value).Trim '\''

        if List.contains name variants then
            []
        else
            let known =
                if variants.IsEmpty then
                    "there are none"
                else
                    String.concat ", " variants

            let diagnostic = Diagnostic.error value.Span $"unknown variant '{Node.shortened name}'"

            match Nearest.find variants name with
            | Some name -> [ diagnostic |> Diagnostic.meant value.Span [ name ] $"did you mean '{name}'?" ]
            | None -> [ diagnostic |> Diagnostic.hinted $"the variants: {known}" ]

    // A parameter of a component that the scenario does not choose is as good as any other.
    let chosen (path: Path) =
        let lengths = [ 1 .. path.Length - 1 ]

        lengths
        |> List.tryFind (fun length ->
            ofComponent (Shape.at (path |> List.truncate length |> Path.names) context.Grammar))
        |> Option.map (fun length ->
            { Path = List.truncate (length + 1) path
              Value = Node.scalar (Path.span path) "" })

    let wrong path value =
        let tree =
            match chosen path with
            | Some assignment -> Path.set context.Grammar assignment.Path assignment.Value tree |> fst
            | None -> tree

        match Path.set context.Grammar path value tree with
        | changed, [] ->
            match read changed with
            | Ok _ -> []
            | Error errors -> errors
        | _, wrong -> wrong

    [ for condition in exclusion.Conditions do
          for value in condition.Values do
              if isColumn condition then
                  yield! unknownVariant value
              else
                  yield! wrong condition.Path value ]
