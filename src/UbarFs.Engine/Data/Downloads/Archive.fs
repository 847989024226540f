namespace UbarFs.Engine.Data

open System
open System.Collections.Generic
open System.Formats.Tar
open System.IO
open System.IO.Compression
open System.Threading
open FsToolkit.ErrorHandling
open UbarFs.Core
open ZstdSharp

/// What an archive may hold. More than that is taken for a bomb.
type ArchiveLimits = { Entries: int; EntryBytes: int64; TotalBytes: int64 }

/// A look at every file of an archive or a folder.
type Visit =
    {
        Limits: ArchiveLimits
        Cancellation: CancellationToken
        /// Hears the bytes of the source that are done, and how many there are.
        Progress: int64 -> int64 -> unit
        /// Whether a file of this path is to be read.
        Wanted: string -> bool
        /// Takes the content of a wanted file; the error completes a sentence about it.
        Take: string -> byte[] -> Result<unit, string>
    }

/// Archives (tar, plain or compressed with gzip or Zstandard, and zip), told apart by their content. Nothing is ever
/// unpacked to a path that an archive names; an archive with names or entries that have no place in one is refused.
[<RequireQualifiedAccess>]
module Archive =

    let limits = { Entries = 1_000_000; EntryBytes = 256L <<< 20; TotalBytes = 8L <<< 30 }

    /// The most letters of a name: all of an archive's names are held at once.
    let private longestName = 1024

    let private isDrive (name: string) = name.Length > 1 && name[1] = ':' && Char.IsAsciiLetter name[0]

    /// The path that a name stands for: relative, with '/' between the parts, and without '.' and '..'.
    let path (name: string) : Result<string, string> =
        let parts = name.Split '/' |> Array.filter (fun part -> part <> "" && part <> ".")
        let shown = name |> String.map (fun letter -> if Char.IsControl letter then '?' else letter)

        if name.Length > longestName then
            Error $"holds a name of {name.Length} letters; {longestName} are the most"
        elif name.StartsWith '/' || isDrive name then
            Error $"holds '{shown}', an absolute path"
        elif Array.contains ".." parts then
            Error $"holds '{shown}', a path that leads out of it"
        elif name |> Seq.exists (fun letter -> letter = '\\' || Char.IsControl letter) then
            Error $"holds '{shown}', a name with a backslash or a control character"
        else
            Ok(String.Join('/', parts))

    /// Counts what an archive says it holds before any of it is read.
    type private Tally(limits: ArchiveLimits) =
        let paths = HashSet<string>()
        let mutable entries = 0
        let mutable total = 0L

        member _.Add(path: string, length: int64, isFile: bool) =
            entries <- entries + 1
            // Each entry costs a header besides its content.
            total <- total + 512L + max 0L length

            if entries > limits.Entries then
                Error $"holds more than {limits.Entries} entries"
            elif length > limits.EntryBytes then
                Error $"holds '{path}' of {length} bytes; {limits.EntryBytes} are the most"
            elif total > limits.TotalBytes then
                Error $"holds more than {limits.TotalBytes} bytes"
            elif isFile && not (paths.Add path) then
                Error $"holds '{path}' twice"
            else
                Ok()

    let private take visit (path: string) (content: byte[]) =
        visit.Take path content |> Result.mapError (fun reason -> $"holds '{path}', which {reason}")

    /// The content of an entry that must have the length it declares.
    let private readAll (path: string) (length: int64) (stream: Stream) =
        let content = Array.zeroCreate<byte>(int length)
        let filled = stream.ReadAtLeast(content, content.Length, false)

        if filled < content.Length || stream.ReadByte() >= 0 then
            Error $"holds '{path}' with another length than the {length} bytes that it declares"
        else
            Ok content

    let private tarEntry visit (tally: Tally) (entry: TarEntry) =
        let isFile =
            match entry.EntryType with
            | TarEntryType.RegularFile
            | TarEntryType.V7RegularFile
            | TarEntryType.ContiguousFile -> Some true
            | TarEntryType.Directory
            | TarEntryType.DirectoryList
            | TarEntryType.GlobalExtendedAttributes -> Some false
            | _ -> None

        result {
            let! path = path entry.Name

            match isFile with
            | None -> return! Error $"holds '{path}', which is neither a file nor a folder ({entry.EntryType})"
            | Some isFile ->
                do! tally.Add(path, entry.Length, isFile)

                if isFile && visit.Wanted path then
                    let content =
                        if isNull entry.DataStream then
                            Stream.Null
                        else
                            entry.DataStream

                    let! bytes = readAll path entry.Length content
                    do! take visit path bytes
        }

    // A size in the header of attributes that contradicts them is, to the reader, an operation at the wrong time.
    let private nextEntry (reader: TarReader) =
        try
            reader.GetNextEntry false
        with :? InvalidOperationException as problem ->
            raise (InvalidDataException(problem.Message, problem))

    let private tar visit report (stream: Stream) =
        use guarded = new TarStream(stream)
        use reader = new TarReader(guarded, true)
        let tally = Tally visit.Limits

        let rec next () =
            visit.Cancellation.ThrowIfCancellationRequested()

            match nextEntry reader with
            | null -> Ok()
            | entry ->
                report ()

                match tarEntry visit tally entry with
                | Ok() -> next ()
                | Error reason -> Error reason

        next ()

    // The type of file in the upper half of the attributes, as Unix programs write it; 0 where there is none.
    let private unixType (entry: ZipArchiveEntry) = (entry.ExternalAttributes >>> 16) &&& 0xF000

    let private zipEntry visit (tally: Tally) (entry: ZipArchiveEntry) =
        result {
            let! path = path entry.FullName
            let isFile = not (entry.FullName.EndsWith '/')

            if unixType entry <> 0 && unixType entry <> 0x8000 && unixType entry <> 0x4000 then
                return! Error $"holds '{path}', which is neither a file nor a folder"

            do! tally.Add(path, entry.Length, isFile)

            if isFile && visit.Wanted path then
                use content = entry.Open()
                let! bytes = readAll path entry.Length content
                do! take visit path bytes
        }

    let private zip visit report (stream: Stream) =
        use archive = new ZipArchive(stream, ZipArchiveMode.Read, true)
        let tally = Tally visit.Limits

        let rec next index =
            visit.Cancellation.ThrowIfCancellationRequested()

            if index = archive.Entries.Count then
                Ok()
            else
                report ()

                match zipEntry visit tally archive.Entries[index] with
                | Ok() -> next (index + 1)
                | Error reason -> Error reason

        if archive.Entries.Count > visit.Limits.Entries then
            Error $"holds more than {visit.Limits.Entries} entries"
        else
            next 0

    let private startsWith (bytes: byte list) (start: byte[]) = List.ofArray (Array.truncate bytes.Length start) = bytes

    let private ofStream visit (stream: FileStream) =
        let start = Array.zeroCreate<byte> 262
        let length = stream.ReadAtLeast(start, start.Length, false)
        stream.Position <- 0L

        let report () = visit.Progress stream.Position stream.Length

        if startsWith [ 0x1fuy; 0x8buy ] start then
            use gzip = new GZipStream(stream, CompressionMode.Decompress, true)
            tar visit report gzip
        elif startsWith [ 0x28uy; 0xb5uy; 0x2fuy; 0xfduy ] start then
            use zstd = new DecompressionStream(stream, leaveOpen = true)
            tar visit report zstd
        elif startsWith (List.ofSeq "PK"B) start then
            zip visit report stream
        elif length = start.Length && start[257..261] = "ustar"B then
            tar visit report stream
        else
            Error "is not an archive: expected .tar, .tar.gz, .tar.zst or .zip"

    /// Visits the files of an archive in their order. The error completes a sentence about the archive; only a
    /// cancellation is thrown.
    let visit (visit: Visit) (archive: string) : Result<unit, string> =
        try
            use stream = InputFile.openRead InputFile.unbounded archive
            ofStream visit stream
        with
        | :? EndOfStreamException
        | :? InvalidDataException
        | :? FormatException
        | :? ArgumentException
        | :? OverflowException
        | :? OutOfMemoryException
        | :? ZstdException as problem -> Error $"is damaged: {problem.Message}"
        | :? InputFile.RefusedException as refused -> Error refused.Reason
        | :? IOException
        | :? NotSupportedException
        | :? UnauthorizedAccessException as problem -> Error $"cannot be read: {problem.Message}"

    /// Visits the files of a folder, which may be as deep as an archive of a dataset is.
    let visitFolder (visit: Visit) (folder: string) : Result<unit, string> =
        let options =
            EnumerationOptions(
                RecurseSubdirectories = true,
                MaxRecursionDepth = 4,
                AttributesToSkip = FileAttributes.None
            )

        let tally = Tally visit.Limits

        let one (file: FileInfo) =
            visit.Cancellation.ThrowIfCancellationRequested()
            let path = Path.GetRelativePath(folder, file.FullName).Replace('\\', '/')

            tally.Add(path, file.Length, true)
            |> Result.bind (fun () ->
                if visit.Wanted path then
                    take visit path (InputFile.read (int visit.Limits.EntryBytes) file.FullName)
                else
                    Ok())

        try
            let files =
                DirectoryInfo(folder).EnumerateFiles("*", options)
                |> Seq.truncate (visit.Limits.Entries + 1)
                |> Array.ofSeq

            files
            |> Seq.indexed
            |> Seq.map (fun (index, file) ->
                visit.Progress (int64 index) (int64 files.Length)
                one file)
            |> Seq.tryFind Result.isError
            |> Option.defaultValue (Ok())
        with
        | :? IOException
        | :? UnauthorizedAccessException as problem -> Error $"cannot be read: {problem.Message}"
