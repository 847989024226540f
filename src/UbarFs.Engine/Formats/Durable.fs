/// Files that are whole whenever the program or the machine stops: a reader sees the old content or the new one.
[<RequireQualifiedAccess>]
module UbarFs.Engine.Durable

open System
open System.IO
open System.Runtime.InteropServices
open UbarFs.Core
open UbarFs.Kernels

module private Native =
    [<DllImport("libc", EntryPoint = "open", CharSet = CharSet.Ansi)>]
    extern int Open(string path, int flags)

    [<DllImport("libc", EntryPoint = "fsync")>]
    extern int Synchronise(int descriptor)

    [<DllImport("libc", EntryPoint = "close")>]
    extern int Close(int descriptor)

/// Puts a folder's list of files on disk, so that a renamed file is there after a power cut. Some file systems refuse;
/// they have their own order.
let private synchroniseFolder (folder: string) =
    if not (OperatingSystem.IsWindows()) then
        let descriptor = Native.Open(folder, 0)

        if descriptor >= 0 then
            Native.Synchronise descriptor |> ignore
            Native.Close descriptor |> ignore

/// The ending of a file that is not whole yet.
[<Literal>]
let private Draft = ".tmp"

/// Does some writing. .NET has a strange name for a file that grows beyond what the system allows: here every failure to
/// write is an IOException or an UnauthorizedAccessException.
let writing (work: unit -> unit) =
    try
        work ()
    with :? ArgumentOutOfRangeException as error ->
        raise (IOException($"the file would be larger than the system allows ({error.Message})", error))

/// Writes a file anew: into a draft, onto the disk, and then in the place of the old one. If that fails, as on a full
/// disk, the old one stays and nothing else does.
let write (file: string) (content: Stream -> unit) =
    let draft = $"{file}.{Guid.NewGuid():N}{Draft}"

    try
        writing (fun () ->
            use stream = new FileStream(draft, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None)
            content stream
            stream.Flush true)

        File.Move(draft, file, overwrite = true)
        Path.GetDirectoryName file |> string |> synchroniseFolder
    finally
        File.Delete draft

let writeBytes file (content: byte[]) = write file (fun stream -> stream.Write(content, 0, content.Length))

let writeText file (text: string) = writeBytes file (Text.Encoding.UTF8.GetBytes text)

let private deleteDrafts (folder: string) pattern =
    if Directory.Exists folder then
        Directory.EnumerateFiles(folder, pattern + Draft) |> Seq.iter File.Delete

/// Removes the drafts that killed processes left in a folder. Only for whoever alone may write there.
let sweep (folder: string) = deleteDrafts folder "*"

/// Removes the drafts of a file. Only for whoever alone may write it.
let sweepOf (file: string) =
    deleteDrafts (Path.GetDirectoryName file |> string) $"{Path.GetFileName file}.*"

/// A new name for a file that only tries whether something can be written; left behind, it is a draft.
let probeIn (folder: string) = Path.Combine(folder, $".probe-{Guid.NewGuid():N}{Draft}")

/// Removes the drafts that killed processes left in a folder where others may be writing now.
let sweepAbandoned (folder: string) = Drafts.RemoveAbandoned(folder, "*" + Draft)

/// The bytes of a file that is no longer than it may be; none if there is no such file, or it is longer or no file at all.
let tryRead (longest: int) (file: string) : byte[] option =
    try
        if (InputFile.objection (int64 longest) file).IsSome then
            None
        else
            use stream = InputFile.openShared InputFile.unbounded file
            let content = Array.zeroCreate<byte>(int stream.Length)
            Some content[.. stream.ReadAtLeast(content, content.Length, false) - 1]
    with
    | :? FileNotFoundException
    | :? DirectoryNotFoundException -> None
