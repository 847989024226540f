/// Lints F# projects as FSharpLint's own command does, but with what they refer to as it was built: the command checks the
/// types of all projects anew for each way that leads to them, which takes ten times as long.
module UbarFs.Lint

open System
open System.IO
open System.Threading
open FSharp.Compiler.CodeAnalysis
open FSharp.Compiler.Text
open FSharpLint.Application
open FSharpLint.Framework

/// What the build leaves: the arguments of the compiler, one a line.
let private argumentsOf (project: string) =
    let folder = Path.GetDirectoryName project |> string
    Path.Combine(folder, "obj", "Release", "net10.0", "compiler.args")

let private options (checker: FSharpChecker) (project: string) =
    let folder = Path.GetDirectoryName(Path.GetFullPath project) |> string

    let isSource (argument: string) = argument.EndsWith ".fs" && not (argument.StartsWith '-')
    let sources, others = File.ReadAllLines(argumentsOf project) |> Array.partition isSource

    { checker.GetProjectOptionsFromCommandLineArgs(Path.GetFullPath project, others) with
        SourceFiles = sources |> Array.map (fun source -> Path.GetFullPath(Path.Combine(folder, source))) }

let private isOurs (file: string) =
    not (file.Contains $"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}")

/// A finding as compilers write theirs.
let private written (warning: Suggestion.LintWarning) =
    let range = warning.Details.Range

    $"{warning.FilePath}({range.StartLine},{range.StartColumn + 1}): {warning.RuleIdentifier}: {warning.Details.Message}"

let private gate = obj ()

let private lintFile (checker: FSharpChecker) configuration (project: FSharpCheckProjectResults) options file =
    let parsed, checked' =
        checker.GetBackgroundCheckResultsForFileInProject(file, options) |> Async.RunSynchronously

    let parameters: Lint.OptionalLintParameters =
        { CancellationToken = None
          Configuration = configuration
          ReceivedWarning = None
          ReportLinterProgress = None }

    let information: Lint.ParsedFileInformation =
        { Ast = parsed.ParseTree
          Source = File.ReadAllText file
          TypeCheckResults = Some checked'
          ProjectCheckResults = Some project }

    // Rules keep state of their own between files.
    match lock gate (fun () -> Lint.lintParsedFile parameters information file) with
    | Lint.LintResult.Success found -> List.map written found
    | Lint.LintResult.Failure failure -> [ $"{file}: {failure}" ]

let private lint configuration (project: string) : string list =
    let checker = FSharpChecker.Create(projectCacheSize = 1, keepAssemblyContents = true)
    let options = options checker project
    let results = checker.ParseAndCheckProject options |> Async.RunSynchronously

    let errors =
        [ for diagnostic in results.Diagnostics do
              if diagnostic.Severity = FSharp.Compiler.Diagnostics.FSharpDiagnosticSeverity.Error then
                  $"{diagnostic.FileName}({diagnostic.StartLine},{diagnostic.StartColumn + 1}): {diagnostic.Message}" ]

    errors
    @ [ for file in options.SourceFiles do
            if isOurs file then
                yield! lintFile checker configuration results options file ]

[<EntryPoint>]
let main arguments =
    let configuration = Lint.ConfigurationParam.FromFile arguments[0]

    let found =
        arguments[1..]
        |> Array.Parallel.map (fun project ->
            let clock = Diagnostics.Stopwatch.StartNew()
            let found = lint configuration project
            eprintfn "%s %.1f" project clock.Elapsed.TotalSeconds
            found)
        |> List.concat

    found |> List.distinct |> List.iter (printfn "%s")
    if found.IsEmpty then 0 else 1
