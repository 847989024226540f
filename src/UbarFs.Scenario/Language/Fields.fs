namespace UbarFs.Scenario

open FsToolkit.ErrorHandling
open UbarFs.Core

/// Some keys of a mapping, and the way to read their values from its entries. Build it with `fields { … }`.
type Fields<'value> =
    { Fields: KeyShape list
      Read: Context -> Entry list -> Validation<Decoded<'value>, Diagnostic> }

/// `fields { let! seed = … and! model = … return … }`: the keys are known without reading any text.
type FieldsBuilder() =
    member _.BindReturn(fields: Fields<'a>, project: 'a -> 'b) : Fields<'b> =
        { Fields = fields.Fields
          Read = fun context entries -> fields.Read context entries |> Result.map (Decoded.map project) }

    member _.MergeSources(first: Fields<'a>, second: Fields<'b>) : Fields<'a * 'b> =
        { Fields = first.Fields @ second.Fields
          Read =
            fun context entries ->
                Validation.zip (first.Read context entries) (second.Read context entries)
                |> Result.map (fun (first, second) ->
                    { Value = first.Value, second.Value; Said = Said.beside first.Said second.Said }) }

[<AutoOpen>]
module FieldsBuilder =
    let fields = FieldsBuilder()

/// Mappings.
[<RequireQualifiedAccess>]
module Field =

    let private define
        key
        meaning
        initial
        (decoder: Decoder<'a>)
        (absent: Context -> Validation<Decoded<'b>, Diagnostic>)
        (present: 'a -> 'b)
        =
        let atKey (reading: Decoded<'b>) =
            match reading.Said with
            | Said.Nothing -> reading
            | said -> { reading with Said = Said.Keys [ key, said ] }

        { Fields =
            [ { Key = key
                Meaning = meaning
                Shape = decoder.Shape
                Default = initial
                InsteadOf = None
                Fixed = false } ]
          Read =
            fun context (entries: Entry list) ->
                match entries |> List.tryFind (fun entry -> entry.Key.Value = key) with
                | Some entry ->
                    decoder.Read (Context.enter entry.Key context) entry.Value |> Result.map (Decoded.map present)
                | None -> absent context
                |> Result.map atKey }

    /// The diagnostic for a key that must be there.
    let missing key meaning (context: Context) =
        let path = Context.names context @ [ key ] |> String.concat "."
        let message = $"'{path}' is missing: {meaning}"
        let place = Context.span context

        let diagnostic =
            match place.Source.Origin with
            | Origin.File file when place = context.Root -> Diagnostic.fileError file message
            | _ -> Diagnostic.error place message

        { diagnostic with Lacks = Some path }

    let required key meaning decoder =
        define key meaning Default.Required decoder (missing key meaning >> Validation.error) id

    let optional key meaning decoder =
        define key meaning Default.Absent decoder (fun _ -> Ok { Value = None; Said = Said.Nothing }) Some

    /// What a text of the grammar itself stands for: a default is read as if it were written in the scenario.
    let private read (decoder: Decoder<'a>) text =
        match Yaml.parse (Source.create (Origin.File "the grammar") text) 0 with
        | Some node, [] ->
            match
                decoder.Read
                    { Grammar = decoder.Shape
                      Trail = []
                      Root = node.Span
                      Code = CodeAccess.none }
                    node
            with
            | Ok value -> value
            | Error errors -> invalidOp (errors |> List.map Rendering.plain |> String.concat "")
        | _ -> invalidOp $"the default '{text}' is not YAML"

    /// A key with a default, which is written as in a scenario.
    let withDefault key meaning initial decoder =
        let value = read decoder initial
        define key meaning (Default.Written initial) decoder (fun _ -> Ok value) id

    /// A key with a default, and the place of its value, if it is written.
    let placed key meaning initial decoder =
        let value = read decoder initial |> Decoded.map (fun value -> value, None)

        define key meaning (Default.Written initial) (Decode.located decoder) (fun _ -> Ok value) (fun written ->
            written.Value, Some written.Span)

    /// A mapping that may be left out where all of its keys may.
    let section key meaning (decoder: Decoder<'a>) =
        let absent context =
            decoder.Read
                (Context.enter { Value = key; Span = Context.span context } context)
                (Node.mapping (Context.span context) [])

        define key meaning Default.OfKeys decoder absent id

    /// Marks a key as the alternative of another one.
    let insteadOf other (fields: Fields<'a>) =
        { fields with
            Fields = fields.Fields |> List.map (fun field -> { field with InsteadOf = Some other }) }

    /// Marks keys that belong to the scenario as a whole: no run has them among its settings.
    let fixed' (fields: Fields<'a>) =
        { Fields = fields.Fields |> List.map (fun field -> { field with Fixed = true })
          Read =
            fun context entries ->
                fields.Read context entries |> Result.map (fun reading -> { reading with Said = Said.Keys [] }) }

    // A misspelt key is reported, and its value read as that of the key which was meant.
    let private repair (fields: KeyShape list) (unknown: Entry list) (entries: Entry list) : Entry list =
        let known = fields |> List.map _.Key

        let absent =
            known |> List.filter (fun key -> entries |> List.forall (fun entry -> entry.Key.Value <> key))

        let repaired (entry: Entry) =
            Nearest.find known entry.Key.Value
            |> Option.filter (fun meant -> List.contains meant absent)
            |> Option.map (fun meant -> { entry with Key = { entry.Key with Value = meant } })

        entries @ List.choose repaired unknown

    let private notMapping context (fields: KeyShape list) (node: Node) =
        let keys = fields |> List.filter (fun field -> not field.Fixed) |> List.map _.Key |> String.concat ", "

        let subject =
            match Context.path context with
            | "" -> "the scenario"
            | path -> $"'{path}'"

        let isItemOfKeys (item: Node) =
            match item.Content with
            | Content.Mapping _ -> true
            | _ -> false

        let diagnostic = Diagnostic.error node.Span $"{subject} {Node.describe node}: expected the keys {keys}"

        match node.Content with
        | Content.Sequence items when List.forall isItemOfKeys items && Node.hasDistinctKeys (Node.joined node) ->
            diagnostic
            |> Diagnostic.fixedBy [ Node.withoutDashes Node.flow node ] "take the '-' before the keys away"
        | Content.Scalar(text, false) when text.Contains ':' && not (text.Contains ": ") ->
            let spaced = text.Replace(":", ": ")

            diagnostic
            |> Diagnostic.meant node.Span [ $"{{ {spaced} }}" ] $"a space is missing after ':': {{ {spaced} }}"
        | Content.Scalar(text, _) when not (Node.isNothing node) ->
            let takes (field: KeyShape) =
                match field.Shape, field.Default with
                | Shape.Scalar kind, Default.Required -> Option.isSome (UbarFs.Core.Kind.read kind text)
                // A number alone, as other tools have it: `momentum: 0.9`.
                | Shape.Scalar(UbarFs.Core.Kind.Real _ as kind), _ when field.Key = (List.head fields).Key ->
                    Option.isSome (UbarFs.Core.Kind.read kind text)
                | shape, _ -> StrayKey.namesAt shape |> List.contains text

            match List.tryFind takes fields with
            | Some field when Context.path context <> "" ->
                diagnostic
                |> Diagnostic.meant
                    node.Span
                    [ $"{{ {field.Key}: {text} }}" ]
                    $"'{text}' is a value of '{field.Key}': write {{ {field.Key}: {text} }}"
            | _ when text.Contains " = " -> diagnostic |> Diagnostic.hinted "keys and values have ': ' between them"
            | _ -> diagnostic
        | _ -> diagnostic

    /// A mapping with exactly these keys.
    let mapping (fields: Fields<'a>) : Decoder<'a> =
        let known = fields.Fields |> List.map _.Key |> Set.ofList

        let readEntries context (entries: Entry list) =
            match entries |> List.filter (fun entry -> not (known.Contains entry.Key.Value)) with
            | [] -> fields.Read context entries
            | unknown ->
                let unknown = List.truncate Diagnostic.most unknown

                let report (entry: Entry) =
                    let stray: StrayKey.Stray = { Entry = entry; Beside = entries }
                    StrayKey.diagnostic context.Grammar (Context.names context) fields.Fields (Some stray) entry.Key

                match fields.Read context (repair fields.Fields unknown entries) with
                | Ok _ -> Error(List.map report unknown)
                | Error others -> Error(List.map report unknown @ others)

        { Shape = Shape.Fields fields.Fields
          Read =
            fun context node ->
                match node, node.Content with
                | Node.Nothing, _ -> readEntries context []
                | _, Content.Mapping entries -> readEntries context entries
                | _ -> Validation.error (notMapping context fields.Fields node) }
