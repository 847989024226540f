/// `ubarfs new`: scenarios, rules, stages and attacks to start from.
module UbarFs.Cli.NewCommand

open System
open System.IO
open Argu
open UbarFs.Scenario
open UbarFs.Scripting
open UbarFs.Cli.Arguments

let private purposes =
    [ "rule", CodeTemplate.Purpose.Rule
      "stage", CodeTemplate.Purpose.Stage
      "attack", CodeTemplate.Purpose.Attack ]

let private templates = List.map fst purposes @ (Starter.all |> List.map _.Template)

let private listed () =
    let width = templates |> List.map _.Length |> List.max
    let line (name: string) summary = Say.linef "%s  %s" (name.PadRight width) summary

    Starter.all |> List.iter (fun starter -> line starter.Template starter.Summary)

    for name, _ in purposes do
        line name $"your own {name}, as an F# script; with --csharp, as a C# project"

    printfn ""

    Say.linef
        "ubarfs new TEMPLATE NAME writes NAME.yaml into this folder; a rule goes to rules, a stage to stages, an \
         attack to attacks."

    Exit.done'

/// Writes files that are not there yet, or none, and prints their paths.
let private write (files: CodeTemplate.File list) =
    let save (file: CodeTemplate.File) =
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath file.Path) |> string) |> ignore
        use writer = new StreamWriter(new FileStream(file.Path, FileMode.CreateNew))
        writer.Write file.Text
        Say.linef "%s" file.Path

    match files |> List.tryFind (fun file -> Path.Exists file.Path) with
    | Some file -> Exit.refuse $"{file.Path} exists already; give the new one another name"
    | None ->
        try
            List.iter save files
            Exit.done'
        with
        | :? IOException
        | :? UnauthorizedAccessException as error -> Exit.refuse $"cannot write {files.Head.Path}: {error.Message}"

let private create csharp template name =
    let starter = Starter.all |> List.tryFind (fun starter -> starter.Template = template)
    let purpose = purposes |> List.tryFind (fst >> (=) template) |> Option.map snd
    let library = AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)

    match starter, purpose with
    | None, None ->
        let known = String.concat ", " templates
        Exit.refuse $"there is no template '{template}': expected one of {known}{Exit.nearest templates template}"
    | _ when not (ScenarioName.isSafe name) ->
        Exit.refuse $"'{name}' cannot be a name: use letters, digits, '-', '_' and '.'"
    | Some starter, _ when csharp ->
        Exit.refuse $"--csharp is for rules, stages and attacks; '{starter.Template}' is a scenario"
    | Some starter, _ -> write [ { Path = $"{name}.yaml"; Text = Starter.text name starter } ]
    | None, Some purpose when csharp -> write (CodeTemplate.csharp purpose name library)
    | None, Some purpose -> write (CodeTemplate.script purpose name library)

/// The name without the ending that the file gets anyway.
let private plain (name: string) =
    match Path.GetExtension name with
    | ".yaml"
    | ".fsx" -> Path.GetFileNameWithoutExtension name
    | _ -> name

/// Writes what a template makes: its name and that of the new thing, both of which can be left out.
let run (arguments: ParseResults<NewArguments>) : int =
    let csharp = arguments.Contains Csharp

    match arguments.GetResult(Template, []) with
    | [] -> listed ()
    | [ template ] -> create csharp template $"my-{template}"
    | [ template; name ] -> create csharp template (plain name)
    | _ -> Exit.refuse "expected a template and a name, as in 'ubarfs new sweep my-study'"
