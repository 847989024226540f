/// Compiled scripts on disk, by what they were compiled from. Nothing here can fail: a cache that cannot be read or
/// written is no cache, and a damaged file is one that is not there.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.AssemblyCache

open System
open System.IO
open System.Security.Cryptography
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Scenario

/// The most files that are kept; those unused for longest go first.
let private most = 200

let private fileOf folder (key: string) = Path.Combine(folder, $"{key}.bin")

let private attempt (action: unit -> 'value) : 'value option =
    try
        Some(action ())
    with
    | :? IOException
    | :? UnauthorizedAccessException
    | :? NotSupportedException -> None

let private private' = UnixFileMode.UserRead ||| UnixFileMode.UserWrite ||| UnixFileMode.UserExecute

let private writtenByOthers = UnixFileMode.GroupWrite ||| UnixFileMode.OtherWrite

/// Makes the folder one that nobody else can write into: what lies there is run. Only its owner can, so that another
/// one's folder is none for us. What lies in a folder that others could write into is thrown away.
let private secured (folder: string) =
    if OperatingSystem.IsWindows() then
        // The user's own folders are nobody else's there.
        Directory.CreateDirectory folder |> ignore
    elif not (Directory.Exists folder) then
        Directory.CreateDirectory(folder, private') |> ignore
    else
        let before = File.GetUnixFileMode folder
        File.SetUnixFileMode(folder, private')

        if before &&& writtenByOthers <> UnixFileMode.None then
            for file in Directory.GetFiles folder do
                File.Delete file

    folder

/// The user's folder of scripts.
let private folder () : string option =
    UserCache.current "scripts" |> Option.bind (fun folder -> attempt (fun () -> secured folder))

let private bytesOf (script: Compiler.CompiledScript) : byte[] =
    use memory = new MemoryStream()
    use writer = new BinaryWriter(memory)
    writer.Write script.Messages.Length

    for message in script.Messages do
        writer.Write message.Document
        writer.Write message.IsError
        writer.Write message.StartLine
        writer.Write message.StartColumn
        writer.Write message.EndLine
        writer.Write message.EndColumn
        writer.Write message.Text

    writer.Write script.Code
    writer.Flush()
    memory.ToArray()

let private scriptOf (bytes: byte[]) : Compiler.CompiledScript =
    use reader = new BinaryReader(new MemoryStream(bytes))

    let messages: Compiler.Message list =
        List.init (reader.ReadInt32()) (fun _ ->
            // Fields are read in the order in which they stand here.
            let document, isError = reader.ReadString(), reader.ReadBoolean()
            let startLine, startColumn = reader.ReadInt32(), reader.ReadInt32()
            let endLine, endColumn = reader.ReadInt32(), reader.ReadInt32()

            { Compiler.Message.Document = document
              IsError = isError
              StartLine = startLine
              StartColumn = startColumn
              EndLine = endLine
              EndColumn = endColumn
              Text = reader.ReadString() })

    { Compiler.CompiledScript.Messages = messages
      Code = reader.ReadBytes bytes.Length }

/// What is kept under a key. A file begins with the checksum of the rest.
let tryFind (key: string) : Compiler.CompiledScript option =
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
            attempt (fun () -> scriptOf content)
        else
            None)

let private prune folder =
    let files = DirectoryInfo(folder).GetFiles "*.bin"

    files
    |> Array.sortByDescending _.LastWriteTimeUtc
    |> Array.skip (min most files.Length)
    |> Array.iter _.Delete()

/// Keeps something under a key. Another process sees the whole file or none.
let save (key: string) (script: Compiler.CompiledScript) : unit =
    let write folder =
        let content = bytesOf script
        Drafts.RemoveAbandoned(folder, "*.tmp")
        let draft = Path.Combine(folder, $"{key}.{Guid.NewGuid():N}.tmp")

        try
            File.WriteAllBytes(draft, Array.append (SHA256.HashData content) content)
            File.Move(draft, fileOf folder key, overwrite = true)
        finally
            File.Delete draft

        prune folder

    folder () |> Option.iter (fun folder -> attempt (fun () -> write folder) |> ignore)
