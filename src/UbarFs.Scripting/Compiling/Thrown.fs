/// What a user's code threw, in the form of the language's messages.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.Thrown

open System
open System.Diagnostics
open System.IO
open System.Runtime.Loader
open UbarFs.Scenario

/// A piece of a source by lines from 1 and columns from 0. A piece of several lines is cut at the end of its first.
let span (source: Source) startLine startColumn endLine endColumn : Span =
    let line = min (max 1 startLine) source.LineStarts.Length - 1
    let first = source.LineStarts[line] + startColumn

    let last =
        if endLine = startLine then
            source.LineStarts[line] + max endColumn (startColumn + 1)
        else
            source.LineEnds[line]

    Span.create source first (max last (first + 1))

/// Whether a source is this file.
let isFile (source: Source) (name: string) =
    match source.Origin with
    | Origin.File path -> Path.GetFullPath path = Path.GetFullPath name
    | Origin.CommandLine -> false

/// A message without its line breaks.
let oneLine (message: string) =
    message.Split([| '\r'; '\n' |], StringSplitOptions.RemoveEmptyEntries ||| StringSplitOptions.TrimEntries)
    |> String.concat " "

/// Whether a method is of this program or of .NET. Code of the user's own is loaded apart.
let private isOurs (frame: StackFrame) =
    frame.GetMethod()
    |> Option.ofObj
    |> Option.exists (fun method ->
        AssemblyLoadContext.GetLoadContext method.Module.Assembly = AssemblyLoadContext.Default)

/// Where an exception left one of the sources, if its trace says so.
let private thrownAt (trySource: string -> Source option) (error: exn) =
    StackTrace(error, true).GetFrames()
    |> Array.filter (isOurs >> not)
    |> Array.tryPick (fun frame ->
        frame.GetFileName()
        |> Option.ofObj
        |> Option.bind trySource
        |> Option.filter (fun _ -> frame.GetFileLineNumber() > 0)
        |> Option.map (fun source ->
            let line = min (frame.GetFileLineNumber()) source.LineStarts.Length
            let text = Source.line source (line - 1)
            let indent = text.Length - text.TrimStart().Length
            span source line indent line text.Length))

/// Code from outside gave what it must not, as `Contract` says it. Where it is to blame, `Code` is the function.
type Breach(message: string, code: obj list) =
    inherit Exception(message)
    member _.Code = code

let rec private innermost (error: exn) =
    match error, error.InnerException with
    | (:? Reflection.TargetInvocationException | :? TypeInitializationException), inner when not (isNull inner) ->
        innermost inner
    | _ -> error

/// The message of an exception, whose class a user may have written.
let private messageOf (error: exn) : string =
    try
        match Option.ofObj error.Message with
        // libtorch adds a trace of its own code.
        | Some message -> oneLine (message.Split("Exception raised from")[0])
        | None -> "no message"
    with _ ->
        "a message that cannot be read"

/// A whole line of a source, without its indentation.
let private line (source: Source) number : Span =
    let number = min (max 1 number) source.LineStarts.Length
    let text = Source.line source (number - 1)
    span source number (text.Length - text.TrimStart().Length) number text.Length

/// An exception out of a user's code: where it left one of the sources, if these are known by the names in its trace;
/// otherwise the file is its place. `subject` is what failed, and `defined` says where a function is defined.
let diagnosticOf
    (trySource: string -> Source option)
    (defined: obj -> (string * int) option)
    (subject: string)
    (file: string)
    (error: exn)
    : Diagnostic =
    match innermost error with
    | :? Breach as breach ->
        let message = breach.Message

        let place =
            breach.Code
            |> List.tryPick defined
            |> Option.bind (fun (document, number) ->
                trySource document |> Option.map (fun source -> line source number))

        match place with
        | Some place -> Diagnostic.error place message
        | None -> Diagnostic.fileError file message
    | error ->
        let message = $"{subject} failed: {messageOf error} ({error.GetType().Name})"

        match thrownAt trySource error with
        | Some place -> Diagnostic.error place message
        | None -> Diagnostic.fileError file message

/// The same where nobody knows where functions are defined.
let diagnostic trySource subject file error = diagnosticOf trySource (fun _ -> None) subject file error

/// The source itself under its own name.
let only (source: Source) (name: string) = if isFile source name then Some source else None
