/// The F# compiler's messages in the form of the language's own.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.Compiler

open System.IO
open FSharp.Compiler.Diagnostics
open UbarFs.Scenario

/// The source of a file that messages name: the script, or one that it loads.
let sourceOf (script: Source) (name: string) : Source =
    if name = "" || Thrown.isFile script name || not (File.Exists name) then
        script
    else
        match ScenarioFile.read name with
        | Ok text -> Source.create (Origin.File name) text
        | Error _ -> script

/// A message of the compiler, in the source of the file that it names; those that only inform are dropped.
let diagnostic (sourceOf: string -> Source) (message: FSharpDiagnostic) : Diagnostic option =
    let define =
        match message.Severity with
        | FSharpDiagnosticSeverity.Error -> Some Diagnostic.error
        | FSharpDiagnosticSeverity.Warning -> Some Diagnostic.warning
        | _ -> None

    define
    |> Option.map (fun define ->
        let source = sourceOf message.FileName
        let place = Thrown.span source message.StartLine message.StartColumn message.EndLine message.EndColumn
        define place $"{Thrown.oneLine message.Message} ({message.ErrorNumberText})")
