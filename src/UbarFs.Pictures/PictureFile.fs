/// What the bytes of a picture's file say that decoders pass over.
[<RequireQualifiedAccess>]
module internal UbarFs.Pictures.PictureFile

open System

let private isAt (content: byte[]) place (expected: byte) = place < content.Length && content[place] = expected

/// The position of the next marker's second byte at or behind a position: of what is behind 0xff, and not a zero, a
/// restart or more filling.
let private marker isRestartSkipped (content: byte[]) from =
    let isMarker (letter: byte) =
        letter <> 0uy && letter <> 0xffuy && not (isRestartSkipped && letter >= 0xd0uy && letter <= 0xd7uy)

    let mutable place = from

    while place + 1 < content.Length && not (content[place] = 0xffuy && isMarker content[place + 1]) do
        place <- place + 1

    place + 1

/// The position behind a segment whose length stands here.
let private behindSegment (content: byte[]) place =
    if place + 1 < content.Length then
        place + (int content[place] <<< 8) + int content[place + 1]
    else
        content.Length

/// Whether a JPEG file ends before its picture does: decoders fill the rest with grey.
let isCutShort (content: byte[]) : bool =
    let rec endsAt isInScan from =
        let place = marker isInScan content from

        if place >= content.Length then
            true
        else
            match content[place] with
            | 0xd9uy -> false
            // Markers without a segment: those of restarts, of the beginning, and one for private use.
            | 0x01uy
            | 0xd8uy -> endsAt isInScan (place + 1)
            | letter when letter >= 0xd0uy && letter <= 0xd7uy -> endsAt isInScan (place + 1)
            | 0xdauy -> endsAt true (behindSegment content (place + 1))
            | _ -> endsAt false (behindSegment content (place + 1))

    endsAt false 0

/// Whether a PNG file has 16 bits for each channel of a pixel: its header, always the first chunk, says so.
let isDeep (content: byte[]) : bool =
    content.AsSpan().StartsWith(ReadOnlySpan [| 0x89uy; 0x50uy; 0x4euy; 0x47uy |])
    && isAt content 24 16uy
