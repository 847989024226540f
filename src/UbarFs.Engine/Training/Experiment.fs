namespace UbarFs.Engine

open FsToolkit.ErrorHandling
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// The Byzantine nodes, ascending, that follow one behaviour.
type Faction = { Behaviour: Behaviour; Nodes: int[] }

/// A run with everything laid out that does not change while it trains.
type Experiment =
    {
        Run: Run
        Schedule: Schedule
        Architecture: Architecture
        Network: Network
        Samples: Samples
        /// For each node the training images that it has.
        Shares: int[][]
        /// For each node whose batches it draws: its own, unless a server has groups repeat each other's work.
        BatchOf: int[]
        /// For each node whose batches it computes signs of; none where it sends directions.
        Parts: int[][] option
        /// The training images that nobody has, ascending: settings are chosen by them.
        HeldOut: int[]
        /// The nodes that take part, ascending: all, or only the benign ones when the others are absent.
        Participants: int[]
        /// The Byzantine nodes that take part, by what they do.
        Factions: Faction list
        /// Whether all nodes are computed at once in operations of libtorch, as a GPU wants them, or one by one on
        /// the workers.
        AllAtOnce: bool
    }

    /// What can be asked of rows of estimates.
    member experiment.Rows =
        if experiment.AllAtOnce then
            RowOperations.Device
        else
            RowOperations.Host

[<RequireQualifiedAccess>]
module Experiment =

    /// The network of the run's seed; fails if none can be drawn.
    let drawNetwork (run: Run) : Result<Network, string> =
        let random = Random.shared run.Seed Purpose.Topology

        if Protocol.isCentral run.Protocol.Value then
            Topology.served run.Network.Demand random
        else
            Topology.draw run.Network.Demand random run.Network.Topology.Value

    // Byzantine nodes take turns with the behaviours, in ascending order.
    let private assign (behaviours: Behaviour list) network : Faction list =
        let byzantine =
            [| for node in 0 .. Network.size network - 1 do
                   if network.Byzantine[node] then
                       node |]

        behaviours
        |> List.mapi (fun turn behaviour ->
            { Behaviour = behaviour
              Nodes = [| for position in turn .. behaviours.Length .. byzantine.Length - 1 -> byzantine[position] |] })
        |> List.filter (fun faction -> faction.Nodes.Length > 0)

    /// The network, the nodes that take part and the Byzantine ones' behaviours under some attacks that can be mixed.
    let private populate (attacks: Chosen<Attack> list) network =
        let behaviours =
            attacks
            |> List.choose (fun attack ->
                match attack.Value with
                | Attack.Absent -> None
                | Attack.Present behaviour -> Some behaviour)

        match behaviours with
        // Without them the network has the same benign edges, and the others the same data.
        | [] -> Ok(Network.withoutByzantine network, Network.benign network, [])
        | behaviours ->
            let factions = assign behaviours network

            match factions |> List.tryPick (fun faction -> faction.Behaviour.Objection network faction.Nodes) with
            | Some reason -> Error reason
            | None -> Ok(network, Network.workers network, factions)

    /// The numbers of a server's images among so many, ascending.
    let private rootOf (run: Run) images : Result<int[], string> =
        match Protocol.root run.Protocol.Value with
        | 0 -> Ok [||]
        | root when root < images -> Ok(Random.distinct (Random.shared run.Seed Purpose.Root) root images)
        | root -> Error $"the server cannot have {root} of {images} training images: nothing is left for the nodes"

    /// The training images of so many that a run holds out, ascending; the error is in the user's words.
    let heldOut (run: Run) (images: int) : Result<int[], string> =
        match Run.heldOut run images with
        | 0 -> Ok [||]
        | count when count >= images ->
            Error $"measure.validation holds {count} images out, and the dataset has {images} for training"
        | count -> Ok(Random.distinct (Random.shared run.Seed Purpose.Validation) count images)

    // The shares of images with these labels, by their places among them.
    let private divide (labels: int[]) (run: Run) (network: Network) : Result<int[][], string> =
        let holders =
            match run.Holders with
            | DataHolders.All -> Network.workers network
            | DataHolders.Benign -> Network.benign network

        // Groups of nodes that repeat each other's work have one share, whoever holds it.
        let groups =
            match run.Rule.Value.Central with
            | Some(Allocation.Groups size) ->
                Network.workers network |> Array.groupBy (fun node -> node / size) |> Array.map snd
            | _ -> holders |> Array.map Array.singleton

        run.Partition.Value.Divide
            { Labels = labels
              Classes = run.Dataset.Value.Classes
              Nodes = groups.Length
              Least = run.LeastShare
              Batch = run.Training.Batch
              Random = Random.shared run.Seed Purpose.Partition }
        |> Result.mapError (fun reason -> $"the partition '{run.Partition.Name}' cannot be made: {reason}")
        |> Result.map (fun held ->
            let shares = Array.create (Network.size network) [||]
            Array.iter2 (fun group share -> group |> Array.iter (fun holder -> shares[holder] <- share)) groups held
            shares)

    /// What every node of a drawn network has of the training images with these labels: their numbers. Nodes that hold no
    /// data have none. What is held out and a server's images are taken out first.
    let shares (labels: int[]) (run: Run) (network: Network) : Result<int[][], string> =
        result {
            let! heldOut = heldOut run labels.Length
            let kept = Array.except heldOut [| 0 .. labels.Length - 1 |]
            let! root = rootOf run kept.Length
            let root = root |> Array.map (fun place -> kept[place])
            let left = Array.except root kept
            let! shares = divide (left |> Array.map (fun image -> labels[image])) run network
            let shares = shares |> Array.map (Array.map (fun place -> left[place]))
            network.Server |> Option.iter (fun server -> shares[server] <- root)
            return shares
        }

    /// The network that a run trains on, and the nodes that take part.
    let network (run: Run) : Result<Network * int[], string> =
        result {
            let! drawn = drawNetwork run
            let! attacks = Run.mixed run.Attacks
            let! network, participants, _ = populate attacks drawn
            return network, participants
        }

    /// Whether every node of a network that takes part can aggregate by the run's rule; the reason if one cannot.
    let fitsRule (run: Run) (network: Network, participants: int[]) : Result<unit, string> =
        let refused objection node =
            objection (Headcount.inNetwork run.Network.BenignRatio network node)
            |> Option.map (fun reason -> $"node {node} cannot aggregate by '{run.Rule.Name}': {reason}")

        match
            run.Rule.Value.Objection
            |> Option.bind (fun objection ->
                Network.aggregators network participants |> Seq.tryPick (refused objection))
        with
        | Some reason -> Error reason
        | None -> Ok()

    // Whose batches each node draws.
    let private batchOf (run: Run) (network: Network) =
        match run.Rule.Value.Central with
        | Some(Allocation.Groups size) ->
            Array.init (Network.size network) (fun node ->
                if network.Server = Some node then
                    node
                else
                    node / size * size)
        | _ -> Array.init (Network.size network) id

    // Whose batches each node computes signs of: a Bernoulli allocation, drawn once.
    let private parts (run: Run) nodes (participants: int[]) =
        match run.Rule.Value.Central with
        | Some(Allocation.Signs chance) ->
            let draw node =
                let random = Random.stream run.Seed Purpose.Allocation node 0L
                participants |> Array.filter (fun other -> random.NextDouble() < chance || other = node)

            Some(Array.init nodes draw)
        | _ -> None

    // Scenarios are refused where they stand; a run may also be put together by code.
    let private fitsProtocol (run: Run) : Result<unit, string> =
        match Protocols.refusal run.Protocol.Value run.Rule.Value with
        | Some(reason, _) -> Error $"'{run.Rule.Name}' is not defined under '{run.Protocol.Name}': {reason}"
        | None ->
            match Protocols.contradiction run.Training run.Rule.Value with
            | Some reason -> Error $"'{run.Rule.Name}' does not fit: {reason}"
            | None -> Ok()
    // Why a backdoor does not fit the images.
    let private fitsImages (run: Run) : Result<unit, string> =
        let dataset = run.Dataset.Value

        match Run.poison run |> Option.bind (Poison.misfit dataset.Shape dataset.Classes) with
        | Some reason -> Error $"the backdoor does not fit: {reason}"
        | None -> Ok()

    /// Lays a run out. Fails, in the user's words, if its model does not fit the images, no network can be drawn, or
    /// the rule or the attacks do not fit it, or the attacks each other.
    let create (samples: Samples) (run: Run) : Result<Experiment, string> =
        result {
            let! architecture = Architecture.create run.Dataset.Value.Shape run.Dataset.Value.Classes run.Model.Value
            let! drawn = drawNetwork run
            let! attacks = Run.mixed run.Attacks
            let! network, participants, factions = populate attacks drawn
            do! fitsProtocol run
            do! fitsRule run (network, participants)
            do! fitsImages run
            let! heldOut = heldOut run samples.Labels.Length
            let! shares = shares samples.Labels run drawn

            return
                { Run = run
                  Schedule = Schedule.create run
                  Architecture = architecture
                  Network = network
                  Samples = samples
                  Shares = shares
                  BatchOf = batchOf run network
                  Parts = parts run (Network.size network) participants
                  HeldOut = heldOut
                  Participants = participants
                  Factions = factions
                  AllAtOnce = samples.Images.device_type <> DeviceType.CPU }
        }

    let private behaviourOf (experiment: Experiment) (node: int) =
        experiment.Factions
        |> List.tryFind (fun faction -> System.Array.BinarySearch(faction.Nodes, node) >= 0)
        |> Option.map _.Behaviour

    // What a node does to what it trains on in a step: nothing, unless its attack is active.
    let private tampering (experiment: Experiment) step node : Behaviour option =
        behaviourOf experiment node
        |> Option.filter (Attack.isActive (Schedule.epochOfStep experiment.Schedule step))

    /// The places in a node's mini-batch of a step that are poisoned, and with what; the batch has so many images.
    let poisoned (experiment: Experiment) (step: int64) node images : (Poison * int[]) option =
        tampering experiment step node
        |> Option.bind _.Poison
        |> Option.map (fun poison ->
            poison, Poison.places (Random.stream experiment.Run.Seed Purpose.Poison node step) images poison)

    /// The training images in the mini-batch of a node in a step, and the labels that the node trains on. With τ local
    /// steps, those of iteration k are the steps from k·τ on, and ξ_{k,i} is the first one's batch.
    let drawn (experiment: Experiment) (step: int64) node : int[] * int[] =
        let run, source = experiment.Run, experiment.BatchOf[node]
        let share, training = experiment.Shares[source], run.Training

        let positions =
            Batches.positions run.Seed training.LastBatch training.Batch source share.Length step
            |> Array.map (fun position -> share[position])

        let seen =
            match tampering experiment step node with
            | Some behaviour -> behaviour.Label run.Dataset.Value.Classes
            | None -> id

        let labels = positions |> Array.map (fun position -> seen experiment.Samples.Labels[position])

        match poisoned experiment step node positions.Length with
        | Some(poison, places) ->
            for place in places do
                labels[place] <- poison.Target
        | None -> ()

        positions, labels

    /// What dropout leaves out of a node's passes in a step: whoever repeats another one's work draws as that one does.
    let draws (experiment: Experiment) node (step: int64) =
        Draws.ofStep experiment.Run.Seed experiment.BatchOf[node] step

    /// The mini-batch of a node in a step, with what dropout leaves out of its passes.
    let batch (experiment: Experiment) step node : Batch =
        let images = experiment.Samples.Images
        let positions, labels = drawn experiment step node
        use indices = Transfers.Send(positions, images.device)
        let images = images.index_select (0L, indices)

        match poisoned experiment step node positions.Length with
        | Some(poison, places) -> Poisoning.stamp experiment.Samples poison.Trigger places images
        | None -> ()

        { Images = Forward.laidOut experiment.Architecture images
          Labels = Transfers.Send(labels, images.device)
          Draws = Some(draws experiment node step) }
