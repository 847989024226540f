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
type Decoder<'value> = { Shape: Shape; Read: Context -> Node -> Validation<'value, Diagnostic> }

/// Scalars.
[<RequireQualifiedAccess>]
module Decode =

    let map project (decoder: Decoder<'a>) : Decoder<'b> =
        { Shape = decoder.Shape
          Read = fun context node -> decoder.Read context node |> Result.map project }

    /// Checks a decoded value further, or makes something else of it.
    let refine (check: Context -> 'a -> Validation<'b, Diagnostic>) (decoder: Decoder<'a>) : Decoder<'b> =
        { Shape = decoder.Shape
          Read = fun context node -> decoder.Read context node |> Result.bind (check context) }

    /// The value together with its place.
    let located (decoder: Decoder<'a>) : Decoder<Located<'a>> =
        { Shape = decoder.Shape
          Read =
            fun context node ->
                decoder.Read context node |> Result.map (fun value -> { Value = value; Span = node.Span }) }

    /// The diagnostic for a node that is not what its key wants.
    let mismatch context expected (node: Node) =
        let path = Context.path context
        let diagnostic = Diagnostic.error node.Span $"'{path}' {Node.describe node}: expected {expected}"

        let isFixed =
            Context.names context
            |> List.tryHead
            |> Option.forall (fun key -> Shape.isFixed key context.Grammar)

        match node.Content with
        | Content.Sequence(_ :: _) when not isFixed ->
            let values = Node.flow node |> Node.shortened
            diagnostic |> Diagnostic.hinted $"to try several values, write '{path}: {values}' under 'sweep'"
        | _ -> diagnostic

    let private numberIn interval text =
        match Kind.read (Kind.Real interval) text with
        | Some(Value.Real number) -> Some number
        | _ -> None

    /// The value that a text was probably meant to be.
    let rec private meant kind (text: string) =
        let percent interval =
            if interval.High <= 1.0 then
                numberIn (Interval.closed 2.0 100.0) text
                |> Option.filter (fun number -> Interval.contains interval (number / 100.0))
                |> Option.map (fun number -> $"did you mean {Value.Real number}%% or {Value.Real(number / 100.0)}?")
            else
                None

        let point () =
            let pointed = text.Replace(',', '.')

            if pointed <> text && (Kind.read kind pointed).IsSome then
                Some $"did you mean {pointed}?"
            else
                None

        let nearest words = Nearest.find words text |> Option.map (fun word -> $"did you mean '{word}'?")

        match kind with
        | Kind.Real interval -> percent interval |> Option.orElseWith point
        | Kind.RealOrWord(interval, words) ->
            percent interval |> Option.orElseWith point |> Option.orElseWith (fun () -> nearest words)
        | Kind.WholeOrWord(low, high, words) ->
            meant (Kind.Whole(low, high)) text |> Option.orElseWith (fun () -> nearest words)
        | Kind.Choice words -> nearest words
        | Kind.Text -> None
        | Kind.Truth ->
            match text.ToLowerInvariant() with
            | "true"
            | "yes"
            | "on"
            | "y"
            | "1" -> Some "did you mean 'true'?"
            | "false"
            | "no"
            | "off"
            | "n"
            | "0" -> Some "did you mean 'false'?"
            | _ -> nearest [ "true"; "false" ]
        | Kind.Whole(low, high) ->
            match numberIn Interval.unbounded text with
            | Some number when number = Math.Floor number && float low <= number && number <= float high ->
                Some $"did you mean {Value.Whole(int64 number)}?"
            | _ -> None

    /// A text that `read` understands; an error of `read` is a hint.
    let text expected (read: string -> Result<'value, string option>) : Decoder<'value> =
        { Shape = Shape.Text expected
          Read =
            fun context node ->
                match node, node.Content with
                | Node.Nothing, _ -> Validation.error (mismatch context expected node)
                | _, Content.Scalar(text, _) ->
                    read text
                    |> Result.mapError (fun hint -> [ mismatch context expected node |> Diagnostic.withHint hint ])
                | _ -> Validation.error (mismatch context expected node) }

    /// What a scenario calls something.
    let label: Decoder<string> =
        text $"a label: a text of at most {Label.longest} characters on one line" (fun text ->
            Label.read text |> Option.either Ok (fun () -> Error None))

    /// A value of a kind.
    let value (kind: Kind) : Decoder<Value> =
        let read text = Kind.read kind text |> Option.either Ok (fun () -> Error(meant kind text))
        { text (Kind.describe kind) read with Shape = Shape.Scalar kind }

    /// Adds a better hint for some wrong texts.
    let explaining (explain: string -> string option) (decoder: Decoder<'a>) : Decoder<'a> =
        let explained (node: Node) (diagnostic: Diagnostic) =
            match node.Content with
            | Content.Scalar(text, _) ->
                diagnostic |> Diagnostic.withHint (explain text |> Option.orElse diagnostic.Hint)
            | _ -> diagnostic

        { Shape = decoder.Shape
          Read = fun context node -> decoder.Read context node |> Result.mapError (List.map (explained node)) }

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

    /// One value, or a list of items that together stand for one.
    let orList (item: Decoder<'item>) (ofList: 'item list -> 'value) (one: Decoder<'value>) : Decoder<'value> =
        { Shape = Shape.OrList(one.Shape, item.Shape)
          Read =
            fun context node ->
                match node.Content with
                | Content.Sequence(_ :: _ as items) ->
                    items |> List.traverseValidationA (item.Read context) |> Result.map ofList
                | _ -> one.Read context node }

    /// A list with at least one item.
    let list expected (item: Decoder<'item>) : Decoder<'item list> =
        { Shape = Shape.List item.Shape
          Read =
            fun context node ->
                match node.Content with
                | Content.Sequence(_ :: _ as items) -> items |> List.traverseValidationA (item.Read context)
                | _ -> Validation.error (mismatch context expected node) }
