namespace UbarFs.Engine

open System
open System.Collections.Generic
open System.Diagnostics
open System.IO
open System.Text.Json
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels

/// What a run's time grows with.
type Load =
    {
        /// Nodes that take part.
        Nodes: int
        Benign: int
        /// Σ |N_i|: estimates received in an iteration.
        Received: float
        /// Σ |N_i|²: pairs of them.
        Pairs: float
        Batch: int
        /// Images of an evaluation.
        Images: int
        Dimension: int
    }

[<RequireQualifiedAccess>]
module Load =

    /// The load of a run on a network, of whose nodes some take part.
    let ofNetwork (run: Run) dimension (participants: int[]) (network: Network) =
        let degrees =
            Network.aggregators network participants
            |> Array.map (fun node -> float network.Neighbours[node].Length)

        let byzantine = participants |> Seq.filter (fun node -> network.Byzantine[node]) |> Seq.length

        { Nodes = participants.Length
          // A server's estimate is looked at once for all.
          Benign =
            if network.Server.IsSome then
                1
            else
                participants.Length - byzantine
          Received = Array.sum degrees
          Pairs = degrees |> Array.sumBy (fun degree -> degree * degree)
          Batch = run.Training.Batch
          Images = Run.testImages run + Run.heldOut run run.Dataset.Value.TrainingSize
          Dimension = dimension }

/// Seconds of one iteration by phase, and of one evaluation, under a load.
type Costs =
    {
        Load: Load
        Training: float
        Attack: float
        /// Without the losses that the rule asks for.
        Aggregation: float
        Losses: float
        Update: float
        Evaluation: float
    }

    member costs.Iteration = costs.Training + costs.Attack + costs.Aggregation + costs.Losses + costs.Update

/// Times of runs from those of small ones: each phase grows with its part of the load.
[<RequireQualifiedAccess>]
module Costs =

    // The rule is measured with as many neighbours as are usual, and all that grows with images on few of them.
    let private benign, private byzantine, private largestBatch, private testImages = 8, 4, 32, 64

    let private ratio (part: float) (whole: float) = if whole > 0.0 then part / whole else 0.0

    /// The costs under another load. `pairs`: whether the rule's time grows with the pairs of neighbours.
    let under (load: Load) pairs (costs: Costs) : Costs =
        let known = costs.Load
        let nodes = ratio (float load.Nodes) (float known.Nodes)
        let width = ratio (float load.Dimension) (float known.Dimension)
        let batch = ratio (float load.Batch) (float known.Batch)
        let received = ratio load.Received known.Received
        let combined = if pairs then ratio load.Pairs known.Pairs else received
        let images = ratio (float load.Images) (float known.Images)

        { Load = load
          Training = costs.Training * nodes * batch * width
          Attack = costs.Attack * received * width
          Aggregation = costs.Aggregation * combined * width
          Losses = costs.Losses * received * batch * width
          Update = costs.Update * nodes * width
          Evaluation = costs.Evaluation * images * width * ratio (float load.Benign) (float known.Benign) }

    let private complete = Catalogue.topologies |> List.find (fun topology -> topology.Name = "complete")
    let private iid = Catalogue.partitions |> List.find (fun partition -> partition.Name = "iid")
    let private none = Catalogue.attacks |> List.find (fun attack -> attack.Name = "none")

    /// A small run that has the model, the rule and the attack of another one.
    let private miniature (run: Run) : Run =
        let isAttacked =
            run.Network.Byzantine > 0 && run.Attacks |> List.forall (fun attack -> not attack.Value.IsAbsent)

        let byzantine = if isAttacked then byzantine else 0
        let batch = min largestBatch run.Training.Batch

        let root = min batch (Protocol.root run.Protocol.Value)

        { run with
            Dataset.Value.TrainingSize = (benign + byzantine) * batch + root
            Protocol.Value =
                match run.Protocol.Value with
                | Protocol.Server _ -> Protocol.Server root
                | other -> other
            Dataset.Value.TestSize = testImages
            Partition = Component.choose Map.empty iid
            Holders = DataHolders.All
            LeastShare = None
            TestImages = None
            Validation = None
            Attacks =
                if isAttacked then
                    run.Attacks
                else
                    [ Component.choose Map.empty none ]
            Training.Batch = batch
            Network =
                { Topology = Component.choose Map.empty complete
                  Benign = benign
                  ByzantineRatio = float byzantine / float (benign + byzantine)
                  BenignRatio = run.Network.BenignRatio
                  EnforceBenignRatio = false
                  Placement = Placement.Random
                  Weights = MixingWeights.Equal } }

    // Linux counts the processor's time of a process in steps of this.
    let private processorTick = 0.01

    let private processorSeconds () =
        use self = Process.GetCurrentProcess()
        self.TotalProcessorTime.TotalSeconds

    // The best of so many: others have the processor now and then.
    let private repetitions = 2

    let private measureIn device (run: Run) : Result<Costs, string> =
        use scope = torch.NewDisposeScope()
        let samples = Samples.random device run.Dataset.Value run.Dataset.Value.TrainingSize testImages
        let count = int samples.Images.shape[0]

        Experiment.create samples run
        |> Result.map (fun experiment ->
            let experiment =
                { experiment with
                    Shares = experiment.Shares |> Array.map (Array.map (fun image -> image % count)) }

            let start = Simulation.start experiment
            let iterate () = (Simulation.iterate experiment start).Times
            // The first pays for warming up.
            iterate () |> ignore
            let whole, used = Stopwatch.StartNew(), processorSeconds ()

            let times =
                Seq.init repetitions (fun _ -> iterate ())
                |> Seq.minBy (fun times -> times.Training + times.Aggregation)

            let evaluate () =
                let clock = Stopwatch.StartNew()
                Simulation.evaluate experiment start.Estimates |> ignore
                clock.Elapsed.TotalSeconds

            let evaluation = Seq.init repetitions (fun _ -> evaluate ()) |> Seq.min

            // Some thread always works: where the processor's time is less than the clock's, others had the rest.
            let undisturbed =
                min 1.0 (ratio (processorSeconds () - used + processorTick) whole.Elapsed.TotalSeconds)

            let load =
                Load.ofNetwork run experiment.Architecture.Dimension experiment.Participants experiment.Network

            { Load = { load with Images = int samples.Test.Head.Labels.shape[0] }
              Training = undisturbed * times.Training
              Attack = undisturbed * times.Attack
              Aggregation = undisturbed * max 0.0 (times.Aggregation - times.Losses)
              Losses = undisturbed * times.Losses
              Update = undisturbed * times.Update
              Evaluation = undisturbed * evaluation })

    /// Measures a small run that is like another one. An attack that does not fit the small network counts nothing.
    let measure device (run: Run) : Result<Costs, string> =
        let small = miniature run

        match measureIn device small with
        | Ok costs -> Ok costs
        | Error _ -> measureIn device (miniature { small with Network.ByzantineRatio = 0.0 })

/// Costs that were measured on this machine, kept in a file of the user's cache, so that each is measured once.
type CostBook(file: string option, device: torch.Device, limit: TimeSpan) =

    let machine = $"{Environment.MachineName} {device} {Workers.Count} {Identity.code}"
    let known = Dictionary<string, Costs>()
    let clock = Stopwatch()
    let mutable isChanged = false

    do
        match file |> Option.filter File.Exists with
        | Some file ->
            try
                match
                    JsonSerializer.Deserialize<Dictionary<string, Dictionary<string, Costs>>>(File.ReadAllText file)
                with
                | null -> ()
                | machines ->
                    match machines.TryGetValue machine with
                    | true, costs ->
                        for pair in costs do
                            known[pair.Key] <- pair.Value
                    | false, _ -> ()
            with
            // What cannot be read is measured again.
            | :? IOException
            | :? UnauthorizedAccessException
            | :? JsonException
            | :? NotSupportedException -> ()
        | None -> ()

    let warmed = HashSet<string>()

    let task (run: Run) =
        let training = run.Training

        let direction =
            if Directions.isPlain training then
                ""
            else
                $" {training.LocalSteps} {training.Momentum} {training.GradientClip} {training.WeightDecay > 0.0}"

        $"{run.Dataset.Value.Shape} {Chosen.canonical run.Model} {training.Loss}{direction}"

    let prints (chosen: Chosen<'value>) =
        Chosen.canonical chosen + (Chosen.fingerprint chosen |> Option.defaultValue "")

    let parts (run: Run) =
        [ task run
          prints run.Rule
          run.Attacks |> List.map prints |> String.concat " " ]

    let key (run: Run) = String.concat "; " (parts run)

    // The closest relative: the same model before all, then the same rule, then the same attack.
    let relative run =
        let score (pair: KeyValuePair<string, Costs>) =
            List.zip (parts run) [ 4; 2; 1 ]
            |> List.sumBy (fun (part, worth) -> if pair.Key.Contains part then worth else 0)

        if known.Count = 0 then
            None
        else
            Some (known |> Seq.maxBy score).Value

    /// The costs of a small run like this one: measured, or those of the closest one that is known, once measuring has
    /// taken long enough.
    member _.Find(run: Run) : Result<Costs, string> =
        match known.TryGetValue(key run), relative run with
        | (true, costs), _ -> Ok costs
        | (false, _), Some costs when clock.Elapsed > limit -> Ok costs
        | (false, _), _ ->
            // The first passes of a model pay for what is compiled and allocated once.
            if warmed.Add(task run) then
                Costs.measure device run |> ignore

            clock.Start()
            let measured = Costs.measure device run
            clock.Stop()

            measured
            |> Result.map (fun costs ->
                known[key run] <- costs
                isChanged <- true
                costs)

    /// Keeps what was measured. A cache that cannot be written is none.
    member _.Save() =
        match file with
        | Some file when isChanged ->
            try
                Directory.CreateDirectory(Path.GetDirectoryName file |> string) |> ignore
                let machines = Dictionary [ KeyValuePair(machine, known) ]
                let draft = $"{file}.{Environment.ProcessId}.tmp"
                File.WriteAllText(draft, JsonSerializer.Serialize machines)
                File.Move(draft, file, true)
            with
            | :? IOException
            | :? UnauthorizedAccessException -> ()
        | _ -> ()
