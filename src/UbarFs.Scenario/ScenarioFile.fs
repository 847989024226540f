/// The text of scenario files.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.ScenarioFile

open System
open System.IO
open System.Text

let private strict = UTF8Encoding(false, true)

/// The nearest name among the scenarios, or for a script among the scripts, beside a file that is not there.
let private sibling (path: string) =
    let folder = Path.GetDirectoryName(Path.GetFullPath path)

    let endings =
        if path.EndsWith(".fsx", StringComparison.OrdinalIgnoreCase) then
            [ ".fsx" ]
        else
            [ ".yaml"; ".yml" ]

    let names =
        try
            Directory.EnumerateFiles folder
            |> Seq.map (fun file -> Path.GetFileName file |> string)
            |> Seq.filter (fun name -> endings |> List.exists name.EndsWith)
            |> Seq.truncate 1000
            |> List.ofSeq
        with
        | :? IOException
        | :? UnauthorizedAccessException -> []

    let written = Path.GetFileName path |> string

    let sameStem =
        names
        |> List.tryFind (fun name -> Path.GetFileNameWithoutExtension name = Path.GetFileNameWithoutExtension written)

    sameStem
    |> Option.orElseWith (fun () -> Nearest.find names written)
    |> Option.map (fun name -> Path.Combine(Path.GetDirectoryName path |> string, name))

let private bytes (path: string) =
    use stream = new FileStream(path, FileMode.Open, FileAccess.Read)
    let buffer = Array.zeroCreate<byte>(Yaml.longest + 1)
    let length = stream.ReadAtLeast(buffer, buffer.Length, false)
    buffer[.. length - 1]

/// The text of UTF-8 bytes, with or without a byte order mark.
let decode path (bytes: byte[]) : Result<string, Diagnostic> =
    if bytes.Length > Yaml.longest then
        Diagnostic.fileError path $"larger than {Yaml.longest / 1024} KiB"
        |> Diagnostic.hinted "a scenario is a page or two: is this file one?"
        |> Error
    else
        try
            Ok((strict.GetString bytes).TrimStart '\uFEFF')
        with :? DecoderFallbackException as error ->
            let before = strict.GetString(bytes, 0, error.Index)
            let source = Source.create (Origin.File path) (Encoding.UTF8.GetString bytes)

            Diagnostic.error (Span.create source before.Length (before.Length + 1)) "this is not UTF-8 text"
            |> Diagnostic.hinted "save the file with the encoding UTF-8"
            |> Error

/// Reads a file. What can go wrong on the way is a diagnostic.
let read (path: string) : Result<string, Diagnostic> =
    let failed message = Error(Diagnostic.fileError path message)

    try
        if Directory.Exists path then
            Diagnostic.fileError path "this is a folder, not a file"
            |> Diagnostic.hinted $"""name the files in it, as in {Path.Combine(path, "*.yaml")}"""
            |> Error
        else
            decode path (bytes path)
    with
    | :? FileNotFoundException
    | :? DirectoryNotFoundException ->
        let hint = sibling path |> Option.map (fun name -> $"did you mean '{name}'?")
        Error(Diagnostic.fileError path "no such file" |> Diagnostic.withHint hint)
    | :? UnauthorizedAccessException -> failed "the file may not be read"
    | :? ArgumentException -> failed "this is not the name of a file"
    | :? IOException as error -> failed error.Message
