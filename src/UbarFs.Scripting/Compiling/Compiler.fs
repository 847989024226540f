/// What the F# compiler says, in the form of the language's own messages.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.Compiler

open System.IO
open FSharp.Compiler.Diagnostics
open UbarFs.Scenario

/// A message of the compiler, apart from it, so that it can be kept.
type Message =
    {
        /// The name of the file.
        Document: string
        IsError: bool
        /// Lines from 1, columns from 0.
        StartLine: int
        StartColumn: int
        EndLine: int
        EndColumn: int
        Text: string
    }

/// What became of a script: an assembly, or none if one of the messages is an error.
type CompiledScript = { Code: byte[]; Messages: Message list }

/// A warning of something private in the library: nobody who writes a script can do anything about it.
[<Literal>]
let private Metadata = 3186

/// The message, if it does more than inform.
let message (said: FSharpDiagnostic) : Message option =
    match said.Severity with
    | FSharpDiagnosticSeverity.Warning when said.ErrorNumber = Metadata -> None
    | FSharpDiagnosticSeverity.Error
    | FSharpDiagnosticSeverity.Warning ->
        Some
            { Document = Path.GetFileName said.FileName |> string
              IsError = said.Severity.IsError
              StartLine = said.StartLine
              StartColumn = said.StartColumn
              EndLine = said.EndLine
              EndColumn = said.EndColumn
              Text = $"{Thrown.oneLine said.Message} ({said.ErrorNumberText})" }
    | _ -> None

/// A message in the source of the file that it names.
let diagnostic (sourceOf: string -> Source) (message: Message) : Diagnostic =
    let define =
        if message.IsError then
            Diagnostic.error
        else
            Diagnostic.warning

    let source = sourceOf message.Document
    define (Thrown.span source message.StartLine message.StartColumn message.EndLine message.EndColumn) message.Text
