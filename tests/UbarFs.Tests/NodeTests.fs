/// One node's iteration, computed apart from the others'.
module UbarFs.Tests.NodeTests

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Tests.Runs

let private bits (tensor: torch.Tensor) : int64[] =
    tensor.to_type(torch.float64).contiguous().data<float>().ToArray()
    |> Array.map BitConverter.DoubleToInt64Bits

let private remembered (memory: Memory) = memory |> Map.map (fun _ tensor -> bits tensor)

/// What some nodes come to in one iteration, when nobody else is computed: by node what it learnt, what it sends to whoever
/// hears it, its next estimate, and what its rule and its attack remember. What others send is given.
let private apart (experiment: Experiment) (state: State) (all: Trained) (sent: Messages) knowledge (nodes: int[]) =
    let trained = Node.train experiment (int64 state.Iteration) nodes state.Estimates state.Directions
    use _ = torch.no_grad ()

    let messages, attackMemories =
        Node.send experiment knowledge all state.RuleMemories state.AttackMemories nodes

    let aggregated = Node.aggregate experiment knowledge state.RuleMemories trained sent

    nodes
    |> Array.mapi (fun place node ->
        let toReceiver receiver =
            let vectors, senders = Messages.receivedBy experiment messages receiver
            senders |> Array.tryFindIndex ((=) node) |> Option.map (fun row -> bits vectors[int64 row])

        {| Node = node
           Loss = bits trained.Losses[int64 place]
           Gradient = bits trained.Gradients[int64 node]
           Direction = trained.Directions |> Option.map (fun directions -> bits directions[int64 node])
           Sent = experiment.Network.Neighbours[node] |> Array.map toReceiver
           Next = bits aggregated.Updated[int64 node]
           Rule = remembered aggregated.Remembered[node]
           Attack = remembered attackMemories[node] |})

/// An experiment in its second iteration, with all that there is to know and all that is sent.
let private midway run =
    let experiment = experiment run
    let state = (Simulation.iterate experiment (Simulation.start experiment)).State

    let trained =
        Node.train experiment (int64 state.Iteration) experiment.Participants state.Estimates state.Directions

    let knowledge = Views.knowledge experiment (int64 state.Iteration) state.Estimates trained.Gradients
    let rules, attacks = state.RuleMemories, state.AttackMemories
    let messages, _ = Node.send experiment knowledge trained rules attacks experiment.Participants
    experiment, state, trained, messages, knowledge

let private attacks = [ "none"; "gaussian"; "stale"; "alie"; "silent"; "dissensus"; "strongest" ]

let private law label run =
    // The experiment is laid out once for all subsets.
    let laid =
        lazy
            (let experiment, state, trained, messages, knowledge = midway run
             let apart = apart experiment state trained messages knowledge
             experiment, apart, apart experiment.Participants)

    let subsets =
        gen {
            let! nodes = Gen.nonEmptyListOf (Gen.choose (0, 1_000_000))
            let experiment, _, _ = laid.Value
            let participants = experiment.Participants

            return
                nodes
                |> List.map (fun node -> participants[node % participants.Length])
                |> List.distinct
                |> List.sort
                |> Array.ofList
        }

    testPropertyWithConfig { FsCheckConfig.defaultConfig with maxTest = 6 } label
    <| Prop.forAll (Arb.fromGen subsets) (fun nodes ->
        use _ = torch.NewDisposeScope()
        let _, apart, all = laid.Value
        apart nodes = (all |> Array.filter (fun told -> Array.contains told.Node nodes)))

let private runOf (rule: Chosen<Rule>) attack =
    { digits with Rule = rule; Attacks = [ choose attack Catalogue.attacks ] }

/// A small network with normalisation, a residual and dropout.
let private deep =
    let layer name arguments = chooseWith arguments name Catalogue.layers

    Model.ofLayers
        [ layer "conv" [ "channels", Value.Whole 4; "padding", Value.Whole 1; "stride", Value.Whole 2 ]
          layer "group-norm" [ "groups", Value.Whole 2 ]
          layer "residual" [ "layers", Value.Word "[{ conv: { channels: 4, padding: 1 } }, { dropout: 0.2 }]" ]
          layer "dropout" []
          layer "dense" [] ]

let private byItself (rule: Chosen<Rule>) = { rule with Value = { rule.Value with Network = None } }

[<Tests>]
let tests =
    testList
        "nodes computed apart come to the same bits"
        [ for component' in rulesOfNodes do
              let rule = Component.choose Map.empty component'

              for attack in attacks do
                  law $"{rule.Name} under {attack}, in the form for all" (runOf rule attack)

              law $"{rule.Name} under gaussian, in the reference form" (runOf (byItself rule) "gaussian")

          for rule in [ "ubar"; "fltrust" ] do
              let run = runOf (choose rule Catalogue.rules) "alie"

              law
                  $"{rule} under alie, with momentum and local steps"
                  { run with
                      Training.Momentum = Some { Beta = 0.9; Form = MomentumForm.Averaged }
                      Training.WeightDecay = 0.01
                      Training.GradientClip = Some 0.5
                      Training.LocalSteps = 3
                      Partition = chooseWith [ "least", Value.Whole 0L ] "dirichlet" Catalogue.partitions }

              law $"{rule} under alie, with a model that leaves out values" { run with Model = deep } ]
