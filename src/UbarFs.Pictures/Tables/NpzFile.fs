/// Examples in a file of NumPy's `savez`: an archive of arrays.
[<RequireQualifiedAccess>]
module UbarFs.Pictures.NpzFile

open System
open System.Buffers.Binary
open System.IO
open System.IO.Compression
open FsToolkit.ErrorHandling
open UbarFs.Core

/// An array of real numbers in C's order.
type private Numbers = { Shape: int list; Values: float[] }

let private wanted = [ "x_train"; "y_train"; "x_test"; "y_test" ]

/// How many bytes a number of a type has, and how it is read.
let private reader (descr: string) : Result<int * (byte[] -> int -> float), string> =
    match descr with
    | "|u1"
    | "|b1" -> Ok(1, (fun bytes start -> float bytes[start]))
    | "|i1" -> Ok(1, (fun bytes start -> float (sbyte bytes[start])))
    | "<u2" ->
        Ok(2, (fun bytes start -> float (BinaryPrimitives.ReadUInt16LittleEndian(ReadOnlySpan(bytes, start, 2)))))
    | "<i2" -> Ok(2, (fun bytes start -> float (BinaryPrimitives.ReadInt16LittleEndian(ReadOnlySpan(bytes, start, 2)))))
    | "<f2" -> Ok(2, (fun bytes start -> float (BinaryPrimitives.ReadHalfLittleEndian(ReadOnlySpan(bytes, start, 2)))))
    | "<u4" ->
        Ok(4, (fun bytes start -> float (BinaryPrimitives.ReadUInt32LittleEndian(ReadOnlySpan(bytes, start, 4)))))
    | "<i4" -> Ok(4, (fun bytes start -> float (BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(bytes, start, 4)))))
    | "<f4" ->
        Ok(4, (fun bytes start -> float (BinaryPrimitives.ReadSingleLittleEndian(ReadOnlySpan(bytes, start, 4)))))
    | "<u8" ->
        Ok(8, (fun bytes start -> float (BinaryPrimitives.ReadUInt64LittleEndian(ReadOnlySpan(bytes, start, 8)))))
    | "<i8" -> Ok(8, (fun bytes start -> float (BinaryPrimitives.ReadInt64LittleEndian(ReadOnlySpan(bytes, start, 8)))))
    | "<f8" -> Ok(8, (fun bytes start -> BinaryPrimitives.ReadDoubleLittleEndian(ReadOnlySpan(bytes, start, 8))))
    | other when other.StartsWith '>' -> Error $"its numbers are big-endian ('{other}'); save array.astype('<f4')"
    | other -> Error $"its numbers are of type '{NpyHeader.shortened other}', and are no real numbers"

let private numbers (bytes: byte[]) : Result<Numbers, string> =
    result {
        let! header = NpyHeader.read bytes
        let! width, read = reader header.Descr
        let! count = NpyHeader.fits width header bytes
        let at index = read bytes (header.Start + index * width)

        let values =
            if header.IsFortran then
                NpyHeader.placesInFortran header.Shape count |> Array.map at
            else
                Array.init count at

        return { Shape = header.Shape; Values = values }
    }

// An archive says how long its parts are, and can say anything: memory is taken as they come.
let private content (entry: ZipArchiveEntry) : Result<byte[], string> =
    let wanted = entry.Length

    if wanted > int64 TableData.largestFile then
        Error $"it has {wanted} bytes; {TableData.largestFile} are the most"
    else
        use stream = entry.Open()
        use content = new MemoryStream()
        let buffer = Array.zeroCreate<byte> 65536
        let mutable read = stream.Read buffer

        while read > 0 && content.Length <= wanted do
            content.Write(buffer, 0, read)
            read <- stream.Read buffer

        if content.Length = wanted then
            Ok(content.ToArray())
        else
            Error "it has not the length that the archive says"

let private array (archive: ZipArchive) (name: string) : Result<Numbers, string> =
    match archive.GetEntry $"{name}.npy" |> Option.ofObj with
    | Some entry ->
        content entry
        |> Result.bind numbers
        |> Result.mapError (fun reason -> $"has an array '{name}' that cannot be read: {reason}")
    | None ->
        let found =
            archive.Entries
            |> Seq.truncate 8
            |> Seq.map (fun entry -> NpyHeader.shortened (entry.FullName.Replace(".npy", "")))
            |> String.concat ", "

        let expected = String.concat ", " wanted
        Error $"""has no array '{name}': expected {expected}, and there is {if found = "" then "nothing" else found}"""

let private shapeOf channelsLast (example: int list) : ImageShape =
    match example with
    | [ height; width ] -> { Channels = 1; Height = height; Width = width }
    | [ height; width; channels ] when channelsLast -> { Channels = channels; Height = height; Width = width }
    | [ channels; height; width ] -> { Channels = channels; Height = height; Width = width }
    | sides -> { Channels = List.fold (*) 1 sides; Height = 1; Width = 1 }

/// From height × width × channels to channels × height × width.
let private channelsFirst (shape: ImageShape) (values: float[]) : float[] =
    Array.init values.Length (fun index ->
        let example, inside = index / shape.Pixels, index % shape.Pixels
        let plane = shape.Height * shape.Width
        let channel, pixel = inside / plane, inside % plane
        values[example * shape.Pixels + pixel * shape.Channels + channel])

let private labels name count (numbers: Numbers) : Result<int[], string> =
    let isWhole (value: float) = value = Math.Floor value && value >= 0.0 && value < 1e6

    match numbers.Shape, numbers.Values |> Array.tryFindIndex (isWhole >> not) with
    | first :: rest, _ when first <> count || List.exists ((<>) 1) rest ->
        let sides = numbers.Shape |> List.map string |> String.concat "×"
        Error $"has {count} examples beside '{name}', which is {sides}: expected one label for each"
    | [], _ -> Error $"has no list in '{name}', but a single number"
    | _, Some place ->
        Error $"has the label {numbers.Values[place]} at {name}[{place}]: expected whole numbers from 0 on"
    | _, None -> Ok(numbers.Values |> Array.map int)

let private examples name channelsLast (numbers: Numbers) : Result<int * ImageShape * float32[], string> =
    match numbers.Shape with
    | [] -> Error $"has no list in '{name}', but a single number"
    | count :: example when List.contains 0 (count :: example) -> Error $"has an empty array '{name}'"
    | count :: example ->
        let shape = shapeOf channelsLast example
        let isMoved = channelsLast && example.Length = 3

        let values =
            if isMoved then
                channelsFirst shape numbers.Values
            else
                numbers.Values

        match numbers.Values |> Array.tryFindIndex (fun value -> not (Single.IsFinite(float32 value))) with
        | Some place ->
            Error
                $"has a number in {name}[{place / shape.Pixels}] that is not finite as float32: {numbers.Values[place]}"
        | None -> Ok(count, shape, Array.map float32 values)

let private ofArchive channelsLast (archive: ZipArchive) : Result<TableData, string> =
    result {
        let! x = array archive "x_train"
        let! training, shape, values = examples "x_train" channelsLast x
        let! y = array archive "y_train"
        let! known = labels "y_train" training y
        let! x = array archive "x_test"
        let! test, other, tested = examples "x_test" channelsLast x
        let! y = array archive "y_test"
        let! asked = labels "y_test" test y

        if other <> shape then
            return! Error $"has training examples of {shape} and test examples of {other} (channels×height×width)"

        let classes = 1 + Array.max (Array.append known asked)

        if classes > TableData.mostClasses then
            return! Error $"has the label {classes - 1}: {TableData.mostClasses} classes are the most, counted from 0"

        let part values labels = { Values = values; Labels = Array.map byte labels }
        return! TableData.create shape classes string (part values known) (part tested asked)
    }

/// Reads the bytes of a file. The error completes a sentence about it.
let read channelsLast (bytes: byte[]) : Result<TableData, string> =
    try
        use stream = new MemoryStream(bytes, false)
        use archive = new ZipArchive(stream, ZipArchiveMode.Read)
        ofArchive channelsLast archive
    with
    | :? InvalidDataException
    | :? EndOfStreamException -> Error "is no archive of numpy.savez, or is damaged"
