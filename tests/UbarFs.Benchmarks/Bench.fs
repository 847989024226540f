/// What is measured: a network of the paper's CNNs on random images.
module UbarFs.Benchmarks.Bench

open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Kernels.Estimates
open UbarFs.Scenario

let choose arguments name (components: Component<'value> list) =
    components |> List.find (fun entry -> entry.Name = name) |> Component.choose (Map.ofList arguments)

/// n benign nodes that learn with a rule.
let private study dataset model batch nodes rule topology arguments : Run =
    { Scenario = "benchmark"
      Seed = 2022L
      Settings = []
      Swept = []
      Dataset = choose [] dataset Catalogue.datasets
      Partition = choose [] "iid" Catalogue.partitions
      Holders = DataHolders.All
      LeastShare = None
      Model = choose [] model Catalogue.models
      Network =
        { Topology = choose arguments topology Catalogue.topologies
          Benign = nodes
          ByzantineRatio = 0.0
          Placement = Placement.Random
          Weights = MixingWeights.Equal
          BenignRatio = 0.4
          EnforceBenignRatio = true }
      Training =
        { Batch = batch
          Length = Duration.Iterations 1000
          Rate = { Initial = 0.05; Decay = Decay.Fading 20.0 }
          Warmup = None
          Momentum = None
          WeightDecay = 0.0
          GradientClip = None
          LocalSteps = 1
          LastBatch = LastBatch.Drop
          Start = Start.Own
          Loss = Loss.CrossEntropy }
      Protocol = choose [] "gossip" Catalogue.protocols
      Rule = choose [] rule Catalogue.rules
      Attacks = [ choose [] "none" Catalogue.attacks ]
      Every = Duration.Iterations 1000
      TestImages = None
      Validation = None
      Averaged = false }

/// The paper's CNN on CIFAR-10 with its batches of 256: n nodes, a rule, and a topology with its settings.
let run nodes rule topology arguments = study "cifar10" "cnn" 256 nodes rule topology arguments

/// A network of neurons on MNIST with batches of 32: n nodes with so many neighbours each, and UBAR.
let small nodes neighbours =
    study "mnist" "mlp" 32 nodes "ubar" "k-regular" [ "k", Value.Whole(int64 neighbours) ]

let private gaussian (shape: int64 list) =
    let numbers = Array.zeroCreate<float32>(int (List.fold (*) 1L shape))
    (Random.shared 1L Purpose.Attack).FillGaussian numbers
    torch.tensor(numbers).view(Array.ofList shape)

/// The run on so many random images.
let experiment images (run: Run) : Experiment =
    let shape = run.Dataset.Value.Shape

    let samples =
        { Images = gaussian [ int64 images; int64 shape.Channels; int64 shape.Height; int64 shape.Width ]
          Labels = Array.init images (fun image -> image % 10)
          Test = []
          Mean = [| 0.0 |]
          Deviation = [| 1.0 |] }

    match Experiment.create samples run with
    | Ok experiment -> experiment
    | Error reason -> failwith reason

/// Some nodes whose estimates are the first rows of a pool, and what each receives: as if every received estimate was as good
/// as the own.
let crowd benignRatio (estimates: torch.Tensor) (received: int[][]) : NetworkView =
    let nodes = [| 0 .. received.Length - 1 |]
    let lists = PaddedLists(received, estimates.device)
    let same (selection: torch.Tensor) = torch.ones_like (selection, torch.float64)

    { Pool = estimates
      Rows = RowOperations.Host
      Own = nodes
      Received = lists
      Senders = received
      Weights =
        received
        |> Array.map (fun received -> Array.create received.Length (1.0 / float (received.Length + 1)))
      OwnWeights = received |> Array.map (fun received -> 1.0 / float (received.Length + 1))
      Neighbours = received |> Array.map Array.length
      Byzantine = received |> Array.map (fun _ -> 0)
      Messages = MessageKind.Estimates
      OwnLosses = torch.ones (nodes.LongLength, torch.float64)
      Losses = fun _ _ _ selection -> same selection
      Gradients = torch.zeros_like estimates
      Nodes = nodes
      Rate = 0.05
      Iteration = 0L
      Progress = 0.0
      BenignRatio = benignRatio
      Random = fun node word -> Random.stream 0L (Purpose.Aggregation word) node 0L
      Memories = nodes |> Array.map (fun _ -> Map.empty) }

/// The estimates of the nodes, all different, as one pool, and what each node receives.
let view (experiment: Experiment) (estimates: torch.Tensor) : NetworkView =
    experiment.Participants
    |> Array.map (fun node -> experiment.Network.Neighbours[node])
    |> crowd experiment.Run.Network.BenignRatio estimates

/// The network form of a rule of the catalogue.
let networkForm name =
    (choose [] name Catalogue.rules).Value.Network
    |> Option.defaultWith (fun () -> failwith $"{name} has no network form")
