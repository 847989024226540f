/// `ubarfs export`: trained models of nodes, for PyTorch.
module UbarFs.Cli.ExportCommand

open System
open System.Globalization
open System.IO
open System.Text.Encodings.Web
open System.Text.Json
open Argu
open FsToolkit.ErrorHandling
open UbarFs.Engine
open UbarFs.Cli.RuleArguments

/// Whose models are wanted.
[<RequireQualifiedAccess>]
type private Wanted =
    | FirstBenign
    | Nodes of int list
    | Benign
    | All

let private wanted (text: string option) : Result<Wanted, string> =
    let number (part: string) =
        match Int32.TryParse(part.Trim(), NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, node -> Ok node
        | false, _ -> Error $"--node {text.Value}: expected a node's number, several with commas, benign or all"

    match text with
    | None -> Ok Wanted.FirstBenign
    | Some "all" -> Ok Wanted.All
    | Some "benign" -> Ok Wanted.Benign
    | Some numbers ->
        numbers.Split ','
        |> List.ofArray
        |> List.traverseResultM number
        |> Result.map (List.distinct >> Wanted.Nodes)

let private chosen wanted (notes: ModelNotes) (count: int) : Result<int list, string> =
    let participants = notes.Participants |> Option.ofObj |> Option.defaultValue [| 0 .. count - 1 |]

    match wanted with
    | Wanted.FirstBenign -> Ok [ Array.tryHead notes.Benign |> Option.defaultValue 0 ]
    | Wanted.Benign -> Ok(List.ofArray notes.Benign)
    | Wanted.All -> Ok(List.ofArray participants)
    | Wanted.Nodes nodes ->
        match nodes |> List.tryFind (fun node -> not (Array.contains node participants)) with
        | None -> Ok nodes
        | Some node when node < count -> Error $"node {node} is Byzantine and was left out of this run (attack: absent)"
        | Some node -> Error $"there is no node {node}: the run has the nodes 0 to {count - 1}"

/// The file of each node, and the folder that has to be there.
let private target wanted (out: string option) : Result<string option * (int -> string), string> =
    let name node = $"node-{node}.safetensors"

    let isSingle =
        match wanted with
        | Wanted.FirstBenign
        | Wanted.Nodes [ _ ] -> true
        | _ -> false

    match out with
    | None -> Ok(None, name)
    | Some file when isSingle && not (Directory.Exists file || Path.EndsInDirectorySeparator file) ->
        Ok(None, (fun _ -> file))
    | Some file when not isSingle && (File.Exists file || file.EndsWith ".safetensors") ->
        Error $"--out {file}: each node has a file of its own; name a folder for them"
    | Some folder -> Ok(Some folder, (fun node -> Path.Combine(folder, name node)))

let private mostListed = 20

let private listed (lines: string list) =
    let more =
        if lines.Length > mostListed then
            [ $"… and {lines.Length - mostListed} more" ]
        else
            []

    List.truncate mostListed lines @ more |> List.map (fun line -> $"\n  {line}") |> String.concat ""

let private ofSweep (folder: string) (sweep: SweepRecord) =
    let line (run: SweptRun) =
        let own = Path.Combine(folder, run.Id)

        let swept =
            run.Swept
            |> Array.filter (fun pair -> pair[0] <> "rule" && pair[0] <> "attack")
            |> Array.map (fun pair -> $"{pair[0]} {pair[1]}")

        let words = Array.append [| run.Rule; run.Attack |] swept |> String.concat ", "

        let without =
            if File.Exists(Path.Combine(own, ModelFile.name)) then
                ""
            else
                "  (no model)"

        $"{own}  {words}, seed {run.Seed}{without}"

    $"'{folder}' is the folder of a sweep. Name one of its runs:{listed (sweep.Runs |> Array.map line |> List.ofArray)}"

/// The folder of a run; otherwise, what there is instead.
let private runFolder (given: string) : Result<string, string> =
    // A file of the run is as good.
    let folder =
        if File.Exists given then
            Path.GetDirectoryName(Path.GetFullPath given) |> string
        else
            Path.TrimEndingDirectorySeparator given

    let sweeps () =
        Directory.GetDirectories folder
        |> Array.filter (SweepFile.tryRead >> Option.isSome)
        |> Array.sort
        |> List.ofArray

    if not (Directory.Exists folder) then
        Error $"there is no folder '{folder}': 'results.csv' names the folders of the runs beside it"
    elif StoreReading.isLink folder then
        Error $"'{folder}' is a link, and links are not followed: name the folder that it leads to"
    elif File.Exists(Path.Combine(folder, ModelFile.name)) then
        Ok folder
    else
        match SweepFile.read folder with
        | Ok(Some sweep) -> Error(ofSweep folder sweep)
        | Error reason -> Error(StoredRuns.unreadable folder reason)
        | Ok None ->
            match sweeps () with
            | [] -> Ok folder
            | sweeps -> Error $"'{folder}' is a folder of sweeps. Name a run of one of them:{listed sweeps}"

let private json = JsonSerializerOptions(Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

let private python (file: string) (notes: ModelNotes) =
    let quoted = JsonSerializer.Serialize(file, json)

    let plain =
        [ "import torch, torch.nn as nn"
          "from safetensors.torch import load_file"
          ""
          if StateDict.hasResiduals notes.Module then
              yield! StateDict.residual
              ""
          $"model = {notes.Module}"
          $"model.load_state_dict(load_file({quoted}))" ]

    match Option.ofObj notes.Input, Option.ofObj notes.Mean, Option.ofObj notes.Deviation with
    | Some input, Some mean, Some deviation ->
        let sides = input |> Array.map string |> String.concat ", "
        let tensor (values: float[]) = $"torch.tensor({JsonSerializer.Serialize values}).view(-1, 1, 1)"

        plain
        @ [ $"mean, deviation = {tensor mean}, {tensor deviation}"
            $"logits = model((images - mean) / deviation)  # images: [b, {sides}], pixels from 0 to 1" ]
    | _ -> plain @ [ "# how the images were normalised is not known: an older version of ubarfs did the run" ]

let private report target (models: ExportedModel list) =
    for model in models do
        printfn "%s" (target model.Node)

    match models with
    | [] -> Exit.complain "nothing to export: the run has no such node"
    | first :: _ ->
        let nodes = models |> List.map (_.Node >> string) |> String.concat ", "
        let word = if models.Length = 1 then "node" else "nodes"
        eprintfn "%s %s; in PyTorch:\n" word nodes

        for line in python (target first.Node) first.Notes do
            eprintfn "%s" (if line = "" then "" else "    " + line)

let private export (arguments: ParseResults<ExportArguments>) : Result<unit, string> =
    result {
        let! run = runFolder (arguments.GetResult ExportArguments.Run)
        let! wanted = wanted (arguments.TryGetResult Node)
        let! folder, target = target wanted (arguments.TryGetResult ExportArguments.Out)
        let own = Path.GetFullPath(Path.Combine(run, ModelFile.name))

        let choose notes count =
            chosen wanted notes count
            |> Result.bind (fun nodes ->
                match nodes |> List.tryFind (fun node -> Path.GetFullPath(target node) = own) with
                | Some node -> Error $"'{target node}' is the run's own file: choose another with --out"
                | None ->
                    folder |> Option.iter (Directory.CreateDirectory >> ignore)
                    Ok nodes)

        RunFolder.modelDamage run
        |> Result.teeError (fun reason ->
            Exit.complain
                $"'{Path.Combine(run, RunFolder.recordName)}' cannot be read: {reason}. Whether the model is the run's own \
                  is not known")
        |> ignore

        let! models = ModelFile.export run choose target
        report target models
    }

let run (arguments: ParseResults<ExportArguments>) : int =
    match LibTorch.load (arguments.TryGetResult ExportArguments.Libtorch) with
    | Error reason -> Exit.refuse reason
    | Ok _ ->
        try
            match export arguments with
            | Ok() -> Exit.done'
            | Error reason -> Exit.refuse reason
        with
        | :? IOException
        | :? UnauthorizedAccessException as error ->
            Exit.complain $"the model cannot be written: {error.Message}"
            Exit.runFailed
