/// The headers of NumPy's .npy files, versions 1 to 3.
[<RequireQualifiedAccess>]
module UbarFs.Pictures.NpyHeader

open System
open System.Buffers.Binary
open System.Globalization
open System.Text
open System.Text.RegularExpressions

/// What a file says of its numbers.
type Header =
    {
        /// Their type, such as `<f4`.
        Descr: string
        /// Whether the first index is the fastest.
        IsFortran: bool
        Shape: int list
        /// Where they begin.
        Start: int
    }

/// The longest header, in bytes, and the most dimensions: those of NumPy.
let private longestHeader, mostDimensions = 10_000L, 64

/// What every file begins with.
let magic = "\u0093NUMPY" |> Seq.map byte |> Array.ofSeq

/// The header of a file, and where its numbers begin.
let private text (bytes: byte[]) : Result<string * int, string> =
    let short = Error "the file ends within its header"

    if bytes.Length < 10 || not (bytes.AsSpan(0, magic.Length).SequenceEqual magic) then
        Error "this is not an .npy file: it does not begin as one"
    else
        let start, length =
            match bytes[6] with
            | 1uy -> 10, int64 (BinaryPrimitives.ReadUInt16LittleEndian(ReadOnlySpan(bytes, 8, 2)))
            | _ when bytes.Length < 12 -> 12, Int64.MaxValue / 2L
            | _ -> 12, int64 (BinaryPrimitives.ReadUInt32LittleEndian(ReadOnlySpan(bytes, 8, 4)))

        match bytes[6] with
        | 1uy
        | 2uy
        | 3uy when length > longestHeader && int64 start + length <= bytes.LongLength ->
            Error $"its header has {length} bytes; {longestHeader} are the most"
        | 1uy
        | 2uy
        | 3uy when int64 start + length <= bytes.LongLength ->
            let encoding = if bytes[6] = 3uy then Encoding.UTF8 else Encoding.Latin1
            Ok(encoding.GetString(bytes, start, int length), start + int length)
        | 1uy
        | 2uy
        | 3uy -> short
        | version -> Error $"version {version} of the format is not known here"

/// A text that may be long, for messages.
let shortened (text: string) =
    if text.Length <= 200 then
        text
    else
        text.Substring(0, 199) + "…"

let private field (name: string) (value: string) (header: string) : Result<string, string> =
    match Regex.Match(header, $@"['""]{name}['""]\s*:\s*{value}") with
    | found when found.Success -> Ok found.Groups[1].Value
    | _ -> Error $"its header has no '{name}' that is understood here: {shortened (header.Trim())}"

let private shape (text: string) : Result<int list, string> =
    let parts = text.Split(',', StringSplitOptions.RemoveEmptyEntries ||| StringSplitOptions.TrimEntries)

    let sizes =
        parts
        |> Array.map (fun part ->
            match Int32.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture) with
            | true, size -> Some size
            | false, _ -> None)

    if parts.Length > mostDimensions then
        Error $"it has {parts.Length} dimensions; {mostDimensions} are the most"
    elif Array.forall Option.isSome sizes then
        Ok(sizes |> Array.choose id |> List.ofArray)
    else
        Error $"its shape ({shortened text}) is not understood"

/// Reads the header of a file's bytes.
let read (bytes: byte[]) : Result<Header, string> =
    text bytes
    |> Result.bind (fun (header, start) ->
        match
            field "descr" "['\"]([^'\"]*)['\"]" header,
            field "fortran_order" "(True|False)" header,
            field "shape" @"\(([^)]*)\)" header
        with
        | Error reason, _, _
        | _, Error reason, _
        | _, _, Error reason -> Error reason
        | Ok descr, Ok order, Ok sizes ->
            shape sizes
            |> Result.map (fun shape -> { Descr = descr; IsFortran = (order = "True"); Shape = shape; Start = start }))

/// Whether so many numbers of so many bytes are what is behind the header.
let fits width (header: Header) (bytes: byte[]) : Result<int, string> =
    let count = header.Shape |> List.fold (fun product size -> product * bigint size) 1I
    let there = bigint (bytes.Length - header.Start)

    if count * bigint (width: int) <> there then
        Error $"its shape asks for {count * bigint width} bytes of numbers, and there are {there}"
    else
        Ok(int count)

/// The place in Fortran's order, the first index fastest, of each number in C's.
let placesInFortran (shape: int list) count : int[] =
    let sizes = Array.ofList shape
    let strides = Array.scan (*) 1 sizes

    let place index =
        let mutable rest, source = index, 0

        for axis in sizes.Length - 1 .. -1 .. 0 do
            source <- source + rest % sizes[axis] * strides[axis]
            rest <- rest / sizes[axis]

        source

    Array.init count place
