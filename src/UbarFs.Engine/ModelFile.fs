namespace UbarFs.Engine

open System.IO
open System.Text.Json
open FsToolkit.ErrorHandling
open TorchSharp
open UbarFs.Core

/// A parameter of a model, as `state_dict` names it, and its first place in a node's row.
type ModelParameter = { Name: string; Shape: int64[]; Offset: int64 }

/// What a `model.safetensors` says beside the estimates.
type ModelNotes =
    {
        /// The Python expression that makes the module.
        Module: string
        Parameters: ModelParameter[]
        /// The benign nodes, ascending.
        Benign: int[]
    }

/// `model.safetensors` of a complete run: the final estimates of all nodes, `[n, d]`, and what they mean.
[<RequireQualifiedAccess>]
module ModelFile =

    let private name = "model.safetensors"

    let private notes (experiment: Experiment) : ModelNotes =
        let dict = StateDict.ofArchitecture experiment.Architecture

        { Module = dict.Module
          Parameters =
            [| for name, block in dict.Parameters ->
                   { Name = name; Shape = Array.ofList block.Shape; Offset = int64 block.Offset } |]
          Benign = Network.benign experiment.Network }

    /// Writes the final estimates into a run's folder.
    let write (run: string) (experiment: Experiment) (estimates: torch.Tensor) =
        let metadata =
            [ "format", "ubarfs-model-1"
              "notes", JsonSerializer.Serialize(notes experiment) ]

        Durable.write (Path.Combine(run, name)) (fun stream ->
            Safetensors.write stream metadata [ "estimates", estimates ])

    let private parse (saved: NamedTensors) =
        try
            match Map.tryFind "notes" saved.Metadata, Map.tryFind "estimates" saved.Tensors with
            | Some text, Some estimates when estimates.dim () = 2L ->
                match JsonSerializer.Deserialize<ModelNotes>(text) |> Option.ofObj with
                | Some notes when not (isNull (box notes.Benign) || isNull (box notes.Parameters)) ->
                    Ok(notes, estimates)
                | _ -> Error "its notes are not whole"
            | _ -> Error "it holds no model"
        with :? JsonException ->
            Error "its notes cannot be understood"

    let private part (row: torch.Tensor) (parameter: ModelParameter) =
        let length = Array.fold (*) 1L parameter.Shape

        if parameter.Offset < 0L || length < 0L || parameter.Offset + length > row.numel () then
            Error $"its parameter '{parameter.Name}' lies outside of the estimates"
        else
            Ok(parameter.Name, row.narrow(0L, parameter.Offset, length).reshape parameter.Shape)

    /// A node's trained model out of a run's folder, written as a safetensors file with the names of PyTorch's
    /// `state_dict`: of this node, or of the first benign one. Gives the node and the expression of the module; the error
    /// says what to do.
    let export (run: string) (node: int option) (target: string) : Result<int * string, string> =
        use _ = torch.NewDisposeScope()
        let file = Path.Combine(run, name)
        let prefixed result = result |> Result.mapError (fun reason -> $"'{file}' cannot be used: {reason}")

        result {
            if not (File.Exists file) then
                return!
                    Error
                        $"there is no '{file}'. A run has one when it is complete, unless it was done with --no-models: \
                          'results.csv' beside the runs' folders says which are"

            let! saved = Safetensors.read file |> prefixed
            let! notes, estimates = parse saved |> prefixed
            let nodes = int estimates.shape[0]
            let node = node |> Option.orElse (Array.tryHead notes.Benign) |> Option.defaultValue 0

            if node < 0 || node >= nodes then
                return! Error $"there is no node {node}: the run has the nodes 0 to {nodes - 1}"

            let row = estimates[int64 node]
            let! parameters = notes.Parameters |> List.ofArray |> List.traverseResultM (part row) |> prefixed
            let metadata = [ "format", "pt"; "module", notes.Module; "node", string node ]
            Durable.write target (fun stream -> Safetensors.write stream metadata parameters)
            return node, notes.Module
        }
