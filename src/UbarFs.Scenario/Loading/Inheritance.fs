/// `extends: other.yaml`: a scenario takes over what another one says, and says some of it anew.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Inheritance

open System
open FsToolkit.ErrorHandling
open UbarFs.Core

/// The most files in a chain.
let private longest = 10

let private keyword = "extends"

let private entries (node: Node) =
    match node.Content with
    | Content.Mapping entries -> entries
    | _ -> []

let private find key node = entries node |> List.tryFind (fun entry -> entry.Key.Value = key)

let private without keys (node: Node) =
    match node.Content with
    | Content.Mapping entries ->
        Node.mapping node.Span (entries |> List.filter (fun entry -> not (List.contains entry.Key.Value keys)))
    | _ -> node

let private isMapping (node: Node) =
    match node.Content with
    | Content.Mapping _ -> true
    | _ -> false

let private folderOf (file: string) = IO.Path.GetDirectoryName file |> string

/// A path without '.' and '..' where they can be told from the text.
let private plain (path: string) =
    let step (kept: string list) part =
        match part, kept with
        | ".", _ -> kept
        | "..", before :: kept when before <> ".." && before <> "" -> kept
        | part, _ -> part :: kept

    path.Replace('\\', '/').Split '/' |> Array.fold step [] |> List.rev |> String.concat "/"

let private isCode (entry: Entry) = CodeFile.isKey entry.Key.Value
let private isLabel (entry: Entry) = Label.isKey entry.Key.Value

/// Graph files and the like count from the folder of the scenario that names them: told from another folder, they
/// are found at the same place.
let rec private moved grammar folder shape (node: Node) : Node =
    let text (node: Node) =
        match node.Content with
        | Content.Scalar(text, quoted) when text <> "" && not (IO.Path.IsPathRooted text || text.StartsWith '$') ->
            { node with Content = Content.Scalar(IO.Path.Combine(folder, text), quoted) }
        | _ -> node

    let argument (owner: Member) (entry: Entry) =
        match owner.Parameters |> List.tryFind (fun parameter -> parameter.Name = entry.Key.Value) with
        | Some { Kind = Kind.Text } -> { entry with Value = text entry.Value }
        | _ -> entry

    let arguments (owner: Member) (node: Node) =
        match node.Content, owner.Parameters with
        | Content.Mapping entries, _ -> Node.mapping node.Span (entries |> List.map (argument owner))
        | Content.Scalar _, { Kind = Kind.Text } :: _ -> text node
        | _ -> node

    match shape, node.Content with
    | Shape.Fields fields, Content.Mapping entries ->
        entries
        |> List.map (fun entry ->
            match fields |> List.tryFind (fun field -> field.Key = entry.Key.Value) with
            | Some field -> { entry with Value = moved grammar folder field.Shape entry.Value }
            | None -> entry)
        |> Node.mapping node.Span
    | Shape.Component(_, _, true), Content.Mapping entries when entries |> List.exists isCode ->
        let isPath (entry: Entry) = List.contains entry.Key.Value [ "script"; "assembly" ]

        entries
        |> List.map (fun entry ->
            if isPath entry then
                { entry with Value = text entry.Value }
            else
                entry)
        |> Node.mapping node.Span
    | Shape.Component(_, members, _), Content.Mapping entries ->
        entries
        |> List.map (fun entry ->
            match members |> List.tryFind (fun owner -> owner.Name = entry.Key.Value) with
            | Some owner -> { entry with Value = arguments owner entry.Value }
            | None -> entry)
        |> Node.mapping node.Span
    | Shape.Sweep, Content.Mapping entries ->
        // The values of a sweep are lists, those of its variants stand alone.
        let value (key: string) (node: Node) =
            match Shape.at (List.ofArray (key.Split '.')) grammar, node.Content with
            | Some shape, Content.Sequence items ->
                { node with
                    Content = Content.Sequence(items |> List.map (moved grammar folder shape)) }
            | Some shape, _ -> moved grammar folder shape node
            | None, _ -> node

        let keyed (entry: Entry) =
            match entry.Key.Value, entry.Value.Content with
            | "zip", Content.Mapping _ -> { entry with Value = moved grammar folder Shape.Sweep entry.Value }
            | ("zip" | "exclude"), Content.Sequence items ->
                let items = items |> List.map (moved grammar folder Shape.Sweep)
                { entry with Value = { entry.Value with Content = Content.Sequence items } }
            | "exclude", Content.Mapping _ -> { entry with Value = moved grammar folder Shape.Sweep entry.Value }
            | "variants", Content.Mapping variants ->
                let moved (variant: Entry) = { variant with Value = moved grammar folder Shape.Sweep variant.Value }
                { entry with Value = Node.mapping entry.Value.Span (List.map moved variants) }
            | key, _ -> { entry with Value = value key entry.Value }

        Node.mapping node.Span (List.map keyed entries)
    | Shape.OrList(_, item), Content.Sequence items ->
        { node with
            Content = Content.Sequence(items |> List.map (moved grammar folder item)) }
    | Shape.OrList(one, _), _ -> moved grammar folder one node
    | _ -> node

/// Whether an heir says nothing else of where the code is.
let private isSameCode (before: Entry list) (after: Entry list) =
    let written (entry: Entry) = entry.Key.Value, Node.flow entry.Value

    let named =
        after |> List.filter (fun entry -> not (entry.Key.Value = CodeFile.arguments || isLabel entry))

    not after.IsEmpty
    && named |> List.forall (fun entry -> List.contains (written entry) (List.map written before))

/// The two nodes as one: keys of mappings are joined, everything else is that of the heir. A component keeps the
/// parameters that the heir does not name, if it is the same component.
let rec private merge shape (parent: Node) (heir: Node) : Node =
    match shape with
    | Shape.Component _ ->
        match entries parent, entries heir with
        | before, after when
            List.exists isCode before
            && after |> List.forall (fun entry -> isCode entry || isLabel entry)
            && isSameCode before after
            ->
            let inner key =
                if key = CodeFile.arguments then
                    Some(Shape.Fields [])
                else
                    None

            joined inner [] parent heir
        | before, after ->
            match List.partition isLabel before, List.partition isLabel after with
            | (label, [ before ]), (own, [ after ]) when
                before.Key.Value = after.Key.Value && isMapping before.Value && isMapping after.Value
                ->
                // The label is the heir's, or stays that of the same component.
                let label = if own.IsEmpty then label else own
                let inner = joined (fun _ -> None) [] before.Value after.Value
                Node.mapping heir.Span ({ after with Value = inner } :: label)
            | _ -> heir
    | Shape.OrList(one, _) -> merge one parent heir
    | Shape.Fields fields when isMapping parent && isMapping heir ->
        let shapeOf key = fields |> List.tryFind (fun field -> field.Key = key) |> Option.map _.Shape
        joined shapeOf fields parent heir
    | Shape.Sweep when isMapping parent && isMapping heir ->
        joined
            (fun key ->
                if key = "zip" || key = "variants" then
                    Some Shape.Sweep
                else
                    None)
            []
            parent
            heir
    | _ -> heir

and private joined shapeOf (fields: KeyShape list) (parent: Node) (heir: Node) : Node =
    let own = entries heir

    let isReplaced (entry: Entry) =
        own |> List.exists (fun other -> Shape.areAlternatives fields entry.Key.Value other.Key.Value)

    let inherited =
        entries parent
        |> List.filter (isReplaced >> not)
        |> List.map (fun entry ->
            match own |> List.tryFind (fun other -> other.Key.Value = entry.Key.Value), shapeOf entry.Key.Value with
            | Some other, Some shape -> { other with Value = merge shape entry.Value other.Value }
            | Some other, None -> other
            | None, _ -> entry)

    let isNew (entry: Entry) = entries parent |> List.forall (fun other -> other.Key.Value <> entry.Key.Value)

    Node.mapping heir.Span (inherited @ List.filter isNew own)

/// The paths of the values that a scenario gives to all of its runs.
let rec private given shape (trail: Path) (node: Node) : Path list =
    match shape with
    | Shape.Fields fields ->
        [ for entry in entries node do
              match fields |> List.tryFind (fun field -> field.Key = entry.Key.Value && not field.Fixed) with
              | Some field -> yield! given field.Shape (trail @ [ entry.Key ]) entry.Value
              | None -> () ]
    | _ -> [ trail ]

/// What a scenario gives to all of its runs is not swept any more, as with a value of the command line.
let private withoutSwept grammar (heir: Node) (parent: Node) =
    given grammar [] heir
    |> List.fold
        (fun (parent, hidden) path ->
            let parent, more = Overrides.replaceAxis grammar path parent
            parent, hidden @ more)
        (parent, [])

let private chainText files = files |> List.map plain |> String.concat " → "

/// The path as it is written.
let private target (world: World) (entry: Entry) : Result<string, Diagnostic list> =
    let expected = "expected the path of a scenario, counted from this file's folder"

    match entry.Value, entry.Value.Content with
    | Node.Nothing, _
    | _, (Content.Sequence _ | Content.Mapping _) ->
        Error [ Diagnostic.error entry.Value.Span $"'{keyword}' {Node.describe entry.Value}: {expected}" ]
    | _, Content.Scalar _ ->
        match References.variables world.Variable entry.Value with
        | { Content = Content.Scalar(text, _) }, [] -> Ok text
        | _, problems -> Error problems

let private read (world: World) (entry: Entry) written file : Result<Node * Diagnostic list, Diagnostic list> =
    match world.Read file with
    | Error(problem: Diagnostic) ->
        match problem.Place with
        | Place.File _ ->
            let diagnostic = Diagnostic.error entry.Value.Span $"cannot read '{plain file}': {problem.Message}"

            // The path of the file that is meant counts from the scenario's folder, as the one that is written.
            match problem.Fixes with
            | [ [ Change.Replace(_, name) ] ] ->
                let meant = IO.Path.Combine(folderOf written, name).Replace('\\', '/')
                Error [ diagnostic |> Diagnostic.meant entry.Value.Span [ meant ] $"did you mean '{meant}'?" ]
            | _ -> Error [ diagnostic ]
        | Place.Text _ -> Error [ problem ]
    | Ok text ->
        match Yaml.parse (Source.create (Origin.File(plain file)) text) 0 with
        | None, [] -> Error [ Diagnostic.error entry.Value.Span $"'{plain file}' is empty" ]
        | None, problems -> Error problems
        | Some root, problems -> Ok(root, problems)

/// The scenario with everything that it inherits, and what is wrong on the way. The name and the description are its
/// own. `chain` has the files that lead here, the last first.
let rec private resolved world grammar (chain: string list) (root: Node) : Node * Diagnostic list =
    match find keyword root with
    | None -> root, []
    | Some entry ->
        let heir = without [ keyword ] root

        let ancestor =
            target world entry
            |> Result.bind (fun written ->
                let file = IO.Path.Combine(folderOf chain.Head, written)

                if chain |> List.map plain |> List.contains (plain file) then
                    let loop = chainText (List.rev (file :: chain))
                    Error [ Diagnostic.error entry.Value.Span $"these scenarios extend each other: {loop}" ]
                elif chain.Length >= longest then
                    Error [ Diagnostic.error entry.Value.Span $"a chain of more than {longest} scenarios" ]
                else
                    read world entry written file
                    |> Result.map (fun (parent, problems) -> (written, file), parent, problems))

        match ancestor with
        | Error problems -> heir, problems
        | Ok(_, parent, problems) when not (isMapping parent) ->
            heir, problems @ [ Diagnostic.error parent.Span "this is not a scenario: expected keys and values" ]
        | Ok((written, file), parent, problems) ->
            let parent, more = resolved world grammar (file :: chain) parent
            let parent = parent |> without [ "name"; "description" ]
            let folder = folderOf written

            let parent =
                if folder = "" then
                    parent
                else
                    moved grammar folder grammar parent

            let parent, hidden = withoutSwept grammar heir parent
            merge grammar parent heir, problems @ more @ hidden

/// The scenario of a file with everything that it inherits, and what is wrong on the way.
let resolve world grammar file (root: Node) : Node * Diagnostic list = resolved world grammar [ file ] root
