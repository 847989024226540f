/// Shares as JSON: a list with a list for each node, of the numbers of its training images.
[<RequireQualifiedAccess>]
module UbarFs.Core.ShareFile

open System
open System.Buffers.Binary
open System.Collections.Generic
open System.Security.Cryptography
open System.Text.Json

/// What is wrong first, from this byte on, and the number of bytes.
type Flaw = { Offset: int; Length: int; Reason: string }

exception private FlawException of Flaw

let private flaw offset length reason = raise (FlawException { Offset = offset; Length = length; Reason = reason })

// Reads the next token: where it starts, and its length.
let private next (reader: byref<Utf8JsonReader>) =
    reader.Read() |> ignore
    int reader.TokenStartIndex, max 1 reader.ValueSpan.Length

let private image (reader: byref<Utf8JsonReader>) images node (seen: HashSet<int>) : int =
    let offset, length = int reader.TokenStartIndex, max 1 reader.ValueSpan.Length
    let mutable number = 0

    if reader.TokenType <> JsonTokenType.Number then
        flaw offset length $"list {node} has something else than numbers of images"
    elif not (reader.TryGetInt32 &number) || number < 0 then
        flaw offset length "expected the number of an image: a whole number, from 0 on"
    elif images |> Option.exists (fun images -> number >= images) then
        flaw offset length $"there is no image {number}: the training images are 0 to {images.Value - 1}"
    elif not (seen.Add number) then
        flaw offset length $"list {node} has the image {number} twice"
    else
        number

let private share (reader: byref<Utf8JsonReader>) images node : int[] =
    let numbers, seen = List<int>(), HashSet<int>()
    next &reader |> ignore

    while reader.TokenType <> JsonTokenType.EndArray do
        numbers.Add(image &reader images node seen)
        next &reader |> ignore

    numbers.ToArray()

let private shares mostNodes images (bytes: byte[]) : int[][] =
    let mutable reader = Utf8JsonReader(ReadOnlySpan bytes, JsonReaderOptions(MaxDepth = 8))
    let shares = List<int[]>()
    let expected = "expected a list with a list for each node, of the numbers of its images"

    match next &reader with
    | offset, length when reader.TokenType <> JsonTokenType.StartArray -> flaw offset length expected
    | _ -> ()

    let mutable place = next &reader

    while reader.TokenType <> JsonTokenType.EndArray do
        if reader.TokenType <> JsonTokenType.StartArray then
            flaw (fst place) (snd place) expected

        if shares.Count = mostNodes then
            flaw (fst place) 1 $"more than {mostNodes} lists: a network has no more nodes"

        shares.Add(share &reader images shares.Count)
        place <- next &reader

    // Anything but blanks behind the list is no JSON.
    reader.Read() |> ignore
    shares.ToArray()

// The library counts lines from 0, and columns in bytes; its words about them are left out.
let private ofJson (bytes: byte[]) (error: JsonException) : Flaw =
    let mutable start = 0

    for _ in 1L .. error.LineNumber.GetValueOrDefault() do
        match Array.IndexOf(bytes, '\n'B, start) with
        | -1 -> ()
        | found -> start <- found + 1

    let message = error.Message

    let sentence =
        match message.IndexOf " LineNumber:" with
        | -1 -> message
        | cut -> message.Substring(0, cut).TrimEnd '.'

    { Offset = min (max 0 (bytes.Length - 1)) (start + int (error.BytePositionInLine.GetValueOrDefault()))
      Length = 1
      Reason = $"this is not JSON: {sentence}" }

/// The shares that UTF-8 text lists, or what is wrong with it first. `images`: how many there are, as far as that is known.
let parse (mostNodes: int) (images: int option) (bytes: byte[]) : Result<int[][], Flaw> =
    try
        Ok(shares mostNodes images bytes)
    with
    | FlawException flaw -> Error flaw
    | :? JsonException as error -> Error(ofJson bytes error)

/// What identifies shares: their numbers, in order, however the file writes them.
let fingerprint (shares: int[][]) : string =
    use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256
    let buffer = Array.zeroCreate<byte> 4

    let add (number: int) =
        BinaryPrimitives.WriteInt32LittleEndian(Span buffer, number)
        hash.AppendData buffer

    for share in shares do
        add share.Length
        Array.iter add share

    Convert.ToHexStringLower(hash.GetHashAndReset())
