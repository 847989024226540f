/// Decides which combinations of a sweep an exclusion leaves out.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Exclusions

open System.Collections.Generic
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

/// Whether a value is in force. The name of a component alone stands for it with whatever parameters.
let private isInForce (context: Context) read tree path (value: Node) =
    let isComponent = ofComponent (Shape.at (Path.names path) context.Grammar)

    match Path.find path tree, value.Content with
    | Some actual, Content.Scalar(name, _) when isComponent ->
        match Path.choice actual with
        | Some chosen -> chosen = name
        | None -> false
    | _ -> assignments context.Grammar path value |> List.forall (changesNothing context read tree)

let private touches grammar (path: Path) factor =
    Factor.assignments factor
    |> Seq.distinctBy Assignment.text
    |> Seq.exists (fun assignment -> Path.overlap grammar assignment.Path path <> Overlap.None)

let private touching grammar (factors: Factor list) (condition: Condition) =
    factors |> List.indexed |> List.filter (snd >> touches grammar condition.Path) |> List.map fst

let private isVariant (condition: Condition) (levels: (int * Level) list) =
    let names = condition.Values |> List.map Node.flow

    levels
    |> List.exists (fun (_, level) ->
        level.Name
        |> Option.exists (fun name -> List.contains (Node.flow (Node.scalar name.Span name.Value)) names))

/// Whether a combination meets a condition. What the answer depends on is worked out once.
let private meets context read factors (condition: Condition) : Combination -> bool =
    if isColumn condition then
        fun combination -> isVariant condition combination.Levels
    else
        let factors = touching context.Grammar factors condition
        let known = Dictionary<int list, bool>()

        fun combination ->
            let levels = combination.Levels |> List.indexed |> List.map (fun (factor, (level, _)) -> factor, level)
            let key = levels |> List.filter (fun (factor, _) -> List.contains factor factors) |> List.map snd

            match known.TryGetValue key with
            | true, answer -> answer
            | false, _ ->
                let answer = condition.Values |> List.exists (isInForce context read combination.Tree condition.Path)

                known[key] <- answer
                answer

/// Whether an exclusion leaves a combination out. Asked for all combinations of a sweep.
let concerns context (read: Read) (factors: Factor list) (exclusion: Exclusion) : Combination -> bool =
    let conditions = exclusion.Conditions |> List.map (meets context read factors)
    fun combination -> conditions |> List.forall (fun isMet -> isMet combination)

/// What is wrong with an exclusion by itself: a path or a value that no run can have.
let errors (context: Context) (read: Read) (factors: Factor list) (tree: Node) (exclusion: Exclusion) =
    let variants = factors |> List.collect _.Levels |> List.choose _.Name |> List.map _.Value

    let unknownVariant (value: Node) =
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
