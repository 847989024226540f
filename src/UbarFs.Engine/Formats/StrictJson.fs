/// JSON that every program understands alike: no key twice in an object, no text that Unicode lacks, and no number that
/// a float64 cannot hold.
[<RequireQualifiedAccess>]
module UbarFs.Engine.StrictJson

open System
open System.Collections.Generic
open System.Text
open System.Text.Json
open System.Text.Json.Nodes

/// The deepest nesting.
let deepest = 64

/// Something that is wrong, and the byte where it is.
exception private WrongException of place: int64 * reason: string

let private strict = UTF8Encoding(false, true)

let private readerOptions = JsonReaderOptions(MaxDepth = deepest)

let private shortened (text: string) =
    if text.Length <= 40 then
        text
    else
        text.Substring(0, 39) + "…"

/// Half of a pair of UTF-16, as in "\ud800", is no letter.
let private textOf (reader: byref<Utf8JsonReader>) : string =
    let place = reader.TokenStartIndex

    try
        reader.GetString() |> string
    with :? InvalidOperationException ->
        raise (
            WrongException(place, "this text holds half of a letter: an escape of U+D800 to U+DFFF without the other")
        )

let private checkNumber (reader: byref<Utf8JsonReader>) =
    let mutable number = 0.0

    if not (reader.TryGetDouble &number && Double.IsFinite number) then
        let written = Encoding.ASCII.GetString reader.ValueSpan

        raise (WrongException(reader.TokenStartIndex, $"the number {shortened written} is beyond those of float64"))

/// Raises what is wrong first.
let private check (bytes: byte[]) =
    let mutable reader = Utf8JsonReader(ReadOnlySpan bytes, readerOptions)
    let objects = Stack<HashSet<string>>()

    while reader.Read() do
        match reader.TokenType with
        | JsonTokenType.StartObject -> objects.Push(HashSet())
        | JsonTokenType.EndObject -> objects.Pop() |> ignore
        | JsonTokenType.PropertyName ->
            let key = textOf &reader

            if not (objects.Peek().Add key) then
                raise (WrongException(reader.TokenStartIndex, $"the key '{shortened key}' is given twice"))
        | JsonTokenType.String -> textOf &reader |> ignore
        | JsonTokenType.Number -> checkNumber &reader
        | _ -> ()

/// The line and the column of a byte, as editors count them.
let private located (bytes: byte[]) (place: int64) reason =
    let before = Encoding.UTF8.GetString(bytes, 0, int (min place bytes.LongLength))
    let line = before |> Seq.filter ((=) '\n') |> Seq.length
    let column = before.Length - (before.LastIndexOf '\n' + 1)
    $"line {line + 1}, column {column + 1}: {reason}"

let private placeOf (bytes: byte[]) (error: JsonException) =
    let rec startOf line from =
        if line <= 0L then
            from
        else
            match Array.IndexOf(bytes, '\n'B, from) with
            | -1 -> from
            | found -> startOf (line - 1L) (found + 1)

    int64 (startOf (error.LineNumber.GetValueOrDefault()) 0)
    + error.BytePositionInLine.GetValueOrDefault()

/// What is behind the sentence are the library's own line and column, from 0.
let private sentence (error: JsonException) =
    let message = error.Message

    match message.IndexOf " LineNumber:" with
    | -1 -> message
    | cut -> message.Substring(0, cut).TrimEnd '.'

/// The value that a UTF-8 text holds, with or without a byte order mark; or what is wrong first, with its place.
let parse (bytes: byte[]) : Result<JsonNode | null, string> =
    let bytes =
        if bytes.AsSpan().StartsWith(ReadOnlySpan [| 0xEFuy; 0xBBuy; 0xBFuy |]) then
            bytes[3..]
        else
            bytes

    try
        strict.GetCharCount bytes |> ignore
        check bytes
        Ok(JsonNode.Parse(ReadOnlySpan bytes, documentOptions = JsonDocumentOptions(MaxDepth = deepest)))
    with
    | WrongException(place, reason) -> Error(located bytes place reason)
    | :? DecoderFallbackException as error -> Error(located bytes (int64 error.Index) "this is not UTF-8 text")
    | :? JsonException as error -> Error(located bytes (placeOf bytes error) $"this is not JSON: {sentence error}")
