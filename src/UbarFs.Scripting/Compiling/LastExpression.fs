/// The value of a script's last expression. The compiler drops it, unless the script hands it to somebody.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.LastExpression

open System.IO
open FSharp.Compiler.CodeAnalysis
open FSharp.Compiler.Syntax
open FSharp.Compiler.Text
open UbarFs.Scenario

/// What is written behind a script. It moves no line and no column.
let private keeping = $"|> global.UbarFs.Scenario.{nameof Yielded}.{nameof Yielded.keep}"

let private parsed (checker: FSharpChecker) (text: string) : ParsedInput option =
    let options = { FSharpParsingOptions.Default with SourceFiles = [| "script.fsx" |] }

    let result =
        (checker.ParseFile("script.fsx", SourceText.ofString text, options) |> Async.StartAsTask)
            .GetAwaiter()
            .GetResult()

    if result.ParseHadErrors then
        None
    else
        Some result.ParseTree

let private lastDeclaration (input: ParsedInput) : SynModuleDecl option =
    match input with
    | ParsedInput.ImplFile file ->
        file.Contents
        |> List.tryLast
        |> Option.bind (fun (SynModuleOrNamespace(decls = declarations)) -> List.tryLast declarations)
    | ParsedInput.SigFile _ -> None

let private lastExpression input : SynExpr option =
    match lastDeclaration input with
    | Some(SynModuleDecl.Expr(expr = expression)) -> Some expression
    | _ -> None

/// Whether an expression hands exactly that one on.
let private handsOn (range: range) (expression: SynExpr) =
    match expression with
    | SynExpr.App(funcExpr = SynExpr.App(isInfix = true; argExpr = value)) ->
        (let found = value.Range

         (found.StartLine, found.StartColumn, found.EndLine, found.EndColumn) =
             (range.StartLine, range.StartColumn, range.EndLine, range.EndColumn))
    | _ -> false

/// The text up to the end of a range, without the ";;" of an interactive session behind it.
let private upTo (range: range) (text: string) =
    let lines = text.Split '\n'
    let before = Array.truncate (range.EndLine - 1) lines

    Array.append before [| lines[range.EndLine - 1].Substring(0, range.EndColumn) |]
    |> String.concat "\n"

/// What becomes of a script.
[<RequireQualifiedAccess>]
type private Ending =
    /// It ends with something else than an expression, or cannot be parsed: the compiler has the word.
    | Unchanged
    | Handed of text: string
    /// What would be written behind its expression would belong to a part of that.
    | Unclear of range

let private ending checker (text: string) : Ending =
    // Ranges are to be those of the text, not of the file that it says it is.
    let plain = text.Replace("\n# 1 \"", "\n//1 \"")

    match parsed checker plain |> Option.bind lastExpression with
    | None -> Ending.Unchanged
    | Some expression ->
        let range = expression.Range

        match parsed checker $"{upTo range plain}\n{keeping}\n" |> Option.bind lastExpression with
        | Some again when handsOn range again -> Ending.Handed $"{upTo range text}\n{keeping}\n"
        | _ -> Ending.Unclear range

/// The script, with its last expression handed to `Yielded`. Other scripts, and what cannot be parsed, stay as they are.
let kept (checker: FSharpChecker) (sources: Sources) : Result<Sources, Compiler.Message> =
    let script = Sources.script sources

    match sources.Purpose with
    | Purpose.Component -> Ok sources
    | Purpose.Scenarios ->
        match ending checker script.Text with
        | Ending.Unchanged -> Ok sources
        | Ending.Handed text ->
            let loaded = sources.Files |> List.truncate (sources.Files.Length - 1)
            Ok { sources with Files = loaded @ [ { script with Text = text } ] }
        | Ending.Unclear range ->
            let line = range.StartLine - Sources.preludeLines script

            Error
                { Document = Path.GetFileName script.Document |> string
                  IsError = true
                  StartLine = line
                  StartColumn = range.StartColumn
                  EndLine = line + range.EndLine - range.StartLine
                  EndColumn = range.EndColumn
                  Text = "this is not what a script can end with: put it into parentheses, or give it a name" }
