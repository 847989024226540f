/// How long the rules of the catalogue aggregate, losses apart: a network of the paper's CNNs, as in the other tables.
module UbarFs.Benchmarks.RuleTimes

open TorchSharp
open UbarFs.Core
open UbarFs.Engine

/// A rule, its time for all nodes in milliseconds, and how that compares with dkrum's.
type RuleTime = { Rule: string; Milliseconds: float; Ratio: float }

let private ratio = [ "ratio", Value.Real 0.4 ]

/// The best aggregation of several iterations after the first two, in which a rule that remembers has nothing to go by.
let private time repetitions rule =
    use _ = torch.NewDisposeScope()
    Surroundings.ours ()
    let run = Bench.run 30 rule "random" ratio
    let experiment = Bench.experiment 600 { run with Training.Batch = 4 }
    let mutable state = Simulation.start experiment

    let iterate () =
        let iterated = Simulation.iterate experiment state
        State.release iterated.State state
        state <- iterated.State
        1e3 * (iterated.Times.Aggregation - iterated.Times.Losses)

    List.init (repetitions + 2) (fun _ -> iterate ()) |> List.skip 2 |> List.min

let measure repetitions : RuleTime list =
    let times = Catalogue.rules |> List.map (fun rule -> rule.Name, time repetitions rule.Name)
    let dkrum = times |> List.find (fst >> (=) "dkrum") |> snd
    times |> List.map (fun (rule, time) -> { Rule = rule; Milliseconds = time; Ratio = time / dkrum })
