namespace UbarFs.Engine

open System
open System.Buffers.Binary
open System.IO
open System.Security.Cryptography
open System.Text
open System.Text.Json
open FsToolkit.ErrorHandling
open TorchSharp
open UbarFs.Core

/// What a safetensors file holds.
type NamedTensors = { Metadata: Map<string, string>; Tensors: Map<string, torch.Tensor> }

/// Tensors by name in the safetensors format (https://github.com/huggingface/safetensors), which Python reads: the length
/// of a header, the header in JSON, then the values. Files written here carry a checksum of themselves, and only such
/// files are read.
[<RequireQualifiedAccess>]
module Safetensors =

    /// The longest header, in bytes.
    let private longestHeader = 16 <<< 20

    let private types =
        [ torch.float64, "F64", 8
          torch.float32, "F32", 4
          torch.float16, "F16", 2
          torch.bfloat16, "BF16", 2
          torch.int64, "I64", 8
          torch.int32, "I32", 4
          torch.int16, "I16", 2
          torch.int8, "I8", 1
          torch.uint8, "U8", 1
          torch.bool, "BOOL", 1 ]

    // The checksum is the first value of the header, and counts as zeros while it is computed.
    let private beforeChecksum = """{"__metadata__":{"checksum":" """.TrimEnd()
    let private checksumOffset = 8 + beforeChecksum.Length
    let private checksumLength = 64
    let private unknownChecksum = String('0', checksumLength)

    let private typeOf (tensor: torch.Tensor) =
        match types |> List.tryFind (fun (dtype, _, _) -> dtype = tensor.dtype) with
        | Some(_, name, size) -> name, size
        | None -> invalidOp $"tensors of type {tensor.dtype} cannot be saved"

    let private header (metadata: (string * string) list) (tensors: (string * torch.Tensor) list) =
        use buffer = new MemoryStream()
        use json = new Utf8JsonWriter(buffer)
        json.WriteStartObject()
        json.WriteStartObject "__metadata__"

        for name, value in ("checksum", unknownChecksum) :: metadata do
            json.WriteString(name, value)

        json.WriteEndObject()
        let mutable offset = 0L

        for name, tensor in tensors do
            let dtype, size = typeOf tensor
            let length = tensor.numel () * int64 size
            json.WriteStartObject name
            json.WriteString("dtype", dtype)
            json.WriteStartArray "shape"
            tensor.shape |> Array.iter json.WriteNumberValue
            json.WriteEndArray()
            json.WriteStartArray "data_offsets"
            json.WriteNumberValue offset
            json.WriteNumberValue(offset + length)
            json.WriteEndArray()
            json.WriteEndObject()
            offset <- offset + length

        json.WriteEndObject()
        json.Flush()
        // The values start at a multiple of eight bytes.
        let bytes = buffer.ToArray()
        Array.append bytes (Array.create ((8 - bytes.Length % 8) % 8) (byte ' '))

    /// Elements that are copied at a time.
    let private portion = 1L <<< 22

    /// The flat parts of a tensor, one after the other.
    let private portions (flat: torch.Tensor) =
        seq {
            for start in 0L .. portion .. flat.numel () - 1L do
                use part = flat.narrow (0L, start, min portion (flat.numel () - start))
                yield part
        }

    /// Writes tensors, and texts about them, into an empty stream that can seek.
    let write (stream: Stream) (metadata: (string * string) list) (tensors: (string * torch.Tensor) list) =
        let header = header metadata tensors
        use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256
        let length = Array.zeroCreate<byte> 8
        BinaryPrimitives.WriteInt64LittleEndian(Span length, int64 header.Length)

        let put (bytes: byte[]) =
            stream.Write(bytes, 0, bytes.Length)
            hash.AppendData bytes

        put length
        put header

        for _, tensor in tensors do
            use scope = torch.NewDisposeScope()

            for part in portions (tensor.detach().cpu().contiguous().flatten()) do
                put (part.bytes.ToArray())

        stream.Position <- int64 checksumOffset
        let checksum = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hash.GetHashAndReset()))
        stream.Write(checksum, 0, checksum.Length)

    /// What the header says of a tensor.
    type private Entry =
        { Name: string
          Type: torch.ScalarType
          Shape: int64[]
          Start: int64
          End: int64 }

    let private integers (json: JsonElement) = [| for item in json.EnumerateArray() -> item.GetInt64() |]

    // A product that overflows is no length of a file.
    let private lengthOf (shape: int64[]) size =
        shape |> Array.fold (fun length side -> Checked.(*) length side) (int64 size)

    let private entry (property: JsonProperty) =
        let name = property.Name
        let dtype = property.Value.GetProperty("dtype").GetString()
        let shape = integers (property.Value.GetProperty "shape")

        match
            types |> List.tryFind (fun (_, known, _) -> known = dtype),
            integers (property.Value.GetProperty "data_offsets")
        with
        | Some(scalar, _, size), [| start; ``end`` |] when
            Array.forall (fun side -> side >= 0L) shape && lengthOf shape size = ``end`` - start
            ->
            Ok { Name = name; Type = scalar; Shape = shape; Start = start; End = ``end`` }
        | _ -> Error $"its header gives '{name}' no type, shape and place that agree"

    /// The entries in the order of their places, which must follow each other up to the end of the file.
    let private inOrder total (entries: Entry list) =
        let entries = entries |> List.sortBy (fun entry -> entry.Start, entry.End)
        let starts = entries |> List.map _.Start
        let ends = entries |> List.map _.End

        if starts @ [ total ] = 0L :: ends then
            Ok entries
        else
            Error "its tensors do not fill it side by side"

    let private parse (header: byte[]) total =
        try
            use json = JsonDocument.Parse(header.AsMemory(), JsonDocumentOptions(MaxDepth = 8))

            let metadata, tensors =
                json.RootElement.EnumerateObject()
                |> List.ofSeq
                |> List.partition (fun p -> p.NameEquals "__metadata__")

            result {
                let! entries = tensors |> List.traverseResultM entry
                let! entries = inOrder total entries

                let texts =
                    [ for group in metadata do
                          for text in group.Value.EnumerateObject() -> text.Name, string (text.Value.GetString()) ]

                return Map.ofList texts, entries
            }
        with
        | :? JsonException
        | :? InvalidOperationException
        | :? Collections.Generic.KeyNotFoundException
        | :? FormatException
        | :? OverflowException -> Error "its header cannot be understood"

    let private readHeader (stream: Stream) =
        let take count =
            let bytes = Array.zeroCreate<byte> count

            if stream.ReadAtLeast(bytes, count, false) < count then
                Error "it ends too early"
            else
                Ok bytes

        result {
            let! length = take 8
            let size = BinaryPrimitives.ReadInt64LittleEndian(ReadOnlySpan length)

            if
                size < int64 (checksumOffset - 8 + checksumLength)
                || size > min (int64 longestHeader) (stream.Length - 8L)
            then
                return! Error $"its header cannot have {size} bytes"

            let! header = take (int size)

            if Encoding.UTF8.GetString(header, 0, beforeChecksum.Length) <> beforeChecksum then
                return! Error "it has no checksum"

            return length, header
        }

    let private readTensor (stream: Stream) (hash: IncrementalHash) (entry: Entry) =
        let tensor = torch.empty (entry.Shape, dtype = entry.Type)
        use flat = tensor.view -1L

        for part in portions flat do
            let target = part.bytes
            stream.ReadExactly target
            hash.AppendData(Span<byte>.op_Implicit target: ReadOnlySpan<byte>)

        entry.Name, tensor

    /// The checksum that the header carries, and the header as it was while that was computed.
    let private withoutChecksum (header: byte[]) =
        let found = Encoding.ASCII.GetString(header, checksumOffset - 8, checksumLength)
        let blank = Array.copy header
        Encoding.ASCII.GetBytes(unknownChecksum).CopyTo(blank, checksumOffset - 8)
        found, blank

    /// Reads a file; its tensors belong to the caller's dispose scope. The error completes a sentence about the file.
    /// Nothing larger than the file is ever allocated.
    let read (file: string) : Result<NamedTensors, string> =
        try
            use stream = InputFile.openRead InputFile.unbounded file
            use _ = torch.NewDisposeScope()

            result {
                let! length, header = readHeader stream
                let! metadata, entries = parse header (stream.Length - stream.Position)
                use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256
                let checksum, blank = withoutChecksum header
                hash.AppendData length
                hash.AppendData blank
                let tensors = entries |> List.map (readTensor stream hash)

                if Convert.ToHexStringLower(hash.GetHashAndReset()) <> checksum then
                    return! Error "its checksum is wrong: it has been damaged"

                tensors |> List.iter (fun (_, tensor) -> tensor.MoveToOuterDisposeScope() |> ignore)
                return { Metadata = Map.remove "checksum" metadata; Tensors = Map.ofList tensors }
            }
        with
        | :? IOException
        | :? UnauthorizedAccessException as error -> Error $"it cannot be read: {error.Message}"
