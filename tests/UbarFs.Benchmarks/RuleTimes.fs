/// How long the rules of the catalogue and some pipelines aggregate, losses apart: a network of the paper's CNNs, as in the other tables.
module UbarFs.Benchmarks.RuleTimes

open TorchSharp
open UbarFs.Core
open UbarFs.Engine

/// A rule, its time for all nodes in milliseconds, and how that compares with dkrum's.
type RuleTime = { Rule: string; Milliseconds: float; Ratio: float }

let private ratio = [ "ratio", Value.Real 0.4 ]

/// The best aggregation of several iterations after the first two, in which a rule that remembers has nothing to go by.
let private time repetitions (rule: Chosen<Rule>) =
    use _ = torch.NewDisposeScope()
    Surroundings.ours ()
    let run = Bench.run 30 "average" "random" ratio
    let experiment = Bench.experiment 600 { run with Training.Batch = 4; Rule = rule }
    let mutable state = Simulation.start experiment

    let iterate () =
        let iterated = Simulation.iterate experiment state
        State.release iterated.State state
        state <- iterated.State
        1e3 * (iterated.Times.Aggregation - iterated.Times.Losses)

    List.init (repetitions + 2) (fun _ -> iterate ()) |> List.skip 2 |> List.min

/// Each stage before the fastest rule, and what papers use.
let private pipelines: Chosen<Rule> list =
    let piped stages rule =
        let stages = stages |> List.map (fun stage -> Bench.choose [] stage Catalogue.stages)
        Pipeline.ofChosen stages (Bench.choose [] rule Catalogue.rules)

    [ for stage in Catalogue.stages do
          piped [ stage.Name ] "dmedian"

      piped [ "nnm" ] "trimmed-mean"
      piped [ "nnm" ] "dkrum"
      piped [ "with-own"; "nnm" ] "trimmed-mean" ]

let measure repetitions : RuleTime list =
    let rules =
        Catalogue.rules
        |> List.map (fun rule -> Bench.choose [] rule.Name Catalogue.rules)
        // A server follows the others, once for all nodes.
        |> List.filter (fun rule -> rule.Value.Central.IsNone)

    let times = rules @ pipelines |> List.map (fun rule -> Chosen.label rule, time repetitions rule)
    let dkrum = times |> List.find (fst >> (=) "dkrum") |> snd
    times |> List.map (fun (rule, time) -> { Rule = rule; Milliseconds = time; Ratio = time / dkrum })
