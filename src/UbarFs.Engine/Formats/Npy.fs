namespace UbarFs.Engine

open System
open System.Buffers.Binary
open System.Globalization
open System.Text
open System.Text.RegularExpressions

/// An array of NumPy. The numbers are in C order, the last index fastest.
type NpyArray =
    {
        Shape: int list
        Values: float[]
        /// Whether the file holds float32; otherwise float64.
        IsSingle: bool
    }

/// NumPy's .npy files, versions 1 to 3, with floating-point numbers in little-endian order.
[<RequireQualifiedAccess>]
module Npy =

    /// The largest file that is read, in bytes.
    let largest = 256L * 1024L * 1024L

    /// The longest header, in bytes, and the most dimensions: those of NumPy.
    let private longestHeader, mostDimensions = 10_000L, 64

    let private magic = "\u0093NUMPY" |> Seq.map byte |> Array.ofSeq

    /// The header of a file, and where its numbers begin.
    let private header (bytes: byte[]) : Result<string * int, string> =
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

    let private shortened (text: string) =
        if text.Length <= 200 then
            text
        else
            text.Substring(0, 199) + "…"

    let private field (name: string) (value: string) (header: string) : Result<string, string> =
        match Regex.Match(header, $@"['""]{name}['""]\s*:\s*{value}") with
        | found when found.Success -> Ok found.Groups[1].Value
        | _ -> Error $"its header has no '{name}' that is understood here: {shortened (header.Trim())}"

    /// How many bytes a number has.
    let private width (descr: string) =
        match descr with
        | "<f4" -> Ok 4
        | "<f8" -> Ok 8
        | ">f4"
        | ">f8" -> Error $"its numbers are big-endian ('{descr}'); save array.astype('<f8')"
        | other ->
            Error $"its numbers are of type '{shortened other}': expected float32 or float64; save array.astype('<f8')"

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

    /// From Fortran's order, the first index fastest, to C's.
    let private transposed (shape: int list) (values: float[]) =
        let sizes = Array.ofList shape
        let strides = Array.scan (*) 1 sizes

        let place index =
            let mutable rest, source = index, 0

            for axis in sizes.Length - 1 .. -1 .. 0 do
                source <- source + rest % sizes[axis] * strides[axis]
                rest <- rest / sizes[axis]

            values[source]

        Array.init values.Length place

    let private numbers (bytes: byte[]) (start: int) width count =
        let number index =
            let place = ReadOnlySpan(bytes, start + index * width, width)

            if width = 4 then
                float (BinaryPrimitives.ReadSingleLittleEndian place)
            else
                BinaryPrimitives.ReadDoubleLittleEndian place

        Array.init count number

    /// Reads the bytes of a file.
    let read (bytes: byte[]) : Result<NpyArray, string> =
        let parsed =
            header bytes
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
                    match width descr, shape sizes with
                    | Error reason, _
                    | _, Error reason -> Error reason
                    | Ok width, Ok shape -> Ok(start, width, (order = "True"), shape))

        parsed
        |> Result.bind (fun (start: int, width: int, isFortran, shape) ->
            let count = shape |> List.fold (fun product size -> product * bigint size) 1I
            let there = bigint (bytes.Length - start)

            if count * bigint width <> there then
                Error $"its shape asks for {count * bigint width} bytes of numbers, and there are {there}"
            else
                let values = numbers bytes start width (int count)

                Ok
                    { Shape = shape
                      Values = if isFortran then transposed shape values else values
                      IsSingle = (width = 4) })

    let private padded (text: string) = text.PadRight((text.Length + 10) / 64 * 64 + 64 - 10 - 1) + "\n"

    /// The bytes of a file: version 1, C order.
    let write (array: NpyArray) : byte[] =
        let sizes =
            match array.Shape with
            | [ single ] -> $"{single},"
            | sizes -> sizes |> List.map string |> String.concat ", "

        let descr = if array.IsSingle then "<f4" else "<f8"
        let header = padded $"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}"
        let width = if array.IsSingle then 4 else 8
        let start = 10 + header.Length
        let bytes = Array.zeroCreate<byte>(start + width * array.Values.Length)
        magic.CopyTo(bytes, 0)
        bytes[6] <- 1uy
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan 8, uint16 header.Length)
        Encoding.Latin1.GetBytes(header, bytes.AsSpan 10) |> ignore

        array.Values
        |> Array.iteri (fun index value ->
            let place = bytes.AsSpan(start + index * width)

            if array.IsSingle then
                BinaryPrimitives.WriteSingleLittleEndian(place, float32 value)
            else
                BinaryPrimitives.WriteDoubleLittleEndian(place, value))

        bytes
