/// What to say of keys that a mapping does not have.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.StrayKey

open System
open UbarFs.Core

/// A key where it does not belong, with what is written there.
type Stray =
    {
        Entry: Entry
        /// The keys beside it, in the order of the text, it included.
        Beside: Entry list
    }

let private dotted (path: string list) = String.concat "." path

/// The stray key taken out, and its value put where it belongs.
let private moved (stray: Stray option) path : Fix list =
    match stray with
    | Some { Entry = entry } when not (Node.isNothing entry.Value) ->
        [ [ Change.Remove(entry.Key.Span, entry.Value.Span)
            Change.Set(dotted path, Node.flow entry.Value) ] ]
    | _ -> []

let private belongs grammar (stray: Stray option) key home =
    match home with
    | [] -> moved stray [ key ], $"'{key}' belongs at the top level, without indentation"
    | path ->
        let isPlain = Shape.at path grammar |> Option.exists _.IsFields
        (if isPlain then moved stray (path @ [ key ]) else []), $"'{key}' belongs in '{dotted path}'"

let rec private membersOf shape =
    match shape with
    | Shape.Component(_, members, _) -> members
    | Shape.OrList(one, _) -> membersOf one
    | _ -> []

/// The names of the components that may stand at a place.
let namesAt shape = membersOf shape |> List.map _.Name

/// The name of the component that a node chooses.
let private chosenName (node: Node) =
    match node, node.Content with
    | Node.Nothing, _ -> None
    | _, Content.Scalar(name, _) -> Some name
    | _, Content.Mapping [ entry ] -> Some entry.Key.Value
    | _ -> None

/// The name of the component that the language chooses where none is written.
let private initialName (field: KeyShape) =
    match field.Default with
    | Default.Written text -> Some text
    | _ -> None

/// The component beside the stray key that has a parameter of its name: `rule: ubar` and `rho: 0.3`.
let private besides path (fields: KeyShape list) (stray: Stray) =
    let key = stray.Entry.Key.Value

    fields
    |> List.tryPick (fun field ->
        let written = stray.Beside |> List.tryFind (fun entry -> entry.Key.Value = field.Key)

        let chosen =
            match written with
            | Some entry -> chosenName entry.Value
            | None -> initialName field

        membersOf field.Shape
        |> List.tryFind (fun candidate ->
            Some candidate.Name = chosen
            && candidate.Parameters |> List.exists (fun parameter -> parameter.Name = key))
        |> Option.map (fun owner ->
            let value = Node.flow stray.Entry.Value
            let place = path @ [ field.Key; owner.Name; key ]

            moved (Some stray) place,
            $"'{key}' is a parameter of {owner.Name}: write {field.Key}: {{ {owner.Name}: {{ {key}: {value} }} }}"))

/// A component's name as a key of its own: `random: 0.4` for `topology: { random: 0.4 }`.
let private asKey path (fields: KeyShape list) (stray: Stray) =
    let name = stray.Entry.Key.Value

    fields
    |> List.tryFind (fun field -> membersOf field.Shape |> List.exists (fun candidate -> candidate.Name = name))
    |> Option.map (fun field ->
        let component' =
            if Node.isNothing stray.Entry.Value then
                name
            else
                $"{{ {name}: {Node.flow stray.Entry.Value} }}"

        [ [ Change.Remove(stray.Entry.Key.Span, stray.Entry.Value.Span)
            Change.Set(dotted (path @ [ field.Key ]), component') ] ],
        $"'{name}' is {Unknown.article field.Key}: write {field.Key}: {component'}")

let private takesWhole (fields: KeyShape list) (key: string) =
    fields
    |> List.exists (fun field ->
        field.Key = key
        && match field.Shape with
           | Shape.Scalar(Kind.Whole _)
           | Shape.Scalar(Kind.WholeOrWord _) -> true
           | _ -> false)

/// `rate: 0,05` is two entries to YAML, and so is `images: 1,000`.
let private decimalComma (fields: KeyShape list) (stray: Stray option) (key: Located<string>) =
    let before =
        stray
        |> Option.bind (fun stray ->
            stray.Beside
            |> List.takeWhile (fun entry -> not (obj.ReferenceEquals(entry, stray.Entry)))
            |> List.tryLast)

    match before with
    | Some { Key = before; Value = { Content = Content.Scalar(whole, false) } as number } when
        Seq.forall Char.IsAsciiDigit whole
        ->
        let extent = key.Span.Offset + key.Span.Length - number.Span.Offset
        let span = { number.Span with Length = extent; Extent = extent }
        let isWhole = takesWhole fields before.Value

        let meant =
            if isWhole then
                whole + key.Value
            else
                $"{whole}.{key.Value}"

        [ Diagnostic.replaced span meant ], $"a comma ends a value: write {meant} for {whole},{key.Value}"
    | _ -> [], "a comma ends a value: numbers have a decimal point"

let private nestedKey (stray: Stray option) (key: string) =
    let nested = key.Replace(".", ": { ")
    let closing = key |> Seq.filter ((=) '.') |> Seq.map (fun _ -> " }") |> String.concat ""

    match stray with
    | Some { Entry = { Value = { Content = Content.Sequence _ } as values } as entry } ->
        [ [ Change.Remove(entry.Key.Span, values.Span)
            Change.Set($"sweep.{key}", Node.flow values) ] ],
        "a path with a list of values belongs under 'sweep'"
    | Some { Entry = entry } ->
        moved stray [ key ],
        $"only the sweep takes paths; here it is written {nested}: {Node.flow entry.Value}{closing}"
    | None -> [], $"only the sweep takes paths; here the keys stand inside each other: {nested}: …{closing}"

/// A key that a mapping does not have. `grammar` is the whole language, where the key may have another place, and
/// `path` that of the mapping.
let diagnostic
    (grammar: Shape)
    (path: string list)
    (fields: KeyShape list)
    (stray: Stray option)
    (key: Located<string>)
    =
    let known = fields |> List.map _.Key
    let isPath = key.Value.Contains '.' && Shape.hasPath (List.ofArray (key.Value.Split '.')) grammar

    let another =
        stray
        |> Option.bind (fun stray -> besides path fields stray |> Option.orElse (asKey path fields stray))

    let fixes, hint =
        match Nearest.find known key.Value, another, Shape.homes key.Value grammar with
        | Some name, _, _ -> [ Diagnostic.replaced key.Span name ], Unknown.didYouMean name
        | None, Some another, _ -> another
        | None, None, [ home ] -> belongs grammar stray key.Value home
        | None, None, _ when isPath -> nestedKey stray key.Value
        | None, None, _ when key.Value |> Seq.forall Char.IsAsciiDigit -> decimalComma fields stray key
        | None, None, _ when key.Value |> Seq.exists (fun letter -> letter > '\127' && Char.IsWhiteSpace letter) ->
            [], "a blank in it is no ordinary one, as web pages and word processors have: type it again"
        | None, None, _ when List.isEmpty path -> [], $"the keys of a scenario are {Unknown.names known}"
        | None, None, _ -> [], $"its keys are {Unknown.names known}"

    let inside =
        match path with
        | [] -> ""
        | path -> $" in '{dotted path}'"

    Diagnostic.error key.Span $"unknown key '{Node.shortened key.Value}'{inside}"
    |> Diagnostic.fixedBy fixes hint

/// A path that ends with the misspelt name of a section, which has no value of its own.
let section (fields: KeyShape list) meant (key: Located<string>) =
    let keys =
        fields
        |> List.collect (fun field ->
            match field.Shape with
            | Shape.Fields inner when field.Key = meant -> List.map _.Key inner
            | _ -> [])

    Diagnostic.error key.Span $"unknown key '{Node.shortened key.Value}'"
    |> Diagnostic.hinted $"a path leads to a key of '{meant}': {Unknown.names keys}"
