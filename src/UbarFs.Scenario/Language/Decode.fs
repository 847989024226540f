namespace UbarFs.Scenario

open System
open FsToolkit.ErrorHandling
open UbarFs.Core

/// Where a decoder stands.
type Context =
    {
        /// The whole language, for hints about misplaced keys.
        Grammar: Shape
        /// The keys that lead here, innermost first.
        Trail: Located<string> list
        /// The place to blame at the top level, where no key stands.
        Root: Span
        /// The code that the scenario may name.
        Code: CodeAccess
    }

[<RequireQualifiedAccess>]
module Context =
    let enter key context = { context with Trail = key :: context.Trail }
    let names context = context.Trail |> List.rev |> List.map _.Value
    let path context = context |> names |> String.concat "."

    /// The innermost key.
    let span context =
        match context.Trail with
        | key :: _ -> key.Span
        | [] -> context.Root

/// A way to read nodes of a known shape. It reports everything that is wrong, not only the first thing.
type Decoder<'value> =
    { Shape: Shape
      Read: Context -> Node -> Validation<Decoded<'value>, Diagnostic> }

/// Scalars.
[<RequireQualifiedAccess>]
module Decode =

    /// The value alone.
    let read (decoder: Decoder<'a>) context node : Validation<'a, Diagnostic> =
        decoder.Read context node |> Result.map _.Value

    let map project (decoder: Decoder<'a>) : Decoder<'b> =
        { Shape = decoder.Shape
          Read = fun context node -> decoder.Read context node |> Result.map (Decoded.map project) }

    /// Gives the value another canonical form.
    let shown (show: 'a -> Said) (decoder: Decoder<'a>) : Decoder<'a> =
        { Shape = decoder.Shape
          Read =
            fun context node ->
                decoder.Read context node |> Result.map (fun reading -> { reading with Said = show reading.Value }) }

    /// Takes what the scenario says into the value.
    let saying (take: (string * string) list -> 'a -> 'b) (decoder: Decoder<'a>) : Decoder<'b> =
        { Shape = decoder.Shape
          Read =
            fun context node ->
                decoder.Read context node
                |> Result.map (fun reading -> Decoded.map (take (Said.settings reading.Said)) reading) }

    /// Checks a decoded value further, or makes something else of it.
    let refine (check: Context -> 'a -> Validation<'b, Diagnostic>) (decoder: Decoder<'a>) : Decoder<'b> =
        { Shape = decoder.Shape
          Read =
            fun context node ->
                decoder.Read context node
                |> Result.bind (fun reading ->
                    check context reading.Value |> Result.map (fun value -> Decoded.map (fun _ -> value) reading)) }

    /// The value together with its place.
    let located (decoder: Decoder<'a>) : Decoder<Located<'a>> =
        { Shape = decoder.Shape
          Read =
            fun context node ->
                let located value : Located<'a> = { Value = value; Span = node.Span }
                decoder.Read context node |> Result.map (Decoded.map located) }

    /// The diagnostic for a node that is not what its key wants; `isValid` tells what is.
    let mismatch context expected isValid (node: Node) =
        let path = Context.path context
        let diagnostic = Diagnostic.error node.Span $"'{path}' {Node.describe node}: expected {expected}"

        let isFixed =
            Context.names context
            |> List.tryHead
            |> Option.forall (fun key -> Shape.isFixed key context.Grammar)

        match node.Content with
        | Content.Sequence [ { Content = Content.Scalar(text, _) } as only ] when isValid only ->
            diagnostic
            |> Diagnostic.meant node.Span [ Node.flow only ] $"one value stands without brackets: {text}"
        | Content.Sequence(first :: _ as items) when not isFixed && List.forall isValid items ->
            let values = Node.flow node

            diagnostic
            |> Diagnostic.fixedBy
                [ [ Change.Replace(node.Span, Node.flow first)
                    Change.Set($"sweep.{path}", values) ] ]
                $"to try several values, write '{path}: {Node.shortened values}' under 'sweep'"
        | _ -> diagnostic

    let private numberIn interval text =
        match Kind.read (Kind.Real interval) text with
        | Some(Value.Real number) -> Some number
        | _ -> None

    // What other languages and people write for a truth value.
    let private truthOf (text: string) =
        match text.ToLowerInvariant() with
        | "true"
        | "yes"
        | "on"
        | "y"
        | "1" -> Some "true"
        | "false"
        | "no"
        | "off"
        | "n"
        | "0" -> Some "false"
        | _ -> None

    /// The value that a text was probably meant to be.
    let rec private meant kind (text: string) =
        let percent interval =
            if interval.High <= 1.0 then
                numberIn (Interval.closed 2.0 100.0) text
                |> Option.filter (fun number -> Interval.contains interval (number / 100.0))
                |> Option.map (fun number ->
                    Correction.values [ $"{Value.Real number}%%"; string (Value.Real(number / 100.0)) ])
            else
                None

        let point () =
            let pointed = text.Replace(',', '.')

            if pointed <> text && (Kind.read kind pointed).IsSome then
                Some(Correction.values [ pointed ])
            else
                None

        // What people put into numbers: `30percent`, `1 000`, `10_000`, `~0.3`, `32 images`.
        let plain () =
            let percent = text.Replace("percent", "%").Replace("per cent", "%").Replace("pct", "%")
            let bare = percent |> String.filter (fun letter -> not (Seq.contains letter " _'~≈=+"))

            [ bare; text.Trim().Split(' ')[0] ]
            |> List.tryFind (fun tried -> tried <> text && (Kind.read kind tried).IsSome)
            |> Option.map (fun plain -> Correction.values [ plain ])

        let number interval = percent interval |> Option.orElseWith point |> Option.orElseWith plain
        let nearest words = Nearest.find words text |> Option.map (fun word -> Correction.words [ word ])

        match kind with
        | Kind.Real interval -> number interval
        | Kind.RealOrWord(interval, words) -> number interval |> Option.orElseWith (fun () -> nearest words)
        | Kind.WholeOrWord(low, high, words) ->
            meant (Kind.Whole(low, high)) text |> Option.orElseWith (fun () -> nearest words)
        | Kind.Choice words when List.contains "true" words ->
            nearest words |> Option.orElseWith (fun () -> meant Kind.Truth text)
        | Kind.Choice words
        | Kind.WholesOrWord(_, _, words)
        | Kind.Names words -> nearest words
        | Kind.Wholes _
        | Kind.Layers
        | Kind.Text -> None
        | Kind.Truth ->
            truthOf text
            |> Option.map (fun word -> Correction.words [ word ])
            |> Option.orElseWith (fun () -> nearest [ "true"; "false" ])
        | Kind.Whole(low, high) ->
            match numberIn Interval.unbounded text with
            // Beyond 2^53, a floating-point number is not the one that was written.
            | Some number when
                number = Math.Floor number
                && abs number < 9007199254740992.0
                && float low <= number
                && number <= float high
                && string (int64 number) <> text
                ->
                Some(Correction.values [ string (Value.Whole(int64 number)) ])
            | Some number when number > float high && Seq.forall Char.IsAsciiDigit text ->
                Some(Correction.says $"the largest is {high}")
            | _ -> plain ()

    let private corrected context node correction diagnostic =
        match correction with
        | Some correction ->
            Correction.apply (context.Trail |> List.tryHead |> Option.map _.Span) node correction diagnostic
        | None -> diagnostic

    /// A text that `read` understands, or else may correct; `show` gives a value's canonical form.
    let text expected (show: 'value -> string) (read: string -> Result<'value, Correction option>) : Decoder<'value> =
        let isValid (node: Node) =
            match node, node.Content with
            | Node.Nothing, _ -> false
            | _, Content.Scalar(text, _) -> Result.isOk (read text)
            | _ -> false

        { Shape = Shape.Text expected
          Read =
            fun context node ->
                match node, node.Content with
                | Node.Nothing, _ -> Validation.error (mismatch context expected isValid node)
                | _, Content.Scalar(text, _) ->
                    read text
                    |> Result.map (fun value -> { Value = value; Said = Said.text (show value) })
                    |> Result.mapError (fun correction ->
                        [ mismatch context expected isValid node |> corrected context node correction ])
                | _ -> Validation.error (mismatch context expected isValid node) }

    /// What a scenario calls something.
    let label: Decoder<string> =
        text $"a label: a text of at most {Label.longest} characters on one line" id (fun text ->
            Label.read text |> Option.either Ok (fun () -> Error None))

    // A list of names as the text that it is the value of.
    let private named (node: Node) =
        let name (item: Node) =
            match item.Content with
            | Content.Scalar(name, _) -> name
            | _ -> ""

        match node.Content with
        | Content.Sequence items when not items.IsEmpty -> Node.scalar node.Span (Kind.listed (List.map name items))
        | _ -> node

    /// A value of a kind.
    let value (kind: Kind) : Decoder<Value> =
        let read text = Kind.read kind text |> Option.either Ok (fun () -> Error(meant kind text))
        let scalar = { text (Kind.describe kind) string read with Shape = Shape.Scalar kind }

        let isScalar (node: Node) = node.Content.IsScalar

        let readList context (node: Node) =
            match node.Content with
            | Content.Sequence(_ :: _ as items) when List.forall isScalar items ->
                scalar.Read context (Node.scalar node.Span (Node.flow node))
            | _ -> scalar.Read context node

        match kind with
        | Kind.Wholes _
        | Kind.WholesOrWord _ -> { scalar with Read = readList }
        | Kind.Names _ -> { scalar with Read = fun context node -> scalar.Read context (named node) }
        | _ -> scalar

    /// Adds a better hint for some wrong texts.
    let explaining (explain: string -> Correction option) (decoder: Decoder<'a>) : Decoder<'a> =
        let explained context (node: Node) (diagnostic: Diagnostic) =
            match node.Content with
            | Content.Scalar(text, _) -> corrected context node (explain text) diagnostic
            | _ -> diagnostic

        { Shape = decoder.Shape
          Read = fun context node -> decoder.Read context node |> Result.mapError (List.map (explained context node)) }

    let private typed kind (project: Value -> 'a option) =
        value kind
        |> map (fun value ->
            match project value with
            | Some typed -> typed
            | None -> invalidOp $"a {kind} was read as {value}")

    let real interval =
        typed (Kind.Real interval) (function
            | Value.Real number -> Some number
            | _ -> None)

    /// A number, or one of some words (`Error word`).
    let realOrWord interval words =
        typed (Kind.RealOrWord(interval, words)) (function
            | Value.Real number -> Some(Ok number)
            | Value.Word word -> Some(Error word)
            | _ -> None)

    let wholeLong low high =
        typed (Kind.Whole(low, high)) (function
            | Value.Whole number -> Some number
            | _ -> None)

    let whole (low: int) (high: int) = wholeLong (int64 low) (int64 high) |> map int

    /// A whole number, or one of some words (`Error word`).
    let wholeOrWord (low: int) (high: int) words =
        typed (Kind.WholeOrWord(int64 low, int64 high, words)) (function
            | Value.Whole number -> Some(Ok(int number))
            | Value.Word word -> Some(Error word)
            | _ -> None)

    let truth =
        typed Kind.Truth (function
            | Value.Truth truth -> Some truth
            | _ -> None)

    /// One of some words, each with what it stands for.
    let choice (words: (string * 'value) list) =
        typed (Kind.Choice(List.map fst words)) (function
            | Value.Word word -> words |> List.tryFind (fun (name, _) -> name = word) |> Option.map snd
            | _ -> None)

    // Where one value is as good as a list of one, it stands without brackets.
    let private alone (one: Shape) (item: Shape) (said: Said list) =
        match said with
        | [ single ] when one = item -> single
        | several -> Said.list several

    let private listed (item: Decoder<'item>) together context nodes : Validation<Decoded<'item list>, Diagnostic> =
        nodes
        |> List.traverseValidationA (item.Read context)
        |> Result.map (fun items ->
            { Value = items |> List.map _.Value
              Said = items |> List.map _.Said |> together })

    /// One value, or a list of items that together stand for one.
    let orList (item: Decoder<'item>) (ofList: 'item list -> 'value) (one: Decoder<'value>) : Decoder<'value> =
        { Shape = Shape.OrList(one.Shape, item.Shape)
          Read =
            fun context node ->
                match node.Content with
                | Content.Sequence(_ :: _ as items) ->
                    listed item (alone one.Shape item.Shape) context items |> Result.map (Decoded.map ofList)
                | _ -> one.Read context node }

    /// A list with at least one item.
    let list expected (item: Decoder<'item>) : Decoder<'item list> =
        { Shape = Shape.List item.Shape
          Read =
            fun context node ->
                match node.Content with
                | Content.Sequence(_ :: _ as items) -> listed item Said.list context items
                | Content.Scalar(text, false) when (Correction.range text).IsSome ->
                    let items = (Correction.range text).Value

                    mismatch context expected (fun _ -> false) node
                    |> Diagnostic.meant node.Span [ $"[{items}]" ] $"write [{items}]"
                    |> Validation.error
                | Content.Scalar(text, false) when text.Contains ',' ->
                    let items = text.Split(',', StringSplitOptions.TrimEntries) |> String.concat ", "

                    mismatch context expected (fun _ -> false) node
                    |> Diagnostic.meant node.Span [ $"[{items}]" ] $"write [{items}]"
                    |> Validation.error
                | Content.Scalar(text, _) when text <> "" && Result.isOk (item.Read context node) ->
                    mismatch context expected (fun _ -> false) node
                    |> Diagnostic.meant node.Span [ $"[{text}]" ] $"write [{text}]"
                    |> Validation.error
                | _ -> Validation.error (mismatch context expected (fun _ -> false) node) }
