namespace UbarFs.Scenario

open UbarFs.Core

/// A dotted path to a value of a scenario, key by key.
type Path = Located<string> list

/// How two paths get in each other's way.
[<RequireQualifiedAccess>]
type Overlap =
    | None
    /// They lead to the same value.
    | Same
    /// The second leads into the value of the first.
    | Inside
    /// The first leads into the value of the second.
    | Around
    /// Only one of the two values can be there.
    | Alternative

[<RequireQualifiedAccess>]
module Path =

    let text (path: Path) = path |> List.map _.Value |> String.concat "."

    let names (path: Path) = path |> List.map _.Value

    /// The place of the whole path.
    let span (path: Path) =
        let first, last = (List.head path).Span, (List.last path).Span

        if obj.ReferenceEquals(first.Source, last.Source) then
            let length = last.Offset + last.Length - first.Offset
            { first with Length = length; Extent = length }
        else
            first

    /// Cuts a written path at its dots. Each part keeps its place.
    let parse (written: Located<string>) : Result<Path, Diagnostic> =
        let quote = (written.Span.Length - written.Value.Length) / 2
        let parts = written.Value.Split '.' |> List.ofArray
        let starts = parts |> List.scan (fun start part -> start + part.Length + 1) (max 0 quote)

        if List.contains "" parts then
            let diagnostic = Diagnostic.error written.Span $"'{Node.shortened written.Value}' is not a path"

            match parts |> List.filter ((<>) "") with
            | [] -> diagnostic |> Diagnostic.hinted "a path is keys with dots between them"
            | kept ->
                let meant = String.concat "." kept
                diagnostic |> Diagnostic.meant written.Span [ meant ] $"did you mean '{meant}'?"
            |> Error
        else
            List.zip parts (List.truncate parts.Length starts)
            |> List.map (fun (part, start) -> { Value = part; Span = Span.part start part.Length written.Span })
            |> Ok

    let private isKey (name: string) (entry: Entry) = entry.Key.Value = name

    let private replace (key: Located<string>) value (entries: Entry list) =
        let entry = { Key = key; Value = value }

        if List.exists (isKey key.Value) entries then
            entries |> List.map (fun other -> if isKey key.Value other then entry else other)
        else
            entries @ [ entry ]

    /// The entries of a node that is, or could become, a mapping.
    let private entriesOf (node: Node) =
        match node, node.Content with
        | Node.Nothing, _ -> Some []
        | _, Content.Mapping entries -> Some entries
        | _ -> None

    let private isLabel (entry: Entry) = Label.isKey entry.Key.Value

    /// The label of a component, if it has one.
    let private labels (node: Node) = entriesOf node |> Option.defaultValue [] |> List.filter isLabel

    let private insideValue (whole: Path) (key: Located<string>) (trail: Path) =
        let path = text (List.rev trail)

        Diagnostic.error key.Span $"'{path}' is a single value, so it has no '{Node.shortened key.Value}'"
        |> Diagnostic.meant (span whole) [ path ] $"the path is '{path}'"

    /// The component that a node chooses, and the node behind its name; nothing for a node that chooses none.
    let private chosen (node: Node) =
        match node, node.Content with
        | Node.Nothing, _ -> Some None
        | _, Content.Scalar(name, _) -> Some(Some({ Value = name; Span = node.Span }, Node.scalar node.Span ""))
        | _, Content.Mapping entries when entries |> List.forall isLabel -> Some None
        | _, Content.Mapping([ entry ] | [ entry; _ ] as entries) when entries.Tail |> List.forall isLabel ->
            Some(Some(entry.Key, entry.Value))
        | _, Content.Mapping [ label; entry ] when isLabel label -> Some(Some(entry.Key, entry.Value))
        | _, Content.Mapping entries ->
            // Code has several keys; the first of them stands for it.
            entries
            |> List.tryFind (fun entry -> CodeFile.isKey entry.Key.Value)
            |> Option.map (fun entry -> Some(entry.Key, entry.Value))
        | _ -> None

    // The parameters of a component as a mapping, with the shorthand written out.
    let private parameterEntries (owner: Member) (node: Node) =
        match entriesOf node, node.Content, owner.Parameters with
        | None, Content.Scalar _, first :: _ ->
            Some [ { Key = { Value = first.Name; Span = node.Span }; Value = node } ]
        | entries, _, _ -> entries

    let private setParameter family members (owner: Member) (whole: Path) path value (node: Node) (trail: Path) =
        match path with
        | [] -> value, []
        | [ key: Located<string> ] ->
            let known = owner.Parameters |> List.exists (fun parameter -> parameter.Name = key.Value)

            match parameterEntries owner node with
            | Some entries when known -> Node.mapping node.Span (replace key value entries), []
            | _ when known -> node, []
            | _ -> node, [ Unknown.parameter family members owner None key ]
        | key :: next :: _ -> node, [ insideValue whole next (key :: trail) ]

    let private notChosen family (name: Located<string>) (other: Located<string>) (path: Path) =
        Diagnostic.error name.Span $"the {family} is '{other.Value}' here, so '{text path}' sets nothing"
        |> Diagnostic.noting other.Span $"the {family} is chosen here"
        |> Diagnostic.meant other.Span [ name.Value ] $"choose '{name.Value}' there, or take the path out"

    /// Puts a label beside a component.
    let private setLabel family (key: Located<string>) (whole: Path) rest value (node: Node) : Node * Diagnostic list =
        match rest, node, node.Content with
        | next :: _, _, _ -> node, [ insideValue whole next [ key ] ]
        | [], _, Content.Sequence _ ->
            node,
            [ Diagnostic.error key.Span $"a list has no {Label.key}"
              |> Diagnostic.hinted $"each {family} in it can have one" ]
        | [], Node.Nothing, _ -> Node.mapping node.Span [ { Key = key; Value = value } ], []
        | [], _, Content.Scalar(name, _) ->
            let chosen = { Key = { Value = name; Span = node.Span }; Value = Node.scalar node.Span "" }
            Node.mapping node.Span [ chosen; { Key = key; Value = value } ], []
        | [], _, Content.Mapping entries -> Node.mapping node.Span (replace key value entries), []

    /// Puts a value at a key of what names code. What cannot stand beside it is taken out.
    let private setCode family (key: Located<string>) rest value (node: Node) (path: Path) : Node * Diagnostic list =
        let kept =
            entriesOf node
            |> Option.defaultValue []
            |> List.filter (fun entry ->
                CodeFile.isKey entry.Key.Value && not (CodeFile.areAlternatives key.Value entry.Key.Value))

        let kept = if kept.IsEmpty then kept else kept @ labels node

        let isArguments = key.Value = CodeFile.arguments

        match rest, chosen node with
        | _, Some(Some(other, _)) when isArguments && not (CodeFile.isKey other.Value) ->
            node, [ notChosen family { key with Value = "script" } other path ]
        | [], _ -> Node.mapping node.Span (replace key value kept), []
        | [ parameter ], _ when isArguments ->
            let given =
                kept
                |> List.tryFind (isKey key.Value)
                |> Option.bind (fun entry -> entriesOf entry.Value)
                |> Option.defaultValue []

            Node.mapping node.Span (replace key (Node.mapping key.Span (replace parameter value given)) kept), []
        | inner :: _, _ ->
            let trail = path |> List.takeWhile (fun part -> not (obj.ReferenceEquals(part, inner)))
            node, [ insideValue path inner (List.rev trail) ]

    /// Puts a value at a path, as if it had been written there; mappings that are missing on the way are added, and
    /// the other spelling of the same choice (`epochs` of `iterations`) is taken out. What is wrong with the path
    /// itself is returned beside the node; a misspelt path is followed where it was meant to lead.
    let set (grammar: Shape) (path: Path) (value: Node) (root: Node) : Node * Diagnostic list =
        let rec at shape (trail: Path) (rest: Path) (node: Node) : Node * Diagnostic list =
            match shape, rest with
            | _, [] -> value, []
            | Shape.Fields fields, key :: rest -> field fields trail key rest node
            | Shape.Component(family, _, true), name :: rest when Label.isKey name.Value ->
                setLabel family name path rest value node
            | Shape.Component(family, _, true), name :: rest when CodeFile.isKey name.Value ->
                setCode family name rest value node path
            | Shape.Component(family, members, _), name :: rest -> componentAt family members trail name rest node
            | Shape.OrList(one, _), _ -> at one trail rest node
            | Shape.Sweep, _ ->
                let key: Located<string> = { List.head rest with Value = text rest }
                let entries = entriesOf node |> Option.defaultValue []
                Node.mapping node.Span (replace key value entries), []
            | (Shape.Scalar _ | Shape.Text _ | Shape.List _), key :: _ -> node, [ insideValue path key trail ]

        and field fields (trail: Path) (key: Located<string>) rest node =
            match fields |> List.tryFind (fun field -> field.Key = key.Value), entriesOf node with
            | Some _, None -> node, []
            | Some field, Some entries ->
                let isOther (entry: Entry) = Shape.areAlternatives fields field.Key entry.Key.Value
                let entries = entries |> List.filter (isOther >> not)

                let existing =
                    match entries |> List.tryFind (isKey key.Value) with
                    | Some entry -> entry.Value
                    | None -> Node.scalar key.Span ""

                match at field.Shape (key :: trail) rest existing with
                | changed, wrong when obj.ReferenceEquals(changed, existing) -> node, wrong
                | changed, wrong -> Node.mapping node.Span (replace key changed entries), wrong
            | None, _ ->
                let names = trail |> List.rev |> List.map _.Value
                let wrong = StrayKey.diagnostic grammar names fields None key

                // A value for a whole section would only be wrong again.
                let isSection meant =
                    fields |> List.exists (fun field -> field.Key = meant && field.Shape.IsFields) && List.isEmpty rest

                match Nearest.find (fields |> List.map _.Key) key.Value with
                | Some meant when isSection meant -> node, [ StrayKey.section fields meant key ]
                | Some meant ->
                    let node, others = field fields trail { key with Value = meant } rest node
                    node, wrong :: others
                | None -> node, [ wrong ]

        and unknownComponent family members (trail: Path) (name: Located<string>) node =
            let before = List.rev trail

            let initial =
                match Shape.initial (names before) grammar with
                | Some(Default.Written initial) -> Some initial
                | _ -> None

            let inForce =
                match chosen node with
                | Some(Some(name, _)) -> Some name.Value
                | Some None -> initial
                | None -> None

            Unknown.shortPath family members inForce (text before) name
            |> Option.defaultWith (fun () -> Unknown.component' family initial members name None)

        and componentAt family members trail (name: Located<string>) rest node =
            match members |> List.tryFind (fun candidate -> candidate.Name = name.Value), chosen node with
            | None, _ -> node, [ unknownComponent family members trail name node ]
            | Some _, None -> node, []
            | Some _, Some(Some(other, _)) when other.Value <> name.Value && not (List.isEmpty rest) ->
                node, [ notChosen family name other path ]
            | Some owner, Some current ->
                let arguments =
                    match current with
                    | Some(_, arguments) -> arguments
                    | None -> Node.scalar name.Span ""

                let changed, wrong = setParameter family members owner path rest value arguments (name :: trail)

                // A component keeps its label as long as it is the same.
                let kept =
                    match current with
                    | Some(other, _) when other.Value <> name.Value -> []
                    | _ -> labels node

                Node.mapping node.Span ({ Key = name; Value = changed } :: kept), wrong

        at grammar [] path root

    /// The value that is written at the path itself.
    let rec find (path: Path) (node: Node) =
        match path, node.Content with
        | [], _ -> Some node
        | key :: rest, Content.Mapping entries ->
            entries |> List.tryFind (isKey key.Value) |> Option.bind (fun entry -> find rest entry.Value)
        | _ -> None

    /// The name of the component that a node chooses.
    let choice (node: Node) =
        match chosen node with
        | Some(Some(name, _)) -> Some name.Value
        | _ -> None

    /// Whether a value is written at the path itself.
    let rec isGiven (path: Path) (node: Node) =
        match path, node.Content with
        | [], _ -> true
        | key :: rest, Content.Mapping entries ->
            entries |> List.exists (fun entry -> isKey key.Value entry && isGiven rest entry.Value)
        | _ -> false

    let private inner shape key =
        match shape with
        | Shape.Fields fields -> fields |> List.tryFind (fun field -> field.Key = key) |> Option.map _.Shape
        | _ -> None

    let rec private areAlternatives shape one other =
        match shape with
        | Some(Shape.Component(_, _, true)) when Label.isKey one || Label.isKey other -> false
        | Some(Shape.Component(_, _, true)) when CodeFile.isKey one && CodeFile.isKey other ->
            CodeFile.areAlternatives one other
        | Some(Shape.Component _) -> true
        | Some(Shape.OrList(single, _)) -> areAlternatives (Some single) one other
        | Some(Shape.Fields fields) -> Shape.areAlternatives fields one other
        | _ -> false

    /// How two paths get in each other's way.
    let overlap (grammar: Shape) (first: Path) (second: Path) =
        let rec compare shape (first: Path) (second: Path) =
            match first, second with
            | [], [] -> Overlap.Same
            | [], _ -> Overlap.Inside
            | _, [] -> Overlap.Around
            | one :: first, other :: second when one.Value = other.Value ->
                compare (shape |> Option.bind (fun shape -> inner shape one.Value)) first second
            | one :: _, other :: _ when areAlternatives shape one.Value other.Value -> Overlap.Alternative
            | _ -> Overlap.None

        compare (Some grammar) first second
