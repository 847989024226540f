/// The numbers of three tiny runs, from end to end. Who changes them decides to: the commit says why.
module UbarFs.Tests.PinnedTests

open Expecto
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Tests.Runs

/// What a run comes to: the mean test loss of the benign nodes, their consensus error, and the length and the first
/// coordinate of node 0's estimate. Processors round differently, and these agree to many digits all the same.
let private comesTo (run: Run) iterations =
    use _ = torch.NewDisposeScope()
    let experiment = experiment run
    let mutable state = Simulation.start experiment

    for _ in 1..iterations do
        state <- (Simulation.iterate experiment state).State

    let tested = Simulation.evaluate experiment state.Estimates
    let first = state.Estimates[0L]

    [ tested |> Array.averageBy _.Loss
      Consensus.error state.Estimates (Network.benign experiment.Network)
      float (first.norm().item<float32>())
      float (first[0L].item<float32>()) ]

let private pinned name run iterations expected =
    testCase name
    <| fun () ->
        let found = comesTo run iterations
        let all = found |> List.map (fun number -> number.ToString "G10") |> String.concat "; "

        for index, (found, expected) in List.indexed (List.zip found expected) do
            Expect.floatClose { absolute = 1e-7; relative = 1e-4 } found expected $"number {index + 1} of {all}"

let private layers =
    [ chooseWith [ "channels", Value.Whole 4L ] "conv" Catalogue.layers
      choose "relu" Catalogue.layers
      choose "max-pool" Catalogue.layers
      choose "dense" Catalogue.layers ]

[<Tests>]
let tests =
    testSequenced
    <| testList
        "pinned runs"
        [ pinned
              "softmax, ubar, bit-flip"
              { digits with Attacks = [ choose "bit-flip" Catalogue.attacks ] }
              20
              [ 0.9787291807; 0.06714232416; 2.427629232; 0.02870247513 ]

          pinned
              "a convolutional network, dmedian, gaussian messages"
              { digits with
                  Model = Model.ofLayers layers
                  Rule = choose "dmedian" Catalogue.rules
                  Attacks = [ choose "gaussian" Catalogue.attacks ] }
              12
              [ 2.513838595; 5.319098183; 2.167954445; 0.04054934904 ]

          pinned
              "mlp, afa, stale messages, each node from its own start"
              { digits with
                  Model = chooseWith [ "hidden", Value.Whole 20L ] "mlp" Catalogue.models
                  Rule = choose "afa" Catalogue.rules
                  Training.Start = Start.Own
                  Attacks = [ choose "stale" Catalogue.attacks ] }
              15
              [ 2.266667734; 0.01572726722; 2.48736167; 0.03891466185 ] ]
