namespace UbarFs.Report

open System
open System.Buffers.Binary
open System.Text

/// What encoders of PNG leave out (ISO/IEC 15948): how large a picture is on paper.
[<RequireQualifiedAccess>]
module Png =

    let private table =
        [| for byte in 0u .. 255u ->
               let step value _ =
                   if value &&& 1u = 1u then
                       0xEDB88320u ^^^ (value >>> 1)
                   else
                       value >>> 1

               List.fold step byte [ 1..8 ] |]

    /// The checksum of a chunk: CRC-32 of its type and its content.
    let crc (bytes: byte[]) : uint32 =
        let step crc (byte: byte) = table[int ((crc ^^^ uint32 byte) &&& 0xFFu)] ^^^ (crc >>> 8)
        ~~~(Array.fold step 0xFFFFFFFFu bytes)

    let private whole (value: uint32) =
        let bytes = Array.zeroCreate 4
        BinaryPrimitives.WriteUInt32BigEndian(Span bytes, value)
        bytes

    let private chunk (kind: string) (content: byte[]) =
        let named = Array.append (Encoding.ASCII.GetBytes kind) content
        Array.concat [ whole (uint32 content.Length); named; whole (crc named) ]

    // The signature, and the chunk IHDR of 13 bytes with its length, type and checksum.
    let private afterHeader = 8 + 12 + 13

    let private metresPerInch = 0.0254

    /// A picture that says how many dots it has to an inch, in a chunk behind its header.
    let withDensity (dotsPerInch: float) (picture: byte[]) : byte[] =
        let perMetre = whole (uint32 (round (dotsPerInch / metresPerInch)))
        let physical = chunk "pHYs" (Array.concat [ perMetre; perMetre; [| 1uy |] ])
        Array.concat [ picture[.. afterHeader - 1]; physical; picture[afterHeader..] ]
