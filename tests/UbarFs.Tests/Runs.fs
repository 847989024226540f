/// Small runs on the embedded digits, for tests that need a whole network.
module UbarFs.Tests.Runs

open Expecto
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Engine.Data
open UbarFs.Scenario

/// The component of a name, with some parameters.
let chooseWith arguments name (components: Component<'value> list) =
    match components |> List.tryFind (fun entry -> entry.Name = name) with
    | Some entry -> Component.choose (Map.ofList arguments) entry
    | None -> failtest $"there is no '{name}'"

/// The component of a name, with its defaults.
let choose name components = chooseWith [] name components

/// Six benign and two Byzantine nodes that learn digits; the Byzantine ones are honest.
let digits: Run =
    { Scenario = "test"
      Seed = 1L
      Swept = []
      Dataset = choose "digits" Catalogue.datasets
      Partition = choose "iid" Catalogue.partitions
      Model = choose "softmax" Catalogue.models
      Network =
        { Topology = chooseWith [ "ratio", Value.Real 0.7 ] "random" Catalogue.topologies
          Benign = 6
          ByzantineRatio = 0.25
          Placement = Placement.Random
          BenignRatio = 0.4
          EnforceBenignRatio = true }
      Training =
        { Batch = 16
          Length = Duration.Epochs 3
          Rate = { Initial = 0.1; Fading = None }
          LastBatch = LastBatch.Drop
          Start = Start.Shared
          Loss = Loss.CrossEntropy }
      Rule = choose "ubar" Catalogue.rules
      Attacks = [ choose "none" Catalogue.attacks ]
      Every = Duration.Epochs 1
      TestImages = None }

let private loaded =
    lazy
        (match Store.load [] digits.Dataset with
         | Ok loaded -> loaded
         | Error problem -> failtest (DataProblem.describe problem))

/// The digits as tensors; they live as long as the tests.
let samples = lazy (Samples.create torch.CPU loaded.Value)

let experiment run =
    match Experiment.create samples.Value run with
    | Ok experiment -> experiment
    | Error reason -> failtest reason
