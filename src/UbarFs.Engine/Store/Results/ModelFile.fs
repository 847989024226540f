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
        /// The nodes that take part, ascending. Null, as is all that follows, in files of older versions.
        Participants: int[] | null
        /// What the images were: `channels, height, width`, their classes, and mean and deviation of each channel with
        /// pixels
        /// scaled to [0, 1].
        Dataset: string | null
        Input: int[] | null
        Classes: int
        Mean: float[] | null
        Deviation: float[] | null
    }

/// A node's model in a file of its own.
type ExportedModel = { Node: int; Notes: ModelNotes }

/// `model.safetensors` of a complete run: the final estimates of all nodes, `[n, d]`, and what they mean.
[<RequireQualifiedAccess>]
module ModelFile =

    let name = RunFolder.modelName

    let private notes (experiment: Experiment) : ModelNotes =
        let dict = StateDict.ofArchitecture experiment.Architecture
        let shape = experiment.Run.Dataset.Value.Shape

        { Module = dict.Module
          Parameters =
            [| for name, block in dict.Parameters ->
                   { Name = name; Shape = Array.ofList block.Shape; Offset = int64 block.Offset } |]
          Benign = Network.benign experiment.Network
          Participants = experiment.Participants
          Dataset = Chosen.label experiment.Run.Dataset
          Input = [| shape.Channels; shape.Height; shape.Width |]
          Classes = experiment.Run.Dataset.Value.Classes
          Mean = experiment.Samples.Mean
          Deviation = experiment.Samples.Deviation }

    /// Writes the final estimates into a run's folder.
    let write (run: string) (experiment: Experiment) (estimates: torch.Tensor) =
        let metadata =
            [ "format", "ubarfs-model-1"
              "notes", JsonSerializer.Serialize(notes experiment) ]

        Durable.write (Path.Combine(run, name)) (fun stream ->
            Safetensors.write stream metadata [ "estimates", estimates ])

    let private parameter (value: StoredValue) : ModelParameter =
        { Name = StoredValue.required "Name" StoredValue.text value
          Shape = StoredValue.required "Shape" (StoredValue.array (StoredValue.count >> int64)) value
          Offset = StoredValue.required "Offset" StoredValue.long value }

    // `count` is how many nodes there are.
    let private decode (count: int64) (value: StoredValue) : ModelNotes =
        let optional name read = StoredValue.optional name (StoredValue.array read) value |> Option.toObj

        let node value =
            match StoredValue.count value with
            | node when int64 node < count -> node
            | node -> StoreReading.fail $"it has no node {node}"

        { Module = StoredValue.required "Module" StoredValue.text value
          Parameters = StoredValue.required "Parameters" (StoredValue.array parameter) value
          Benign = StoredValue.required "Benign" (StoredValue.array node) value
          Participants = optional "Participants" node
          Dataset = StoredValue.optional "Dataset" StoredValue.text value |> Option.toObj
          Input = optional "Input" StoredValue.count
          Classes = StoredValue.optional "Classes" StoredValue.count value |> Option.defaultValue 0
          Mean = optional "Mean" StoredValue.number
          Deviation = optional "Deviation" StoredValue.number }

    let private parse (saved: NamedTensors) =
        match Map.tryFind "notes" saved.Metadata, Map.tryFind "estimates" saved.Tensors with
        | Some text, Some estimates when estimates.dim () = 2L ->
            System.Text.Encoding.UTF8.GetBytes text
            |> StoreReading.parse (decode estimates.shape[0])
            |> Result.map (fun notes -> notes, estimates)
            |> Result.mapError (fun reason -> $"its notes cannot be understood: {reason}")
        | _ -> Error "it holds no model"

    let private part (row: torch.Tensor) (parameter: ModelParameter) =
        // As a number that does not overflow.
        let length = parameter.Shape |> Array.fold (fun length side -> length * bigint side) 1I

        if parameter.Offset < 0L || bigint parameter.Offset + length > bigint (row.numel ()) then
            Error $"its parameter '{parameter.Name}' lies outside of the estimates"
        else
            Ok(parameter.Name, row.narrow(0L, parameter.Offset, int64 length).reshape parameter.Shape)

    /// What a node's file says beside the parameters: texts, lists of numbers as JSON.
    let private metadata (notes: ModelNotes) node =
        let numbers name (values: 'number[] | null) =
            values
            |> Option.ofObj
            |> Option.map (fun values -> name, JsonSerializer.Serialize values)
            |> Option.toList

        [ "format", "pt"
          "module", notes.Module
          if StateDict.hasResiduals notes.Module then
              "definitions", String.concat "\n" StateDict.residual
          "node", string node
          "byzantine", (if Array.contains node notes.Benign then "false" else "true")
          yield! notes.Dataset |> Option.ofObj |> Option.map (fun name -> "dataset", name) |> Option.toList
          yield! numbers "input" notes.Input
          yield! numbers "mean" notes.Mean
          yield! numbers "deviation" notes.Deviation ]

    let private parameters (notes: ModelNotes) (estimates: torch.Tensor) (node: int) =
        notes.Parameters |> List.ofArray |> List.traverseResultM (part estimates[int64 node])

    /// Trained models out of a run's folder, each written as a safetensors file with the names of PyTorch's `state_dict`,
    /// what the images were, and how they were normalised. `choose` makes the nodes of what the file says of itself and how
    /// many there are, and `target` the file of a node. Gives the nodes in order; the error says what to do.
    let export
        (run: string)
        (choose: ModelNotes -> int -> Result<int list, string>)
        (target: int -> string)
        : Result<ExportedModel list, string> =
        use _ = torch.NewDisposeScope()
        let file = Path.Combine(run, name)
        let prefixed result = result |> Result.mapError (fun reason -> $"'{file}' cannot be used: {reason}")

        result {
            if not (File.Exists file) then
                return!
                    Error
                        $"there is no '{file}'. A run has one when it is complete, unless it was done with --no-models: \
                          'results.csv' beside the runs' folders says which are"

            match RunFolder.modelDamage run with
            | Ok(Some reason) -> return! Error reason |> prefixed
            | _ -> ()

            let! saved = Safetensors.read file |> prefixed
            let! notes, estimates = parse saved |> prefixed
            let! nodes = choose notes (int estimates.shape[0])

            for node in nodes do
                let! parameters = parameters notes estimates node |> prefixed

                Durable.write (target node) (fun stream -> Safetensors.write stream (metadata notes node) parameters)

            return [ for node in nodes -> { Node = node; Notes = notes } ]
        }
