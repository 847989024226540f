/// `ubarfs apply`: a rule under the microscope.
module UbarFs.Cli.ApplyCommand

open System
open System.IO
open System.Text.Json
open System.Text.Json.Nodes
open Argu
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

let run (arguments: ParseResults<ApplyArguments>) : int =
    let file = arguments.GetResult Case

    match LibTorch.load (arguments.TryGetResult ApplyArguments.Libtorch), read file with
    | Error reason, _
    | _, Error reason -> Exit.refuse reason
    | Ok _, Ok text ->
        let verdict case : JsonNode | null = Case.toJson case (Case.apply case)

        // Paths in a case count from where one is, as those on the command line do.
        let access = (UserCode.create ()).Access ""

        let verdicts =
            Case.parse access text
            |> Result.map (function
                | One case -> verdict case
                | Many cases -> JsonArray(cases |> List.map verdict |> Array.ofList))

        match verdicts with
        | Error reason -> Exit.refuse $"{file}: {reason}"
        | Ok json ->
            printfn "%s" (JsonSerializer.Serialize(json, JsonSerializerOptions(WriteIndented = true)))
            Exit.done'
