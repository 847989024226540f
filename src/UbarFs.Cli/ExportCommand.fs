/// `ubarfs export`: a node's trained model, for PyTorch.
module UbarFs.Cli.ExportCommand

open System
open System.IO
open Argu
open UbarFs.Engine
open UbarFs.Cli.Arguments

let private export (folder: string) node (target: string option) =
    let target =
        target
        |> Option.orElse (node |> Option.map (fun node -> $"node-{node}.safetensors"))
        |> Option.defaultValue "model.safetensors"

    if not (Directory.Exists folder) then
        Exit.refuse $"there is no folder '{folder}': 'results.csv' names the folders of the runs beside it"
    elif Path.GetFullPath target = Path.GetFullPath(Path.Combine(folder, "model.safetensors")) then
        Exit.refuse $"'{target}' is the run's own file: choose another with --out"
    else
        match ModelFile.export folder node target with
        | Ok(node, expression) ->
            printfn "%s" target
            eprintfn "node %d: a state_dict of %s" node expression
            Exit.done'
        | Error reason -> Exit.refuse reason

let run (arguments: ParseResults<ExportArguments>) : int =
    match LibTorch.load (arguments.TryGetResult ExportArguments.Libtorch) with
    | Error reason -> Exit.refuse reason
    | Ok _ ->
        try
            export
                (arguments.GetResult ExportArguments.Run)
                (arguments.TryGetResult Node)
                (arguments.TryGetResult ExportArguments.Out)
        with
        | :? IOException
        | :? UnauthorizedAccessException as error ->
            Exit.complain $"the model cannot be written: {error.Message}"
            Exit.runFailed
