namespace UbarFs.Engine.Data

open System
open System.Buffers.Binary
open System.IO
open System.Security.Cryptography
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Kernels

/// Decoded images of one shape.
type DecodedImages = { Shape: ImageShape; Training: ImageSet; Test: ImageSet }

/// Decoded images in one file: a header, then the labels and the pixels of both parts. The header is a mark, the sizes,
/// a fingerprint of what was decoded, and the SHA-256 of sizes, labels and pixels.
[<RequireQualifiedAccess>]
module Decoded =

    let private mark = "UBARFS\000\001"B

    // The mark, five sizes, the fingerprint and the checksum.
    let private headerLength = 8 + 5 * 4 + 32 + 32

    let private sizes (images: DecodedImages) =
        let sizes =
            [ images.Shape.Channels
              images.Shape.Height
              images.Shape.Width
              images.Training.Count
              images.Test.Count ]

        let bytes = Array.zeroCreate<byte>(4 * sizes.Length)

        sizes
        |> List.iteri (fun index size -> BinaryPrimitives.WriteInt32LittleEndian(Span(bytes, 4 * index, 4), size))

        bytes

    let private parts (images: DecodedImages) =
        [ images.Training.Labels
          images.Test.Labels
          images.Training.Pixels
          images.Test.Pixels ]

    let private digest (images: DecodedImages) =
        use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256
        hash.AppendData(sizes images)
        parts images |> List.iter hash.AppendData
        hash.GetHashAndReset()

    /// The SHA-256 that identifies the images, as lower-case hexadecimal.
    let checksum images = Convert.ToHexStringLower(digest images)

    /// Writes the file in one step: whoever reads it sees the old content or the new one. `fingerprint` is a SHA-256 in
    /// hexadecimal. Failures of the disk are thrown.
    let write (path: string) (fingerprint: string) (images: DecodedImages) =
        let folder = Path.GetDirectoryName path |> string
        Directory.CreateDirectory folder |> ignore
        Drafts.RemoveAbandoned(folder, $"{Path.GetFileName path}.*.part")
        let part = $"{path}.{Guid.NewGuid():N}.part"

        try
            using (new FileStream(part, FileMode.CreateNew, FileAccess.Write)) (fun stream ->
                for bytes in [ mark; sizes images; Convert.FromHexString fingerprint; digest images ] @ parts images do
                    stream.Write(bytes, 0, bytes.Length)

                stream.Flush true)

            File.Move(part, path, true)
        finally
            File.Delete part

    let private readHeader (stream: Stream) =
        let header = Array.zeroCreate<byte> headerLength

        if stream.ReadAtLeast(header, headerLength, false) < headerLength then
            Error "it is cut short"
        elif header[..7] <> mark then
            Error "it is not a file of decoded images"
        else
            Ok header

    let private opened (path: string) (read: FileStream -> Result<'value, string>) =
        try
            use stream = InputFile.openRead InputFile.unbounded path
            read stream
        with
        | :? InputFile.RefusedException as refused -> Error $"it {refused.Reason}"
        | :? IOException
        | :? UnauthorizedAccessException as problem -> Error $"it cannot be read: {problem.Message}"

    /// The fingerprint in a file.
    let fingerprint (path: string) : Result<string, string> =
        opened path readHeader
        |> Result.map (fun header -> Convert.ToHexStringLower(ReadOnlySpan(header, 28, 32)))

    let private layout (stream: Stream) (header: byte[]) =
        let size index = BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(header, 8 + 4 * index, 4))
        let sizes = [ for index in 0..4 -> size index ]
        let shape = { Channels = sizes[0]; Height = sizes[1]; Width = sizes[2] }
        let images = bigint sizes[3] + bigint sizes[4]
        let each = bigint sizes[0] * bigint sizes[1] * bigint sizes[2] + 1I

        // No size can be absurd when all of them together make up the file's length.
        if List.exists (fun size -> size < 1) sizes then
            Error "its sizes are damaged"
        elif bigint headerLength + images * each <> bigint stream.Length then
            Error $"it has {stream.Length} bytes; expected {bigint headerLength + images * each}"
        elif bigint (max sizes[3] sizes[4]) * each > bigint Array.MaxLength then
            Error "its sizes are damaged"
        else
            Ok(shape, sizes[3], sizes[4])

    /// The images of a file, and their checksum. The sizes are compared with the file's length before anything is
    /// allocated. The error completes a sentence about the file.
    let read (path: string) : Result<DecodedImages * string, string> =
        opened path (fun stream ->
            result {
                let! header = readHeader stream
                let! shape, training, test = layout stream header

                let take count =
                    let bytes = GC.AllocateUninitializedArray<byte> count
                    stream.ReadExactly(bytes, 0, count)
                    bytes

                let trainingLabels, testLabels = take training, take test

                let images =
                    { Shape = shape
                      Training = { Pixels = take (training * shape.Pixels); Labels = trainingLabels }
                      Test = { Pixels = take (test * shape.Pixels); Labels = testLabels } }

                let found = digest images

                if ReadOnlySpan(header, 60, 32).SequenceEqual(ReadOnlySpan found) then
                    return images, Convert.ToHexStringLower found
                else
                    return! Error "its content is not what its checksum says"
            })
