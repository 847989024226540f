namespace UbarFs.Engine.Data

open System
open System.IO

/// What a TarReader is to read from. It takes as much memory for an extended header (attributes, a long name) as the
/// archive says that it has; here one of more than a mebibyte ends the reading before that.
///
/// A TarReader reads each header by itself, as a block. So every block that is read by itself is looked at.
type internal TarStream(archive: Stream) =
    inherit Stream()

    static let block = 512

    /// The most bytes of an extended header: names and attributes of files are far shorter.
    static let longest = 1L <<< 20

    // Attributes of one entry or of all that follow, and GNU's long names and links.
    static let extended = "xgLK"B

    // Blanks and what is no digit are left to the TarReader.
    static let octal (field: byte[]) =
        field
        |> Array.filter (fun letter -> letter >= '0'B && letter <= '7'B)
        |> Array.fold (fun number digit -> 8L * number + int64 (digit - '0'B)) 0L

    // A set upper bit marks a binary number.
    static let isTooLong (field: byte[]) =
        if field[0] >= 0x80uy then
            bigint (ReadOnlySpan(field, 1, 11), true, true) > bigint longest
        else
            octal field > longest

    // A header's checksum counts its own field as blanks. Other content is no header.
    static let hasChecksum (header: byte[]) =
        let sum = Array.sumBy int header - Array.sumBy int header[148..155] + 8 * int ' 'B
        octal header[148..155] = int64 sum

    static let check (header: byte[]) =
        if Array.contains header[156] extended && isTooLong header[124..135] && hasChecksum header then
            raise (InvalidDataException $"it has an extended header of more than {longest} bytes")

    override _.CanRead = true
    override _.CanSeek = false
    override _.CanWrite = false
    override _.Length = raise (NotSupportedException())

    override _.Position
        with get () = raise (NotSupportedException())
        and set _ = raise (NotSupportedException())

    override _.Read(buffer: Span<byte>) =
        let read = archive.ReadAtLeast(buffer, buffer.Length, false)

        if read = block && buffer.Length = block then
            check (buffer.ToArray())

        read

    override stream.Read(buffer: byte[], offset: int, count: int) = stream.Read(Span(buffer, offset, count))
    override _.Flush() = ()
    override _.Seek(_, _) = raise (NotSupportedException())
    override _.SetLength _ = raise (NotSupportedException())
    override _.Write(_: byte[], _: int, _: int) = raise (NotSupportedException())
