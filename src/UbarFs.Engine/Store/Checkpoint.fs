namespace UbarFs.Engine

open System
open System.IO
open System.Text.Json
open FsToolkit.ErrorHandling
open TorchSharp
open UbarFs.Core

/// What is kept of a run between two iterations, so that it can go on as if it had never stopped.
type Checkpoint =
    {
        Midway: Midway
        /// Processor time of the iterations so far.
        CpuSeconds: float
    }

/// What stands beside the tensors of a checkpoint.
type CheckpointNotes =
    {
        Iteration: int
        Selections: Selections
        Times: PhaseTimes
        Elapsed: float
        CpuSeconds: float
        /// Memories that are the same tensor as an earlier one.
        Same: Map<string, string>
        /// Strides of tensors that are not laid out in the usual order, which their sums can depend on.
        Strides: Map<string, int64[]>
    }

/// The checkpoints of a run: files `checkpoint/ITERATION.safetensors` in its folder, the two newest of which are kept.
/// Each holds the estimates, what rule and attack remember, and what the files that grow with a run held by then.
[<RequireQualifiedAccess>]
module Checkpoint =

    let private format = "ubarfs-checkpoint-1"
    let private generations = 2
    let private extension = ".safetensors"
    let private growing = [ MetricsFile.name; NodesFile.name ]

    let private json =
        JsonSerializerOptions(NumberHandling = Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals)

    let private folderOf run = Path.Combine(run, "checkpoint")

    /// The files of a run's checkpoints, newest first.
    let private files run : string list =
        if Directory.Exists(folderOf run) then
            Directory.EnumerateFiles(folderOf run, $"*{extension}") |> Seq.sortDescending |> List.ofSeq
        else
            []

    let private memories kind (memories: Memory[]) =
        [ for node in 0 .. memories.Length - 1 do
              for entry in memories[node] do
                  $"{kind}/{node}/{entry.Key}", entry.Value ]

    /// Every tensor once, and for the names that repeat one, which.
    let private distinct (named: (string * torch.Tensor) list) =
        let first = Collections.Generic.Dictionary<torch.Tensor, string>(HashIdentity.Reference)
        let tensors, same = named |> List.partition (fun (name, tensor) -> first.TryAdd(tensor, name))
        tensors, same |> List.map (fun (name, tensor) -> name, first[tensor]) |> Map.ofList

    let private contents run =
        [ for name in growing do
              match Durable.tryRead Int32.MaxValue (Path.Combine(run, name)) with
              | Some bytes -> $"file/{name}", torch.tensor bytes
              | None -> () ]

    let private strides (tensors: (string * torch.Tensor) list) =
        tensors
        |> List.filter (fun (_, tensor) -> not (tensor.is_contiguous ()))
        |> List.map (fun (name, tensor) -> name, tensor.stride ())
        |> Map.ofList

    let private directions (state: State) =
        state.Directions |> Option.map (fun tensor -> "directions", tensor) |> Option.toList

    /// Saves a checkpoint into a run's folder, and drops the older of the two that were there.
    let save (run: string) (id: string) (checkpoint: Checkpoint) =
        use scope = torch.NewDisposeScope()
        let midway = checkpoint.Midway
        let state = midway.State

        let tensors, same =
            distinct (memories "rule" state.RuleMemories @ memories "attack" state.AttackMemories)

        let notes =
            { Iteration = state.Iteration
              Selections = midway.Selections.Value
              Times = midway.Times
              Elapsed = midway.Elapsed
              CpuSeconds = checkpoint.CpuSeconds
              Same = same
              Strides = strides tensors }

        let metadata = [ "format", format; "run", id; "notes", JsonSerializer.Serialize(notes, json) ]
        Directory.CreateDirectory(folderOf run) |> ignore

        Durable.write (Path.Combine(folderOf run, $"{state.Iteration:D10}{extension}")) (fun stream ->
            Safetensors.write
                stream
                metadata
                (("estimates", state.Estimates) :: directions state @ tensors @ contents run))

        files run |> List.skip (min generations (files run).Length) |> List.iter File.Delete

    let private parseNotes (saved: NamedTensors) id =
        let text name = Map.tryFind name saved.Metadata |> Option.defaultValue ""

        try
            if text "format" <> format || text "run" <> id then
                Error "it is of another run or another version of the program"
            else
                match JsonSerializer.Deserialize<CheckpointNotes>(text "notes", json) |> Option.ofObj with
                | Some notes when
                    not (List.exists isNull [ box notes.Same; notes.Strides; notes.Selections; notes.Times ])
                    ->
                    Ok notes
                | _ -> Error "its notes are not whole"
        with
        | :? JsonException
        | :? InvalidOperationException
        | :? NotSupportedException -> Error "its notes cannot be understood"

    let private laidOut (notes: CheckpointNotes) name (tensor: torch.Tensor) =
        match Map.tryFind name notes.Strides with
        | Some strides -> torch.empty_strided(tensor.shape, strides, tensor.dtype, tensor.device).copy_ tensor
        | None -> tensor

    let private memory (tensors: Map<string, torch.Tensor>) kind node : Memory =
        let prefix = $"{kind}/{node}/"

        tensors
        |> Seq.filter (fun entry -> entry.Key.StartsWith(prefix, StringComparison.Ordinal))
        |> Seq.map (fun entry -> entry.Key.Substring prefix.Length, entry.Value)
        |> Map.ofSeq

    let private restored (experiment: Experiment) (saved: NamedTensors) (notes: CheckpointNotes) =
        let nodes, device = Network.size experiment.Network, experiment.Samples.Images.device
        let shape = [| int64 nodes; int64 experiment.Architecture.Dimension |]
        let tensors = saved.Tensors |> Map.map (fun name tensor -> (laidOut notes name tensor).``to`` device)

        let directions = Map.tryFind "directions" tensors

        let isRemembered =
            directions.IsSome = experiment.Run.Training.Momentum.IsSome
            && directions |> Option.forall (fun directions -> directions.shape = shape)

        match Map.tryFind "estimates" tensors with
        | Some estimates when
            estimates.shape = shape
            && isRemembered
            && notes.Iteration > 0
            && notes.Iteration < experiment.Schedule.Iterations
            && notes.Same |> Map.forall (fun _ first -> tensors.ContainsKey first)
            ->
            let all =
                Map.fold (fun tensors name first -> Map.add name (Map.find first tensors) tensors) tensors notes.Same

            let memories kind = Array.init nodes (memory all kind)

            Ok
                { Midway =
                    { State =
                        { Iteration = notes.Iteration
                          Estimates = estimates
                          Directions = directions
                          RuleMemories = memories "rule"
                          AttackMemories = memories "attack" }
                      Selections = lazy notes.Selections
                      Times = notes.Times
                      Elapsed = notes.Elapsed }
                  CpuSeconds = notes.CpuSeconds }
        | _ -> Error "its estimates are not those of this run"

    // What torch refuses, such as strides that lead out of a tensor, was not written here.
    let private tryRestored experiment saved notes =
        try
            restored experiment saved notes
        with :? Runtime.InteropServices.ExternalException as error ->
            Error $"its tensors are not as they should be: {Visible.line error.Message}"

    // Only files of names known here are written, whatever names the checkpoint has.
    let private bringBack run (saved: NamedTensors) =
        for name in growing do
            match Map.tryFind $"file/{name}" saved.Tensors with
            | Some bytes -> Durable.writeBytes (Path.Combine(run, name)) (bytes.flatten().data<byte>().ToArray())
            | None -> File.Delete(Path.Combine(run, name))

    let private tryRestore run id experiment file =
        use _ = torch.NewDisposeScope()

        result {
            let! saved = Safetensors.read file
            let! notes = parseNotes saved id
            let! checkpoint = tryRestored experiment saved notes
            bringBack run saved
            let state = checkpoint.Midway.State

            for tensor in
                Seq.append state.RuleMemories state.AttackMemories
                |> Seq.collect _.Values
                |> Seq.append (state.Estimates :: Option.toList state.Directions)
                |> Seq.distinctBy _.Handle do
                tensor.MoveToOuterDisposeScope() |> ignore

            return checkpoint
        }

    /// The newest checkpoint of a run that is whole, with the run's files as they were then; its tensors belong to the
    /// caller's dispose scope. `tell` hears of those that are damaged, which are removed.
    let latest (tell: string -> unit) (run: string) (id: string) (experiment: Experiment) : Checkpoint option =
        let rec first files =
            match files with
            | [] -> None
            | (file: string) :: older ->
                match tryRestore run id experiment file with
                | Ok checkpoint -> Some checkpoint
                | Error reason ->
                    let next =
                        if List.isEmpty older then
                            "the run starts anew"
                        else
                            "the one before it is tried"

                    tell $"the checkpoint {Path.GetFileName file} cannot be used, {reason}: {next}"
                    File.Delete file
                    first older

        if Directory.Exists(folderOf run) then
            Durable.sweep (folderOf run)

        first (files run)

    /// Whether a run has any.
    let exists (run: string) = Directory.Exists(folderOf run)

    /// Removes all checkpoints of a run.
    let discard (run: string) =
        if exists run then
            Directory.Delete(folderOf run, true)
