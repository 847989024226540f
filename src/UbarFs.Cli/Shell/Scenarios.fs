/// Scenario files of a command line, with everything that is wrong with them told at once.
module UbarFs.Cli.Scenarios

open System
open Spectre.Console
open UbarFs.Scenario
open UbarFs.Scripting

let private colour style =
    match style with
    | Style.Location
    | Style.Message -> Spectre.Console.Style(decoration = Decoration.Bold)
    | Style.Severity Severity.Error
    | Style.Caret -> Spectre.Console.Style(Color.Red, decoration = Decoration.Bold)
    | Style.Severity Severity.Warning -> Spectre.Console.Style(Color.Yellow, decoration = Decoration.Bold)
    | Style.Severity Severity.Note -> Spectre.Console.Style(Color.Aqua, decoration = Decoration.Bold)
    | Style.Margin -> Spectre.Console.Style(Color.Blue)
    | Style.Hint -> Spectre.Console.Style(Color.Aqua)
    | Style.Note
    | Style.Code -> Spectre.Console.Style.Plain

/// Writes diagnostics to standard error, coloured on a terminal.
let print (diagnostics: Diagnostic list) =
    if Console.IsErrorRedirected then
        diagnostics |> List.iter (Rendering.plain >> eprintf "%s")
    else
        let console = AnsiConsole.Create(AnsiConsoleSettings(Out = AnsiConsoleOutput Console.Error))

        for diagnostic in diagnostics do
            // As one paragraph: its lines break between words, wherever a style ends.
            let paragraph = Paragraph()

            for style, text in Rendering.piecesWithin (Terminal.size ()).Columns diagnostic do
                paragraph.Append(text, colour style) |> ignore

            console.Write paragraph

let private noScripts = "--no-scripts refuses to run code"

let private loadFile world scripts permit overrides (file: string) =
    if not (Script.isScript file) then
        Scenario.loadIn world file overrides
        |> Result.map (fun (scenario, warnings) -> [ scenario ], warnings)
    elif scripts then
        permit file
        |> Result.mapError List.singleton
        |> Result.bind (fun () -> Script.load world file overrides)
    else
        Diagnostic.fileError file $"this is an F# script, and {noScripts}"
        |> Diagnostic.hinted "'ubarfs show' prints a script's scenarios as YAML, which needs no code"
        |> List.singleton
        |> Error

/// The way to the code that a scenario's file names, if code may run.
let access scripts (code: UserCode.UserCode) : string -> CodeAccess =
    if scripts then
        code.Access
    else
        fun _ -> CodeAccess.refused $"this is code, and {noScripts}" "name a component of the catalogue"

/// The same, with somebody asked before any code of a file runs.
let private permitted (permit: string -> Result<unit, Diagnostic>) (access: CodeAccess) : CodeAccess =
    let asking load file =
        permit (CodeFile.path file) |> Result.mapError List.singleton |> Result.bind (fun () -> load file)

    { Rule = asking access.Rule
      Stage = asking access.Stage
      Attack = asking access.Attack }

/// Whoever runs code where it can hurt nobody else, or has no choice, asks nobody.
let unasked (_: string) : Result<unit, Diagnostic> = Ok()

/// Loads scenarios as `load` does, but says what is odd about them only if it is to warn.
let loadWarning warning scripts permit overrides (files: string list) : Result<Scenario list, int> =
    let code = UserCode.create ()
    let world = { World.machine with Code = access scripts code >> permitted permit }
    let loaded = files |> List.map (loadFile world scripts permit overrides)
    let scenarios = loaded |> List.collect (Result.map fst >> Result.defaultValue [])
    let warnings = loaded |> List.collect (Result.map snd >> Result.defaultValue [])

    let failures =
        loaded
        |> List.collect (function
            | Ok _ -> []
            | Error diagnostics -> diagnostics)

    let errors = List.distinct failures @ Scenario.clashes scenarios

    print (errors @ (if warning then code.Warnings() @ warnings else []))
    if errors.IsEmpty then Ok scenarios else Error Exit.badUsage

/// Loads the scenarios of all files, or prints what is wrong with any of them and gives the exit code. `scripts` says
/// whether code may run that scenarios are or bring along, and `permit` is asked before that of a file does.
let load scripts permit overrides files = loadWarning true scripts permit overrides files
