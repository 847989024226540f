namespace UbarFs.Engine

open System
open System.IO
open System.Text
open System.Text.Json
open FsToolkit.ErrorHandling
open UbarFs.Core

/// A value in a JSON file of a store, with its place there for messages.
type StoredValue = { Place: string; Json: JsonElement }

/// Reads the files of stores, whoever wrote or damaged them. `Ok None` is no file, and an error completes a sentence about
/// the file. Texts come without anything that a terminal could take for a command.
[<RequireQualifiedAccess>]
module StoreReading =

    /// Ends the reading of a file, with a reason that completes a sentence about it.
    let fail (reason: string) = raise (InvalidDataException reason)

    /// A share is at most this: an average of ones can be a little more than one.
    let mostShare = 1.0 + 1e-6

    /// No duration is longer: three hundred years.
    let mostSeconds = 1e10

    /// Whether a name is that of a run's folder: nothing else can lead out of a store.
    let isId (name: string) = name.Length = 12 && Seq.forall Char.IsAsciiHexDigitLower name

    /// Whether something in the file system is a link, wherever that leads.
    let isLink (path: string) = not (isNull (FileInfo path).LinkTarget)

    // A pipe has no length, and would keep who opens it waiting.
    let private behindLinks (file: string) =
        let found = FileInfo file

        match found.LinkTarget with
        | null -> found
        | _ ->
            match found.ResolveLinkTarget true with
            | :? FileInfo as target -> target
            | _ -> found

    /// The bytes of a file that is no longer than it may be.
    let bytes (longest: int) (file: string) : Result<byte[] option, string> =
        try
            let found = behindLinks file

            if Directory.Exists file then
                Error "it is a folder"
            elif not found.Exists then
                Ok None
            elif found.Length > int64 longest then
                Error $"it has {found.Length} bytes, and more than {longest} are not read"
            elif found.Length = 0L then
                Ok(Some [||])
            else
                Ok(Durable.tryRead longest file)
        with
        | :? IOException
        | :? UnauthorizedAccessException as error -> Error(Visible.line error.Message)

    // Of doubled keys nobody can say which is meant.
    let private options = JsonDocumentOptions(AllowDuplicateProperties = false)

    /// Reads a text as JSON.
    let parse (decode: StoredValue -> 'value) (text: byte[]) : Result<'value, string> =
        try
            use document = JsonDocument.Parse(ReadOnlyMemory text, options)
            Ok(decode { Place = ""; Json = document.RootElement })
        with
        | :? InvalidDataException as error -> Error(Visible.line error.Message)
        | :? JsonException as error -> Error $"it is no JSON as it should be: {Visible.line error.Message}"
        | :? InvalidOperationException
        | :? ArgumentException -> Error "it has a text that is not Unicode"

    /// Reads a JSON file.
    let json (longest: int) (decode: StoredValue -> 'value) (file: string) : Result<'value option, string> =
        bytes longest file |> Result.bind (Option.traverseResult (parse decode))

    let private strict = UTF8Encoding(false, true)

    /// Reads the lines of a table that are ended, each with as many cells as the table has headings.
    let table (longest: int) (decode: CsvRow -> 'row) (file: string) : Result<'row list option, string> =
        let row (place: int) (row: CsvRow) =
            try
                if row.IsWhole then
                    Ok(decode row)
                else
                    Error $"line {place + 2} has not a cell for each heading"
            with :? InvalidDataException as error ->
                Error(Visible.line $"line {place + 2}: {error.Message}")

        let rows (content: byte[]) =
            try
                strict.GetString(content, 0, Array.LastIndexOf(content, byte '\n') + 1)
                |> Csv.rows
                |> List.mapi row
                |> List.sequenceResultM
            with :? DecoderFallbackException ->
                Error "it has text that is not UTF-8"

        bytes longest file |> Result.bind (Option.traverseResult rows)

/// What a value of a stored file is. Each fails with an InvalidDataException that says where something else stands.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module StoredValue =

    let private wrong (value: StoredValue) expected =
        let place = if value.Place = "" then "it" else value.Place
        StoreReading.fail $"{place} is not {expected}"

    let private inside (value: StoredValue) name = if value.Place = "" then name else $"{value.Place}.{name}"

    /// A field of an object; nothing where it is missing or null.
    let optional (name: string) (read: StoredValue -> 'value) (value: StoredValue) : 'value option =
        if value.Json.ValueKind <> JsonValueKind.Object then
            wrong value "an object"

        match value.Json.TryGetProperty name with
        | true, json when json.ValueKind <> JsonValueKind.Null -> Some(read { Place = inside value name; Json = json })
        | _ -> None

    /// A field that has to be there.
    let required name read (value: StoredValue) =
        match optional name read value with
        | Some found -> found
        | None -> StoreReading.fail $"{inside value name} is missing"

    let private written show (value: StoredValue) : string =
        if value.Json.ValueKind = JsonValueKind.String then
            show (string (value.Json.GetString()))
        else
            wrong value "a text"

    /// A text in one line.
    let text value = written Visible.line value

    /// A text that may have several lines.
    let lines value = written Visible.lines value

    /// The id of a run.
    let id (value: StoredValue) =
        match text value with
        | id when StoreReading.isId id -> id
        | _ -> wrong value "the id of a run, twelve hexadecimal digits"

    let truth (value: StoredValue) =
        match value.Json.ValueKind with
        | JsonValueKind.True -> true
        | JsonValueKind.False -> false
        | _ -> wrong value "true or false"

    let long (value: StoredValue) : int64 =
        if value.Json.ValueKind <> JsonValueKind.Number then
            wrong value "a whole number"

        match value.Json.TryGetInt64() with
        | true, number -> number
        | false, _ -> wrong value "a whole number"

    /// A whole number that is not negative.
    let count (value: StoredValue) : int =
        match long value with
        | number when number >= 0L && number <= int64 Int32.MaxValue -> int number
        | _ -> wrong value "a whole number from 0 on"

    /// Any number; those that JSON lacks are the texts "NaN", "Infinity" and "-Infinity".
    let number (value: StoredValue) : float =
        match value.Json.ValueKind with
        | JsonValueKind.Number -> value.Json.GetDouble()
        | JsonValueKind.String when value.Json.ValueEquals "NaN" -> nan
        | JsonValueKind.String when value.Json.ValueEquals "Infinity" -> infinity
        | JsonValueKind.String when value.Json.ValueEquals "-Infinity" -> -infinity
        | _ -> wrong value "a number"

    /// A fraction in [0, 1], but for rounding.
    let share (value: StoredValue) : float =
        match number value with
        | share when share >= 0.0 && share <= StoreReading.mostShare -> share
        | _ -> wrong value "a number from 0 to 1"

    /// A duration.
    let seconds (value: StoredValue) : float =
        match number value with
        | seconds when seconds >= 0.0 && seconds <= StoreReading.mostSeconds -> seconds
        | _ -> wrong value "a number of seconds"

    let time (value: StoredValue) : DateTimeOffset =
        match value.Json.ValueKind = JsonValueKind.String && fst (value.Json.TryGetDateTimeOffset()) with
        | true -> value.Json.GetDateTimeOffset()
        | false -> wrong value "a time"

    let array (read: StoredValue -> 'value) (value: StoredValue) : 'value[] =
        if value.Json.ValueKind <> JsonValueKind.Array then
            wrong value "a list"

        value.Json.EnumerateArray()
        |> Seq.mapi (fun place json -> read { Place = $"{value.Place}[{place}]"; Json = json })
        |> Array.ofSeq

    /// The fields of an object that are alike.
    let map (read: StoredValue -> 'value) (value: StoredValue) : Map<string, 'value> =
        if value.Json.ValueKind <> JsonValueKind.Object then
            wrong value "an object"

        value.Json.EnumerateObject()
        |> Seq.map (fun field -> Visible.line field.Name, read { Place = inside value field.Name; Json = field.Value })
        |> Map.ofSeq
