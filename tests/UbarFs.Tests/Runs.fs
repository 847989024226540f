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

let private ofDecay decay =
    let written name = [ "training.fading", "20"; "training.decay", name ]

    match decay with
    | Decay.None -> [ "training.fading", "none"; "training.decay", "fading" ]
    | Decay.Fading fading -> [ "training.fading", string (Value.Real fading); "training.decay", "fading" ]
    | Decay.InverseRoot -> written "inverse-root"
    | Decay.Cosine -> written "cosine"
    | Decay.Steps(epochs, factor) ->
        written $"{{ steps: {{ at: {Value.Wholes epochs}, factor: {Value.Real factor} }} }}"

/// The settings of a run that no grammar has read, out of its values: what the grammar would give.
let settings (run: Run) : (string * string) list =
    let network, training = run.Network, run.Training
    let real = Value.Real >> string

    let code path prints =
        if List.isEmpty prints then
            []
        else
            [ path, prints |> List.distinct |> String.concat ", " ]

    let several (attacks: Chosen<Attack> list) =
        match List.map Chosen.canonical attacks with
        | [ single ] -> single
        | several -> String.concat ", " several |> sprintf "[%s]"

    let component' path chosen =
        (path, Chosen.canonical chosen) :: code (path + ".code") (Chosen.fingerprints chosen)

    [ yield! component' "data.dataset" run.Dataset
      yield! component' "data.partition" run.Partition
      "data.holders", (if run.Holders = DataHolders.All then "all" else "benign")
      "data.least", run.LeastShare |> Option.map string |> Option.defaultValue "batch"
      yield! component' "model" run.Model
      yield! component' "network.topology" network.Topology
      for print in Option.toList (Topology.fingerprint network.Topology.Value) do
          "network.graph", print
      "network.benign", string network.Benign
      "network.byzantine", real network.ByzantineRatio
      "network.benign-ratio", real network.BenignRatio
      "network.enforce-benign-ratio", string (Value.Truth network.EnforceBenignRatio)
      "network.placement", string network.Placement
      "network.weights", MixingWeights.all |> List.find (fun (_, weights) -> weights = network.Weights) |> fst
      "training.batch", string training.Batch
      match training.Length with
      | Duration.Epochs count -> "training.epochs", string count
      | Duration.Iterations count -> "training.iterations", string count
      "training.rate", real training.Rate.Initial
      yield! ofDecay training.Rate.Decay
      "training.warmup", training.Warmup |> Option.map string |> Option.defaultValue "none"
      for momentum in Option.toList training.Momentum do
          "training.momentum.beta", real momentum.Beta

          "training.momentum.form",
          (if momentum.Form = MomentumForm.HeavyBall then
               "heavy-ball"
           else
               "averaged")
      "training.weight-decay", real training.WeightDecay
      "training.gradient-clip", training.GradientClip |> Option.map real |> Option.defaultValue "none"
      "training.local-steps", string training.LocalSteps
      "training.last-batch",
      (if training.LastBatch = LastBatch.Drop then
           "drop"
       else
           "keep")
      "training.start",
      (match training.Start with
       | Start.Shared -> "shared"
       | Start.Own -> "own"
       | Start.Normal sigma -> $"{{ normal: {{ sigma: {real sigma} }} }}")
      "training.loss",
      (if training.Loss = Loss.Hinge then
           "hinge"
       else
           "cross-entropy")
      yield! component' "protocol" run.Protocol
      yield! component' "rule" run.Rule
      "attack", several run.Attacks
      yield! code "attack.code" (List.collect Chosen.fingerprints run.Attacks)
      "measure.every", string run.Every
      "measure.images", run.TestImages |> Option.map string |> Option.defaultValue "all"
      "measure.validation", run.Validation |> Option.map string |> Option.defaultValue "none"
      "measure.averaged", (if run.Averaged then "true" else "false") ]

/// A run with the settings that its values come to.
let settled (run: Run) = { run with Settings = settings run }

/// Six benign and two Byzantine nodes that learn digits; the Byzantine ones are honest.
let digits: Run =
    { Scenario = "test"
      Seed = 1L
      Settings = []
      Swept = []
      Dataset = choose "digits" Catalogue.datasets
      Partition = choose "iid" Catalogue.partitions
      Holders = DataHolders.All
      LeastShare = None
      Model = choose "softmax" Catalogue.models
      Network =
        { Topology = chooseWith [ "ratio", Value.Real 0.7 ] "random" Catalogue.topologies
          Benign = 6
          ByzantineRatio = 0.25
          Placement = Placement.Random
          Weights = MixingWeights.Equal
          BenignRatio = 0.4
          EnforceBenignRatio = true }
      Training =
        { Batch = 16
          Length = Duration.Epochs 3
          Rate = { Initial = 0.1; Decay = Decay.None }
          Warmup = None
          Momentum = None
          WeightDecay = 0.0
          GradientClip = None
          LocalSteps = 1
          LastBatch = LastBatch.Drop
          Start = Start.Shared
          Loss = Loss.CrossEntropy }
      Protocol = choose "gossip" Catalogue.protocols
      Rule = choose "ubar" Catalogue.rules
      Attacks = [ choose "none" Catalogue.attacks ]
      Every = Duration.Epochs 1
      TestImages = None
      Validation = None
      Averaged = false }
    |> settled

let private loaded =
    lazy
        (match Store.load [] digits.Dataset with
         | Ok loaded -> loaded
         | Error problem -> failtest (DataProblem.describe problem))

/// The digits as tensors; they live as long as the tests.
let samples = lazy (Samples.create torch.CPU loaded.Value)

/// The rules that nodes can follow without a server.
let rulesOfNodes =
    Catalogue.rules |> List.filter (fun rule -> (Component.choose Map.empty rule).Value.Central.IsNone)

/// The experiment of a run, or why there is none.
let tryExperiment run = Experiment.create samples.Value run

let experiment run =
    match tryExperiment run with
    | Ok experiment -> experiment
    | Error reason -> failtest reason
