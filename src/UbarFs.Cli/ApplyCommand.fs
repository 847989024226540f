/// `ubarfs apply`: a rule under the microscope.
module UbarFs.Cli.ApplyCommand

open System
open System.IO
open System.Text.Json
open System.Text.Json.Nodes
open Argu
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Scripting
open UbarFs.Engine
open UbarFs.Cli.Arguments

let private largest = 256L * 1024L * 1024L

let private read (file: string) : Result<string, string> =
    try
        if file = "-" then
            Ok(Console.In.ReadToEnd())
        elif FileInfo(file).Length > largest then
            Error $"{file}: larger than {largest / 1024L / 1024L} MiB"
        else
            Ok(File.ReadAllText file)
    with
    | :? IOException
    | :? UnauthorizedAccessException as error -> Error $"{file}: {error.Message}"

/// A rule of the catalogue, or a script's.
let private find (name: string) : Result<Component<Rule>, string> =
    if Script.isScript name then
        RuleScript.loadRule name
        |> Result.map _.Component
        |> Result.mapError (List.map Rendering.plain >> String.concat "")
    else
        Case.ofCatalogue name

let run (arguments: ParseResults<ApplyArguments>) : int =
    let file = arguments.GetResult Case

    match LibTorch.load (arguments.TryGetResult ApplyArguments.Libtorch), read file with
    | Error reason, _
    | _, Error reason -> Exit.refuse reason
    | Ok _, Ok text ->
        let verdict case : JsonNode | null = Case.toJson case (Case.apply case)

        let verdicts =
            Case.parse find text
            |> Result.map (function
                | One case -> verdict case
                | Many cases -> JsonArray(cases |> List.map verdict |> Array.ofList))

        match verdicts with
        | Error reason -> Exit.refuse $"{file}: {reason}"
        | Ok json ->
            printfn "%s" (JsonSerializer.Serialize(json, JsonSerializerOptions(WriteIndented = true)))
            Exit.done'
