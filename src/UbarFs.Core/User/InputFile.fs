/// Files that the user names, or that a file of the user names. What is no file of a disk is told before it is opened:
/// opening a pipe waits for whoever writes it, and a device may never end. No file is read beyond what it may have.
[<RequireQualifiedAccess>]
module UbarFs.Core.InputFile

open System
open System.Buffers.Binary
open System.IO
open System.Runtime.InteropServices

[<RequireQualifiedAccess>]
type Kind =
    | Regular
    | Folder
    | Pipe
    | Socket
    | Device

/// What a path leads to, and its length in bytes if it is a file.
type Look = { Kind: Kind; Length: int64 }

/// A path that is not to be read; the reason completes a sentence about it.
type RefusedException(path: string, reason: string) =
    inherit IOException($"'{path}' {reason}")
    member _.Reason = reason

module private Native =
    // The runtime's own view of what the system says of a file: its form is the same on every system but Windows.
    [<DllImport("libSystem.Native", EntryPoint = "SystemNative_Stat", CharSet = CharSet.Ansi)>]
    extern int Stat(string path, byte[] status)

    // More bytes than it writes.
    let statusLength = 256
    let modeOffset = 4
    let lengthOffset = 16

let private onUnix (path: string) : Look option =
    let status = Array.zeroCreate<byte> Native.statusLength

    if Native.Stat(path, status) <> 0 then
        None
    else
        let mode = BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(status, Native.modeOffset, 4))

        let kind =
            match mode &&& 0xF000 with
            | 0x8000 -> Kind.Regular
            | 0x4000 -> Kind.Folder
            | 0x1000 -> Kind.Pipe
            | 0xC000 -> Kind.Socket
            | _ -> Kind.Device

        Some
            { Kind = kind
              Length = BinaryPrimitives.ReadInt64LittleEndian(ReadOnlySpan(status, Native.lengthOffset, 8)) }

let private onWindows (path: string) : Look option =
    if Directory.Exists path then
        Some { Kind = Kind.Folder; Length = 0L }
    elif File.Exists path then
        Some { Kind = Kind.Regular; Length = FileInfo(path).Length }
    else
        None

/// What a path leads to, links followed, without opening it; none where nothing can be told, as of what is not there.
let tryLook (path: string) : Look option =
    if path = "" || path.Contains '\000' then None
    elif OperatingSystem.IsWindows() then onWindows path
    else onUnix (Path.GetFullPath path)

let private kindName kind =
    match kind with
    | Kind.Regular -> "a file"
    | Kind.Folder -> "a folder"
    | Kind.Pipe -> "a pipe"
    | Kind.Socket -> "a socket"
    | Kind.Device -> "a device"

/// The bound of what is read piece by piece.
let unbounded = Int64.MaxValue

let private tooLong (longest: int64) (length: int64) = $"has {length} bytes; {longest} are the most"

let private objectionTo isPipeWelcome longest path =
    match tryLook path with
    | Some { Kind = Kind.Regular; Length = length } when length > longest -> Some(tooLong longest length)
    | None
    | Some { Kind = Kind.Regular } -> None
    | Some { Kind = Kind.Pipe } when isPipeWelcome -> None
    | Some look -> Some $"is {kindName look.Kind}, not a file"

/// Why a path is not to be read, completing a sentence about it: it is no file, or has more bytes than the longest; none
/// where it may be tried.
let objection (longest: int64) (path: string) : string option = objectionTo false longest path

let private openedIf isPipeWelcome longest (share: FileShare) (path: string) =
    match objectionTo isPipeWelcome longest path with
    | Some reason -> raise (RefusedException(path, reason))
    | None -> new FileStream(path, FileMode.Open, FileAccess.Read, share)

/// Opens a file that is no longer than the longest; anything else is an IOException.
let openRead (longest: int64) (path: string) : FileStream = openedIf false longest FileShare.Read path

/// The same of a file that another process may be writing.
let openShared (longest: int64) (path: string) : FileStream =
    openedIf false longest (FileShare.ReadWrite ||| FileShare.Delete) path

/// The same for a path of the command line, which may be a pipe: a shell writes `<(…)` as one.
let openNamed (longest: int64) (path: string) : FileStream = openedIf true longest FileShare.Read path

/// The whole content; more bytes than the longest are an IOException. A file may have more than it says, such as one of
/// the system's.
let private wholeOf (longest: int64) (path: string) (stream: Stream) : byte[] =
    let start =
        if stream.CanSeek then
            Array.zeroCreate<byte>(int stream.Length)
        else
            Array.empty

    let filled = stream.ReadAtLeast(start, start.Length, false)
    use more = new MemoryStream()
    let buffer = Array.zeroCreate<byte> 65536
    let mutable read = stream.Read buffer

    while read > 0 && int64 filled + more.Length <= longest do
        more.Write(buffer, 0, read)
        read <- stream.Read buffer

    if int64 filled + more.Length > longest then
        raise (RefusedException(path, $"has more than {longest} bytes, which are the most"))

    if filled = start.Length && more.Length = 0L then
        start
    else
        Array.append start[.. filled - 1] (more.ToArray())

/// The content of a file that is no longer than the longest; anything else is an IOException.
let read (longest: int) (path: string) : byte[] =
    use stream = openRead (int64 longest) path
    wholeOf (int64 longest) path stream

/// The same of an open stream, which the message calls by a name.
let readStream (longest: int) (name: string) (stream: Stream) : byte[] = wholeOf (int64 longest) name stream
