/// How long the attacks of the catalogue make their messages: the network of the other tables, with Byzantine nodes.
module UbarFs.Benchmarks.AttackTimes

open TorchSharp
open UbarFs.Core
open UbarFs.Engine

/// An attack, its time for all nodes in milliseconds, and how that compares with the training of the same iteration and with
/// the aggregation by the rule.
type AttackTime = { Attack: string; Milliseconds: float; OfTraining: float; OfRule: float }

type AttackTable =
    { Byzantine: int
      Rule: string
      Training: float
      Aggregation: float
      Times: AttackTime list }

let private rule = "dmedian"

// 30 benign nodes and 13 Byzantine ones.
let private attacked (attack: Chosen<Attack>) batch : Run =
    let run = Bench.run 30 rule "random" [ "ratio", Value.Real 0.4 ]

    { run with
        Network.ByzantineRatio = 0.3
        Training.Batch = batch
        Attacks = [ attack ] }

/// Every attack with its defaults, and those that can go by neighbourhoods likewise.
let private variants: (string * Chosen<Attack>) list =
    [ for attack in Catalogue.attacks do
          if attack.Name <> "absent" then
              attack.Name, Component.choose Map.empty attack

              if attack.Settings.Parameters |> List.exists (fun parameter -> parameter.Name = "scope") then
                  let around =
                      if attack.Name = "gaussian" then
                          [ "around", Value.Word "mean" ]
                      else
                          []

                  let scope = Map.ofList (("scope", Value.Word "neighbourhood") :: around)
                  $"{attack.Name}, neighbourhood", Component.choose scope attack ]

/// The best times of several iterations after the first two, in which an attack that remembers has nothing to go by.
let private times repetitions images run (time: PhaseTimes -> float) =
    use _ = torch.NewDisposeScope()
    Surroundings.ours ()
    let experiment = Bench.experiment images run
    let mutable state = Simulation.start experiment

    let iterate () =
        let iterated = Simulation.iterate experiment state
        State.release iterated.State state
        state <- iterated.State
        1e3 * time iterated.Times

    List.init (repetitions + 2) (fun _ -> iterate ()) |> List.skip 2 |> List.min

let measure repetitions : AttackTable =
    let honest = snd variants.Head
    let training = times 2 (43 * 256) (attacked honest 256) _.Training

    let aggregation =
        times repetitions 600 (attacked honest 4) (fun times -> times.Aggregation - times.Losses)

    let time (name, attack) =
        let milliseconds = times repetitions 600 (attacked attack 4) _.Attack

        { Attack = name
          Milliseconds = milliseconds
          OfTraining = milliseconds / training
          OfRule = milliseconds / aggregation }

    { Byzantine = 13
      Rule = rule
      Training = training
      Aggregation = aggregation
      Times = List.map time variants }
