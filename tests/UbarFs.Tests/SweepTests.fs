/// Sweeps, repetitions and `--set`: many runs out of one scenario.
module UbarFs.Tests.SweepTests

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Tests.LanguageSamples

let private axes =
    [ "seed", [ "1"; "2"; "30"; "4" ]
      "network.byzantine", [ "0.1"; "20%"; "0.3" ]
      "rule", [ "average"; "{ ubar: { rho: 0.3 } }"; "{ ubar: 0.5 }" ]
      "attack.gaussian.sigma", [ "1"; "2"; "3" ]
      "training.epochs", [ "1"; "2 epochs" ]
      "model", [ "softmax"; "mlp"; "{ mlp: 30 }" ] ]

/// Some axes with some of their values, in any order.
let private sweep =
    gen {
        let! chosen = Gen.subListOf axes |> Gen.bind Gen.shuffle
        let! counts = Gen.listOfLength (List.length axes) (Gen.choose (1, 3))

        return
            List.zip (List.ofArray chosen) (List.truncate chosen.Length counts)
            |> List.map (fun ((path, values), count) -> path, List.truncate count values)
    }

let private writtenSweep axes =
    let line (path, values) =
        let values = String.concat ", " values
        $"  {path}: [{values}]\n"

    "sweep:\n" + String.concat "" (List.map line axes)

let rec private product axes =
    match axes with
    | [] -> [ [] ]
    | (path, values) :: rest ->
        [ for value in values do
              for others in product rest -> (path, value) :: others ]

let private sweeps =
    testList
        "sweeps"
        [ check "the runs are the product of the values, the last key fastest, repeats innermost"
          <| Prop.forAll (Arb.fromGen (Gen.zip sweep (Gen.choose (1, 3)))) (fun (axes, repeat) ->
              let found = runs (minimal + writtenSweep axes + $"repeat: {repeat}\n") []

              let expected =
                  [ for combination in product axes do
                        let seed =
                            Map.ofList combination |> Map.tryFind "seed" |> Option.map int64 |> Option.defaultValue 1L

                        for offset in 0 .. repeat - 1 do
                            combination |> List.filter (fun (path, _) -> path <> "seed"), seed + int64 offset ]

              let described = found |> List.map (fun run -> run.Swept, run.Seed)
              // The text of a swept value does not depend on its layout; these are written in that form already.
              described = expected)

          check "a swept value counts like a written one"
          <| Prop.forAll (Arb.fromGen sweep) (fun axes ->
              let swept = runs (minimal + writtenSweep axes) []

              let alone combination = runs minimal combination |> List.exactlyOne |> written

              List.map written swept = List.map alone (product axes))

          testCase "a path into a component keeps its other parameters"
          <| fun () ->
              let rule =
                  minimal + "rule: { ubar: { rho: 0.3, alpha: 0.1 } }\nsweep: { rule.ubar.rho: [0.2, network] }\n"

              let topology =
                  minimal.Replace("benign: 8", "benign: 8, topology: { random: 0.9 }")
                  + "sweep: { network.topology.random.ratio: [0.5] }\n"

              Expect.equal
                  (runs rule [] |> List.map (fun run -> Chosen.canonical run.Rule))
                  [ "{ ubar: { rho: 0.2, alpha: 0.1, stages: both } }"
                    "{ ubar: { rho: network, alpha: 0.1, stages: both } }" ]
                  "rules"

              Expect.equal
                  (runs topology [] |> List.map (fun run -> Chosen.canonical run.Network.Topology))
                  [ "{ random: { ratio: 0.5 } }" ]
                  "topology"

          testCase "a sweep can give what the file leaves out, and either length of training"
          <| fun () ->
              let text =
                  minimal.Replace("model: softmax\n", "") + "sweep:\n  model: [mlp]\n  training.iterations: [7]\n"

              Expect.equal
                  (runs text [] |> List.map (fun run -> run.Model.Name, string run.Training.Length))
                  [ "mlp", "7 iterations" ]
                  "run"

          testCase "a ratio of 0 among others needs no warning"
          <| fun () ->
              let text = minimal + "attack: bit-flip\nsweep: { network.byzantine: [0, 0.2] }\n"
              Expect.equal (accepted text [] |> snd) [] "warnings" ]

let private many =
    testCase "a sweep of 10,000 runs has them all" (fun () ->
        let numbers last = [ 1..last ] |> List.map string

        let sweep =
            [ "seed", numbers 100
              "training.batch", numbers 50
              "network.byzantine", [ "0.1"; "0.3" ] ]

        let text = minimal + "attack: bit-flip\n" + writtenSweep sweep

        Expect.hasLength (runs text []) 10_000 "runs")

let private overrides =
    testList
        "--set"
        [ check "it counts as if it were written in the file"
          <| Prop.forAll
              (Arb.fromGen (
                  Gen.elements
                      [ "seed", "7"
                        "model", "{ mlp: 30 }"
                        "rule", "average"
                        "rule", "{ ubar: { rho: 0.7 } }"
                        "attack", "bit-flip"
                        "repeat", "3"
                        "name", "other"
                        "network", "{ benign: 5, byzantine: 0.3 }"
                        "sweep", "{ rule: [ubar, average] }" ]
              ))
              (fun (key, value) ->
                  let lines = minimal.Split '\n' |> Array.filter (fun line -> not (line.StartsWith $"{key}:"))
                  let written, _ = accepted (String.concat "\n" lines + $"{key}: {value}\n") []
                  let set, _ = accepted minimal [ key, value ]
                  written.Name = set.Name && List.map Run.canonical written.Runs = List.map Run.canonical set.Runs)

          testCase "it replaces a sweep of the same value, and keeps the others"
          <| fun () ->
              let text = minimal + "sweep:\n  seed: [1, 2]\n  rule: [average, ubar]\n"
              let found = runs text [ "seed", "9" ] |> List.map (fun run -> run.Seed, run.Rule.Name)
              Expect.equal found [ 9L, "average"; 9L, "ubar" ] "runs"

          testCase "it can repair a file, and a later one wins"
          <| fun () ->
              let found = runs (minimal + "rule: ubr\n") [ "rule", "ubar"; "rule", "average" ]
              Expect.equal (found |> List.map _.Rule.Name) [ "average" ] "rule"

          testCase "either length of training replaces the other, in both directions and in the sweep"
          <| fun () ->
              let length text overrides = runs text overrides |> List.map (fun run -> string run.Training.Length)
              let iterations = minimal.Replace("epochs", "iterations")
              let swept = minimal + "sweep: { training.epochs: [1, 2] }\n"
              Expect.equal (length iterations [ "training.epochs", "5" ]) [ "5 epochs" ] "epochs"
              Expect.equal (length minimal [ "training.iterations", "5" ]) [ "5 iterations" ] "iterations"
              Expect.equal (length swept [ "training.iterations", "5" ]) [ "5 iterations" ] "swept"

          testCase "it can add to the sweep"
          <| fun () ->
              let found = runs minimal [ "sweep.network.byzantine", "[0.1, 0.2]" ]
              Expect.equal (found |> List.map _.Network.ByzantineRatio) [ 0.1; 0.2 ] "ratios" ]

[<Tests>]
let tests = testList "many runs" [ sweeps; overrides; many ]
