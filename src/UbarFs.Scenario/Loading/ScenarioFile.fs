/// The text of scenario files.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.ScenarioFile

open System
open System.IO
open System.Text
open UbarFs.Core

let private strict = UTF8Encoding(false, true)

/// The nearest name among the scenarios, or for a script among the scripts, beside a file that is not there; for any
/// other file, among all files.
let private sibling (path: string) =
    let folder = Path.GetDirectoryName(Path.GetFullPath path)

    let endings =
        match (Path.GetExtension path |> string).ToLowerInvariant() with
        | ".fsx" -> [ ".fsx" ]
        | ""
        | ".yaml"
        | ".yml" -> [ ".yaml"; ".yml" ]
        | _ -> [ "" ]

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

let private bytes (stream: Stream) =
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

/// Does something with a file. What can go wrong on the way is a diagnostic.
let attempt (path: string) (action: unit -> Result<'value, Diagnostic>) : Result<'value, Diagnostic> =
    let failed message = Error(Diagnostic.fileError path message)

    try
        action ()
    with
    | :? FileNotFoundException
    | :? DirectoryNotFoundException ->
        let missing = Diagnostic.fileError path "no such file"

        match sibling path with
        | Some name ->
            let name = name.Replace('\\', '/')
            let place = Span.at (Source.create (Origin.File path) "") 0
            let fix = Diagnostic.replaced place (Path.GetFileName name |> string)
            Error(missing |> Diagnostic.fixedBy [ fix ] $"did you mean '{name}'?")
        | None -> Error missing
    | :? UnauthorizedAccessException -> failed "the file may not be read"
    | :? ArgumentException -> failed "this is not the name of a file"
    | :? InputFile.RefusedException as refused -> failed $"this {refused.Reason}"
    | :? IOException as error -> failed error.Message

let private readIf (opened: string -> FileStream) (path: string) : Result<string, Diagnostic> =
    attempt path (fun () ->
        if Directory.Exists path then
            Diagnostic.fileError path "this is a folder, not a file"
            |> Diagnostic.hinted $"""name the files in it, as in {Path.Combine(path, "*.yaml")}"""
            |> Error
        else
            use stream = opened path
            decode path (bytes stream))

/// Reads a file. What can go wrong on the way is a diagnostic.
let read (path: string) : Result<string, Diagnostic> = readIf (InputFile.openRead InputFile.unbounded) path

/// Reads a file that the command line names, and that may be a pipe.
let readNamed (path: string) : Result<string, Diagnostic> = readIf (InputFile.openNamed InputFile.unbounded) path
