namespace UbarFs.Scenario

open System

/// A node of a YAML text, with its place.
type Node = { Span: Span; Content: Content }

and [<RequireQualifiedAccess>] Content =
    | Scalar of text: string * quoted: bool
    | Sequence of Node list
    /// In the order of the text; no key comes twice.
    | Mapping of Entry list

/// A key and its value.
and Entry = { Key: Located<string>; Value: Node }

[<RequireQualifiedAccess>]
module Node =

    let scalar span text = { Span = span; Content = Content.Scalar(text, false) }
    let mapping span entries = { Span = span; Content = Content.Mapping entries }

    /// Matches a key or an item without a value.
    let (|Nothing|_|) (node: Node) =
        match node.Content with
        | Content.Scalar(("" | "~" | "null"), false) -> Some()
        | _ -> None

    let isNothing node =
        match node with
        | Nothing -> true
        | _ -> false

    /// A long text cut short.
    let shortened (text: string) =
        if text.Length <= 60 then
            text
        else
            text.Substring(0, 59) + "…"

    /// What a node is, as the predicate of its key.
    let describe node =
        match node, node.Content with
        | Nothing, _ -> "has no value"
        | _, Content.Scalar(text, _) -> $"is '{shortened text}'"
        | _, Content.Sequence _ -> "is a list"
        | _, Content.Mapping _ -> "is a mapping"

    /// A list of mappings as one mapping.
    let joined (node: Node) : Node =
        let entries (item: Node) =
            match item.Content with
            | Content.Mapping entries -> entries
            | _ -> []

        match node.Content with
        | Content.Sequence items -> mapping node.Span (List.collect entries items)
        | _ -> node

    /// What makes a list of mappings one mapping: the dashes before its items become blanks, or the whole is written on
    /// one line.
    let withoutDashes flow (node: Node) : Fix =
        let dash (item: Node) =
            let start = item.Span.Offset - 2

            if start >= 0 && item.Span.Source.Text.Substring(start, 2) = "- " then
                Some(Change.Replace({ item.Span with Offset = start; Length = 2; Extent = 2 }, "  "))
            else
                None

        let items =
            match node.Content with
            | Content.Sequence items -> items
            | _ -> []

        match items |> List.map dash with
        | dashes when List.forall Option.isSome dashes -> List.choose id dashes
        | _ -> [ Change.Replace(node.Span, flow (joined node)) ]

    let hasDistinctKeys (node: Node) =
        match node.Content with
        | Content.Mapping entries -> (entries |> List.distinctBy _.Key.Value).Length = entries.Length
        | _ -> false

    // Letters that YAML takes for ends of lines, or that no editor shows.
    let private isHidden (letter: char) = Char.IsControl letter || Seq.contains letter "\u2028\u2029\uFEFF"

    let private isPlain (text: string) =
        let special (letter: char) = isHidden letter || Seq.contains letter ",:[]{}#\"'&*!|>@`"

        text <> ""
        && text.Trim() = text
        && not (String.exists special text)
        && not (Seq.contains text[0] "?%")
        && not (text[0] = '-' && (text.Length = 1 || text[1] = ' ' || text[1] = '-'))
        && not (List.contains text [ "~"; "null" ])

    let private escaped (text: string) =
        text
        |> String.collect (fun letter ->
            match letter with
            | '"'
            | '\\' -> $"\\{letter}"
            | '\n' -> "\\n"
            | letter when isHidden letter -> "\\u" + (int letter).ToString "X4"
            | letter -> string letter)

    let private quoted (text: string) =
        if isPlain text then
            text
        elif String.exists isHidden text then
            "\"" + escaped text + "\""
        else
            "'" + text.Replace("'", "''") + "'"

    /// The node on one line, in a form that does not depend on how it was laid out.
    let rec flow node =
        match node.Content with
        | Content.Scalar(("" | "~" | "null"), false) -> "null"
        | Content.Scalar(text, _) -> quoted text
        | Content.Sequence items -> items |> List.map flow |> String.concat ", " |> sprintf "[%s]"
        | Content.Mapping [] -> "{}"
        | Content.Mapping entries ->
            entries
            |> List.map (fun entry -> $"{quoted entry.Key.Value}: {flow entry.Value}")
            |> String.concat ", "
            |> sprintf "{ %s }"
