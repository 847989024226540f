/// Compiled scripts on disk, by what they were compiled from. Nothing here can fail: a cache that cannot be read or
/// written is no cache, and a damaged file is one that is not there.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.AssemblyCache

open System
open System.IO
open System.Security.Cryptography
open UbarFs.Kernels
open UbarFs.Scenario

/// The most files that are kept; those unused for longest go first.
let private most = 200

let private folder () = UserCache.current "scripts"

let private fileOf folder (key: string) = Path.Combine(folder, $"{key}.bin")

let private attempt (action: unit -> 'value) : 'value option =
    try
        Some(action ())
    with
    | :? IOException
    | :? UnauthorizedAccessException
    | :? NotSupportedException -> None

/// What is kept under a key. A file begins with the checksum of the rest.
let tryFind (key: string) : byte[] option =
    let read folder =
        attempt (fun () ->
            let file = fileOf folder key
            let bytes = File.ReadAllBytes file
            attempt (fun () -> File.SetLastWriteTimeUtc(file, DateTime.UtcNow)) |> ignore
            bytes)

    folder ()
    |> Option.bind read
    |> Option.filter (fun bytes -> bytes.Length > SHA256.HashSizeInBytes)
    |> Option.bind (fun bytes ->
        let content = bytes[SHA256.HashSizeInBytes ..]

        if bytes.AsSpan(0, SHA256.HashSizeInBytes).SequenceEqual(SHA256.HashData content) then
            Some content
        else
            None)

let private prune folder =
    let files = DirectoryInfo(folder).GetFiles "*.bin"

    files
    |> Array.sortByDescending _.LastWriteTimeUtc
    |> Array.skip (min most files.Length)
    |> Array.iter _.Delete()

/// Keeps something under a key. Another process sees the whole file or none.
let save (key: string) (content: byte[]) : unit =
    let write folder =
        Directory.CreateDirectory folder |> ignore
        Drafts.RemoveAbandoned(folder, "*.tmp")
        let draft = Path.Combine(folder, $"{key}.{Guid.NewGuid():N}.tmp")

        try
            File.WriteAllBytes(draft, Array.append (SHA256.HashData content) content)
            File.Move(draft, fileOf folder key, overwrite = true)
        finally
            File.Delete draft

        prune folder

    folder () |> Option.iter (fun folder -> attempt (fun () -> write folder) |> ignore)
