/// Reads YAML into located nodes. Of YAML, a scenario has mappings with plain keys, lists, scalars, anchors and
/// aliases; tags, merge keys and several documents in one file are refused.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Yaml

open System
open System.Collections.Generic
open System.IO
open YamlDotNet.Core
open YamlDotNet.Core.Events

/// The longest text that is read, in characters (and in bytes, for a file).
let longest = 1 <<< 20

/// The deepest nesting.
let deepest = 64

/// The most nodes that aliases may repeat, all together.
let mostRepeated = 100_000L

// Ends the reading: what follows could not be understood. It never leaves this module.
exception private RefusedException of Diagnostic

/// A node with the number of nodes in it and their depth, aliases written out.
type private Built = { Node: Node; Size: int64; Height: int }

/// The nodes of one text, read event by event.
type private Reader(source: Source, from: int) =
    let parser = Parser(new StringReader(source.Text.Substring from))
    let anchors = Dictionary<AnchorName, Built option>()
    let problems = ResizeArray<Diagnostic>()
    let opened = Stack<Span * string>()
    let mutable repeated = 0L

    let offset (mark: Mark) = from + int mark.Index
    let span (event: ParsingEvent) = Span.create source (offset event.Start) (offset event.End)

    let refuse place message hint =
        raise (RefusedException(Diagnostic.error place message |> Diagnostic.hinted hint))

    let next () =
        parser.MoveNext() |> ignore
        parser.Current

    let tooDeep place =
        refuse place $"nested deeper than {deepest} levels" "a scenario needs five or six: is this file one?"

    let checkTag (event: NodeEvent) =
        if not event.Tag.IsEmpty then
            Diagnostic.error (span event) "tags ('!…') are not part of the scenario language"
            |> Diagnostic.hinted "leave the tag out, or put a text that starts with '!' in quotes"
            |> problems.Add

    let alias depth (event: AnchorAlias) =
        let place = span event

        match anchors.TryGetValue event.Value with
        | false, _ ->
            refuse
                place
                $"no anchor '&{Node.shortened event.Value.Value}' comes before this alias"
                "a text that starts with '*' needs quotes"
        | true, None ->
            refuse
                place
                $"the alias '*{Node.shortened event.Value.Value}' repeats a value inside of itself"
                "take it out"
        | true, Some built ->
            repeated <- repeated + built.Size

            if repeated > mostRepeated then
                refuse place $"the aliases of this file repeat more than {mostRepeated} values" "write fewer of them"
            elif depth + built.Height > deepest then
                tooDeep place
            else
                built

    let rec node depth (event: ParsingEvent) =
        match event with
        | :? AnchorAlias as event -> alias depth event
        | :? NodeEvent as event ->
            checkTag event

            if depth > deepest then
                tooDeep (span event)

            if not event.Anchor.IsEmpty then
                anchors[event.Anchor] <- None

            let built = content depth event

            if not event.Anchor.IsEmpty then
                anchors[event.Anchor] <- Some built

            built
        | other -> refuse (span other) "expected a value here" "check the indentation"

    and content depth (event: NodeEvent) =
        match event with
        | :? Scalar as scalar ->
            { Node =
                { Span = span scalar
                  Content = Content.Scalar(scalar.Value, scalar.Style <> ScalarStyle.Plain) }
              Size = 1
              Height = 1 }
        | :? SequenceStart as start ->
            collection start (start.Style = SequenceStyle.Flow) "list" (fun () -> items depth [])
        | :? MappingStart as start ->
            let read () = entries depth (Dictionary()) [] []
            collection start (start.Style = MappingStyle.Flow) "mapping" read
        | other -> refuse (span other) "expected a value here" "check the indentation"

    and collection (start: ParsingEvent) isFlow what (read: unit -> Content * Built list) =
        if isFlow then
            opened.Push(Span.create source (offset start.End) (offset start.End + 1), what)

        let content, children = read ()

        if isFlow then
            opened.Pop() |> ignore

        let last = offset parser.Current.Start + (if isFlow then 1 else 0)

        { Node = { Span = Span.create source (offset start.Start) last; Content = content }
          Size = 1L + List.sumBy _.Size children
          Height = 1 + List.fold (fun height child -> max height child.Height) 0 children }

    and items depth (built: Built list) =
        match next () with
        | :? SequenceEnd ->
            let built = List.rev built
            Content.Sequence(List.map _.Node built), built
        | event -> items depth (node (depth + 1) event :: built)

    and entries depth (seen: Dictionary<string, Span>) (read: Entry list) (built: Built list) =
        match next () with
        | :? MappingEnd -> Content.Mapping(List.rev read), built
        | event ->
            let key = keyOf event
            let value = node (depth + 1) (next ())

            if accept seen key then
                // A value that is not there is missed where its key stands.
                let node =
                    if Node.isNothing value.Node then
                        { value.Node with Span = key.Span }
                    else
                        value.Node

                entries depth seen ({ Key = key; Value = node } :: read) (value :: built)
            else
                entries depth seen read built

    and keyOf (event: ParsingEvent) : Located<string> =
        match event with
        | :? Scalar as scalar ->
            checkTag scalar
            { Value = scalar.Value; Span = span scalar }
        | other ->
            refuse (span other) "a key must be a single word" "a text that starts with '[', '{' or '*' needs quotes"

    and accept (seen: Dictionary<string, Span>) (key: Located<string>) =
        match seen.TryGetValue key.Value with
        | true, first ->
            Diagnostic.error key.Span $"the key '{Node.shortened key.Value}' is given twice"
            |> Diagnostic.noting first "it is first given here"
            |> problems.Add

            false
        | false, _ when key.Value = "<<" ->
            Diagnostic.error key.Span "merge keys ('<<') are not part of the scenario language"
            |> Diagnostic.hinted "repeat the keys themselves; a whole value can be repeated with an alias"
            |> problems.Add

            false
        | false, _ ->
            seen[key.Value] <- key.Span
            true

    let rec document () =
        match next () with
        | :? StreamStart
        | :? DocumentStart -> document ()
        | :? StreamEnd -> None
        | event -> Some (node 1 event).Node

    let rec ending () =
        match next () with
        | :? StreamEnd -> ()
        | :? DocumentStart as second ->
            Diagnostic.error (span second) "a second document starts here"
            |> Diagnostic.hinted "a file holds one scenario: move this one to a file of its own"
            |> problems.Add
        | _ -> ending ()

    member _.Read() =
        try
            let root = document ()

            if root.IsSome then
                ending ()

            root, List.ofSeq problems
        with
        | RefusedException diagnostic -> None, List.ofSeq problems @ [ diagnostic ]
        | :? YamlException as error ->
            None, List.ofSeq problems @ [ YamlErrors.ofException source from (List.ofSeq opened) error ]
        // The library lets some of its own slips through, for instance on a tag without a name.
        | :? ArgumentException
        | :? InvalidOperationException ->
            let place =
                if isNull parser.Current then
                    0
                else
                    offset parser.Current.End

            None, List.ofSeq problems @ [ YamlErrors.failure source place (List.ofSeq opened) ]

let private forbidden (letter: char) = Char.IsControl letter && not (Seq.contains letter "\t\n\r")

/// The value that a text holds from an offset on, with all that is wrong with its form. The value is missing where
/// the text is empty or can't be understood; only in the first case is there nothing wrong.
let parse (source: Source) (from: int) : Node option * Diagnostic list =
    match Seq.tryFindIndex forbidden source.Text with
    | _ when source.Text.Length > longest ->
        None,
        [ Diagnostic.error (Span.at source 0) $"longer than {longest / 1024} KiB"
          |> Diagnostic.hinted "a scenario is a page or two: is this file one?" ]
    | Some offset ->
        let code = (int source.Text[offset]).ToString "X4"

        None,
        [ Diagnostic.error (Span.at source offset) $"the control character U+{code} is not allowed"
          |> Diagnostic.hinted "delete it; it may be invisible in an editor" ]
    | None -> Reader(source, from).Read()
