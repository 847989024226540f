/// Reads components: `name`, `{ name: { parameter: value } }`, or `{ name: value }` for the first parameter.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Choice

open System
open FsToolkit.ErrorHandling
open UbarFs.Core

let private parameterValue context (key: Located<string>) (parameter: Parameter) node =
    // Of names, what they are names of says why others are none of them.
    let explained (diagnostic: Diagnostic) =
        if parameter.Kind.IsNames && diagnostic.Hint.IsNone then
            Diagnostic.hinted $"it is {parameter.Meaning}" diagnostic
        else
            diagnostic

    Decode.read (Decode.value parameter.Kind) (Context.enter key context) node
    |> Result.map (fun value -> parameter.Name, value)
    |> Result.mapError (List.map explained)

// `ubar: [rho: 0.3]`, also with the '-' of a list on a line of its own: the parameters are a mapping.
let private listedParameters family (owner: Member) (node: Node) =
    let path = $"{family} '{owner.Name}'"

    let diagnostic =
        Diagnostic.error node.Span $"the parameters of the {path} are a list: expected a mapping"

    let joined = Node.joined node

    if Node.hasDistinctKeys joined then
        diagnostic
        |> Diagnostic.fixedBy [ Node.withoutDashes Node.flow node ] "take the '-' before the parameters away"
    else
        diagnostic

let private isMapping (node: Node) =
    match node.Content with
    | Content.Mapping _ -> true
    | _ -> false

/// The arguments in the node behind a component's name; `whole` is the node that chooses the component.
let private arguments
    family
    members
    (owner: Member)
    context
    (whole: Node option)
    (node: Node)
    : Validation<Arguments, Diagnostic> =
    let named (entry: Entry) =
        match owner.Parameters |> List.tryFind (fun parameter -> parameter.Name = entry.Key.Value) with
        | Some parameter -> parameterValue context entry.Key parameter entry.Value
        | None -> Validation.error (Unknown.parameter family members owner whole entry.Key)

    match node, node.Content, owner.Parameters with
    | Node.Nothing, _, _ -> Ok Map.empty
    | _, Content.Mapping entries, _ -> entries |> List.traverseValidationA named |> Result.map Map.ofList
    | _, Content.Sequence(_ :: _ as items), _ :: _ when List.forall isMapping items ->
        Validation.error (listedParameters family owner node)
    | _, _, first :: _ ->
        parameterValue context { Value = first.Name; Span = node.Span } first node
        |> Result.map (List.singleton >> Map.ofList)
    | _, _, [] ->
        let instead =
            whole |> Option.map (fun whole -> Diagnostic.replaced whole.Span owner.Name) |> Option.toList

        Diagnostic.error node.Span $"the {family} '{owner.Name}' has no parameters"
        |> Diagnostic.fixedBy instead $"write only '{owner.Name}'"
        |> Validation.error

// `rule: { ubar: …, rho: 0.3 }`: the parameters stand beside the name instead of inside.
let private severalKeys family (members: Member list) (node: Node) (entries: Entry list) =
    let named =
        entries
        |> List.tryFind (fun entry -> members |> List.exists (fun known -> known.Name = entry.Key.Value))

    let isLabelled = entries |> List.exists (fun entry -> Label.isKey entry.Key.Value)
    let second = entries |> List.tryItem 1 |> Option.map _.Key.Span |> Option.defaultValue node.Span
    let diagnostic = Diagnostic.error second $"expected one {family}, found {entries.Length} keys"

    let isOwn (owner: Member) (entry: Entry) =
        owner.Parameters |> List.exists (fun parameter -> parameter.Name = entry.Key.Value)

    let known (entry: Entry) = members |> List.tryFind (fun known -> known.Name = entry.Key.Value)

    match named, named |> Option.bind known with
    | Some name, Some owner ->
        let others = entries |> List.filter (fun entry -> not (obj.ReferenceEquals(entry, name)))
        let inside = Node.mapping node.Span [ { name with Value = Node.mapping node.Span others } ]

        if Node.isNothing name.Value && List.forall (isOwn owner) others then
            diagnostic
            |> Diagnostic.meant node.Span [ Node.flow inside ] $"parameters belong inside: {Node.flow inside}"
        elif isLabelled then
            diagnostic |> Diagnostic.hinted $"only rules, attacks and variants of a sweep have a {Label.key}"
        else
            diagnostic |> Diagnostic.hinted $"the parameters of '{owner.Name}' belong inside of it"
    | _ ->
        // `{ name: ubar, rho: 0.3 }`, as other programs have it.
        let naming =
            entries
            |> List.tryPick (fun entry ->
                match entry.Value.Content with
                | Content.Scalar(name, _) ->
                    members |> List.tryFind (fun known -> known.Name = name) |> Option.map (fun owner -> entry, owner)
                | _ -> None)

        match naming with
        | Some(naming, owner) when
            entries |> List.forall (fun entry -> obj.ReferenceEquals(entry, naming) || isOwn owner entry)
            ->
            let others = entries |> List.filter (fun entry -> not (obj.ReferenceEquals(entry, naming)))
            let key = { naming.Key with Value = owner.Name }

            let written =
                Node.mapping node.Span [ { Key = key; Value = Node.mapping node.Span others } ] |> Node.flow

            diagnostic |> Diagnostic.meant node.Span [ written ] $"write {written}"
        | _ -> diagnostic |> Diagnostic.hinted $"a {family} is a name, or a name with its parameters"

/// The code that some entries name, and the place of each part of its name.
let private codeFile
    family
    context
    (node: Node)
    (entries: Entry list)
    : Validation<CodeFile * (string -> Span), Diagnostic> =
    let find key = entries |> List.tryFind (fun entry -> entry.Key.Value = key)

    let text key =
        match find key with
        | Some entry ->
            Decode.read (Decode.value Kind.Text) (Context.enter entry.Key context) entry.Value
            |> Result.map string
        | None ->
            Diagnostic.error node.Span $"'{key}' is missing"
            |> Diagnostic.hinted $"write {{ script: FILE.fsx }} or {{ assembly: FILE.dll, type: NAME }} for a {family}"
            |> Validation.error

    let stray =
        entries
        |> List.tryPick (fun entry ->
            if not (CodeFile.isKey entry.Key.Value) then
                let more = $"parameters of the {family} stand in 'with': {{ {entry.Key.Value}: … }}"
                Some(Diagnostic.error entry.Key.Span $"unexpected key '{entry.Key.Value}'" |> Diagnostic.hinted more)
            elif (find "script").IsSome && CodeFile.areAlternatives "script" entry.Key.Value then
                let message = $"a {family} is a script or a type of an assembly, not both"
                Some(Diagnostic.error entry.Key.Span message)
            else
                None)

    let placeOf (name: string) =
        let isNamed (entry: Entry) =
            match entry.Value.Content with
            | Content.Scalar(text, _) -> text = name && entry.Key.Value <> CodeFile.arguments
            | _ -> false

        entries
        |> List.tryFind isNamed
        |> Option.orElse (find "script")
        |> Option.orElse (find "assembly")
        |> Option.map _.Value.Span
        |> Option.defaultValue node.Span

    match stray, find "assembly", find "type" with
    | Some problem, _, _ -> Validation.error problem
    | None, None, None -> text "script" |> Result.map (fun path -> CodeFile.Script path, placeOf)
    | None, _, _ ->
        Validation.zip (text "assembly") (text "type")
        |> Result.map (fun (path, name) -> CodeFile.Assembly(path, name), placeOf)

/// A component out of code that the scenario names.
let private ofCode family (load: CodeFile -> Result<Loaded<'value>, Diagnostic list>) context node entries =
    let located placeOf (problem: Diagnostic) =
        match problem.Place with
        | Place.File subject -> { problem with Place = Place.Text(placeOf subject) }
        | Place.Text _ -> problem

    let given =
        entries
        |> List.tryFind (fun (entry: Entry) -> entry.Key.Value = CodeFile.arguments)
        |> Option.map (fun entry -> Context.enter entry.Key context, entry.Value)
        |> Option.defaultValue (context, Node.scalar node.Span "")

    validation {
        let! file, placeOf = codeFile family context node entries
        let! loaded = load file |> Result.mapError (List.map (located placeOf))

        let owner: Member =
            { Name = loaded.Component.Name
              Parameters = loaded.Component.Settings.Parameters }

        let! arguments = arguments family [ owner ] owner (fst given) None (snd given)

        return!
            try
                Ok
                    { Component.choose arguments loaded.Component with
                        Code = Some { Keys = CodeFile.keys file; Fingerprint = loaded.Fingerprint } }
            with CodeException problem ->
                Error [ located placeOf problem ]
    }

/// A choice, and its canonical form with the checksum of its code.
let private reading (chosen: Chosen<'value>) : Decoded<Chosen<'value>> =
    { Value = chosen
      Said = Said.Value(Chosen.canonical chosen, Chosen.fingerprints chosen) }

/// A component of a family ("rule", "attack", …) out of its catalogue.
let decoder family (catalogue: Component<'value> list) : Decoder<Chosen<'value>> =
    let memberOf (component': Component<'value>) : Member =
        { Name = component'.Name; Parameters = component'.Settings.Parameters }

    let members = List.map memberOf catalogue
    let byName = catalogue |> List.map (fun component' -> component'.Name, component') |> Map.ofList

    let find context (name: Located<string>) node =
        match byName.TryFind name.Value with
        | Some found -> Ok found
        | None ->
            let initial =
                match Shape.initial (Context.names context) context.Grammar with
                | Some(Default.Written initial) -> Some initial
                | _ -> None

            Validation.error (Unknown.component' family initial members name node)

    let rec read context (node: Node) : Validation<Chosen<'value>, Diagnostic> =
        let isValid (item: Node) = not (Node.isNothing item) && Result.isOk (read context item)

        match node, node.Content with
        | Node.Nothing, _ ->
            let names = members |> List.map _.Name |> String.concat ", "
            Validation.error (Decode.mismatch context $"a {family} ({names})" isValid node)
        | _, Content.Scalar(name, _) ->
            find context { Value = name; Span = node.Span } None |> Result.map (Component.choose Map.empty)
        | _, Content.Mapping [ entry ] ->
            find context entry.Key (Some node)
            |> Result.bind (fun found ->
                arguments family members (memberOf found) (Context.enter entry.Key context) (Some node) entry.Value
                |> Result.map (fun arguments -> Component.choose arguments found))
        | _, Content.Mapping entries -> Validation.error (severalKeys family members node entries)
        | _, Content.Sequence _ -> Validation.error (Decode.mismatch context $"one {family}" isValid node)

    { Shape = Shape.Component(family, members, false)
      Read = fun context node -> read context node |> Result.map reading }

/// A component of a family out of its catalogue, or out of code: `{ script: … }`, or `{ assembly: …, type: … }`, with
/// its parameters under `with`. A `label` can stand beside any of them.
let orCode
    family
    (access: CodeAccess -> CodeFile -> Result<Loaded<'value>, Diagnostic list>)
    (catalogue: Component<'value> list)
    : Decoder<Chosen<'value>> =
    let known = decoder family catalogue

    let isMember (entry: Entry) =
        match entry.Value.Content with
        | Content.Scalar(name, _) -> catalogue |> List.exists (fun component' -> component'.Name = name)
        | _ -> false

    // `type: ubar` names no class, but a component as other programs do.
    let isCode (entries: Entry list) =
        entries
        |> List.exists (fun entry -> CodeFile.isKey entry.Key.Value && not (entry.Key.Value = "type" && isMember entry))

    let isFile (extension: string) (text: string) = text.EndsWith(extension, StringComparison.OrdinalIgnoreCase)

    let refuse (node: Node) text correct =
        Diagnostic.error node.Span $"'{text}' is a file, not the name of a {family}"
        |> Diagnostic.meant node.Span [ correct ] $"write {correct}"
        |> Validation.error

    let unlabelled (context: Context) (node: Node) =
        match node.Content with
        | Content.Mapping entries when isCode entries -> ofCode family (access context.Code) context node entries
        | Content.Scalar(text, _) when isFile ".fsx" text -> refuse node text $"{{ script: {text} }}"
        | Content.Scalar(text, _) when isFile ".dll" text -> refuse node text $"{{ assembly: {text}, type: NAME }}"
        | _ -> Decode.read known context node

    let read (context: Context) (node: Node) =
        let isLabel (entry: Entry) = Label.isKey entry.Key.Value

        match node.Content with
        | Content.Mapping [ only ] when isLabel only ->
            Diagnostic.error only.Key.Span $"'{Label.key}' stands beside a {family}, and there is none"
            |> Diagnostic.hinted $"write {{ name: {{ parameter: value }}, {Label.key}: {Node.flow only.Value} }}"
            |> Validation.error
        | Content.Mapping entries when List.exists isLabel entries ->
            let labels, others = List.partition isLabel entries

            validation {
                let! label = Decode.read Decode.label (Context.enter labels.Head.Key context) labels.Head.Value
                and! chosen = unlabelled context (Node.mapping node.Span others)
                return { chosen with Label = Some label }
            }
        | _ -> unlabelled context node

    let shape =
        match known.Shape with
        | Shape.Component(family, members, _) -> Shape.Component(family, members, true)
        | other -> other

    { Shape = shape
      Read = fun context node -> read context node |> Result.map reading }
