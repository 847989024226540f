/// `ubarfs show` and `ubarfs new`: scenarios written by the program.
module UbarFs.Tests.CanonicalTests

open Expecto
open FsCheck
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Tests.LanguageSamples

/// Lines that make a scenario out of `minimal`, and more that change it.
let private lines =
    [ "seed: 9"
      "name: 'other_name.2'"
      "description: \"two lines:\\n  '\\\"quoted\\\"' # not a comment, ${training.rate} $${seed} \\u2028 \\t end\""
      "description: '- list? {no}'"
      "rule: { ubar: { rho: 0.3, alpha: 1e-3 } }"
      "rule: { dmedian: }"
      "attack: [bit-flip, { gaussian: \"${training.rate}\" }]"
      "attack: { gaussian: 2.5 }"
      "measure: { every: 20 iterations }"
      "repeat: 3"
      "seeds: [7, 3]" ]

let private sweeps =
    [ ""
      "  network.byzantine: [0.1, 20%]\n"
      "  rule: [average, { ubar: 0.5 }]\n  training.iterations: [7, 9]\n"
      "  zip:\n    - { network.byzantine: [0, 0.3], attack: [none, { ipm: }] }\n    - { seed: [4, 5] }\n"
      "  variants:\n    plain:\n    'odd name': { model: mlp, network.benign: 9 }\n"
      "  network.benign-ratio: [0.3, 0.6]\n  rule: [{ ubar: \"${network.benign-ratio}\" }, average]\n"
      "  training.batch: [8, 16]\n  model: [softmax, mlp]\n  exclude: [{ model: mlp, training.batch: [8, 9] }]\n" ]

let private scenarios =
    gen {
        let! chosen = Gen.subListOf lines
        let! sweep = Gen.elements sweeps
        let keys = chosen |> List.distinctBy (fun line -> line.Split(':')[0])
        let isSeed (line: string) = line.StartsWith "seed"
        let seedless = keys |> List.filter (fun line -> not (isSeed line && sweep.Contains "seed"))

        let single =
            if seedless |> List.exists _.StartsWith("seeds") then
                seedless |> List.filter (fun line -> not (line.StartsWith "repeat"))
            else
                seedless

        let swept = if sweep = "" then "" else "sweep:\n" + sweep
        return minimal + String.concat "" (single |> List.map (fun line -> line + "\n")) + swept
    }

/// What a scenario is, apart from places in its text.
let private meaning (scenario: Scenario) =
    scenario.Name,
    scenario.Description,
    scenario.Runs |> List.map (fun run -> Run.canonical run, run.Scenario, run.Seed, run.Swept)

let private shown =
    testList
        "show"
        [ check "what it prints is the same scenario"
          <| Prop.forAll
              (Arb.fromGen (Gen.oneof [ scenarios; Gen.elements [ text; minimal; many; referring ] ]))
              (fun written ->
                  let scenario, _ = accepted written []
                  let printed = YamlText.ofScenario scenario
                  let again, _ = accepted printed []
                  (meaning again = meaning scenario) |> Prop.label $"{written}\n---\n{printed}")

          check "a run's settings are those of its values"
          <| Prop.forAll (Arb.fromGen scenarios) (fun written ->
              let scenario, _ = accepted written []

              scenario.Runs |> List.forall (fun run -> run.Settings = Runs.settings run) |> Prop.label written)

          check "printing what it printed changes nothing"
          <| Prop.forAll (Arb.fromGen scenarios) (fun written ->
              let once = YamlText.ofScenario (accepted written [] |> fst)
              YamlText.ofScenario (accepted once [] |> fst) = once)

          testCase "it writes every key out, in the order of the language"
          <| fun () ->
              let printed = YamlText.ofScenario (accepted minimal [] |> fst)

              let expected =
                  "name: example\nseed: 1\ndata: { dataset: digits, partition: iid, holders: all, least: batch }\n"
                  + "model: softmax\nnetwork:\n  topology: { random: { ratio: 0.4 } }\n  benign: 8\n  byzantine: 0\n"
                  + "  benign-ratio: 0.4\n  enforce-benign-ratio: true\n  placement: random\n  weights: equal\n"
                  + "training:\n  batch: 32\n  epochs: 3\n  rate: 0.05\n  fading: 20\n  decay: fading\n  warmup: none\n"
                  + "  weight-decay: 0\n  gradient-clip: none\n  local-steps: 1\n  last-batch: drop\n"
                  + "  start: shared\n  loss: cross-entropy\n"
                  + "protocol: gossip\nrule: { ubar: { rho: network, alpha: 0.5, stages: both } }\n"
                  + "attack: { none: { from: 0, until: end } }\n"
                  + "measure: { every: 1 epoch, images: all, validation: none, averaged: false }\n"

              Expect.equal printed expected "printed"

          testCase "the names of files survive"
          <| fun () ->
              for name in [ "a b.txt"; "a, b.txt"; "it's.txt"; "{x}: #1.txt"; "${x}.txt" ] do
                  let quoted = name.Replace("'", "''").Replace("${", "$${")
                  let written = minimal.Replace("benign: 8", $"benign: 8, topology: {{ file: '{quoted}' }}")
                  let scenario, _ = accepted written []
                  let again, _ = accepted (YamlText.ofScenario scenario) []

                  let file (scenario: Scenario) =
                      match scenario.Runs.Head.Network.Topology.Value with
                      | Topology.File path -> path
                      | _ -> failtest "no file"

                  Expect.equal (file scenario) name "read"
                  Expect.equal (file again) name "read again" ]

let private built =
    testList
        "build"
        [ testCase "the operations of the builder are the keys of the language"
          <| fun () ->
              let rec keys shape =
                  match shape with
                  | Shape.Fields fields ->
                      [ for field in fields do
                            match keys field.Shape with
                            | [] -> field.Key
                            | inner -> yield! inner ]
                  | _ -> []

              let operations =
                  [ for method' in typeof<Build.ScenarioBuilder>.GetMethods() do
                        for attribute in method'.GetCustomAttributes(typeof<CustomOperationAttribute>, false) do
                            (attribute :?> CustomOperationAttribute).Name ]

              let camel (key: string) =
                  key.Split '-'
                  |> Array.mapi (fun index word ->
                      if index = 0 then
                          word
                      else
                          string (System.Char.ToUpper word[0]) + word[1..])
                  |> String.concat ""

              // The keys of a section within a section have its name.
              let operation key =
                  match key with
                  | "beta" -> "momentum"
                  | "form" -> "momentumForm"
                  | key -> camel key

              let missing = keys Grammar.scenario.Shape |> List.map operation |> List.except ("name" :: operations)
              Expect.equal missing [] "missing"

          testCase "what is built is what would be written"
          <| fun () ->
              let built =
                  Build.scenario "study" {
                      dataset "digits"
                      model (Build.choose "mlp" [ Build.(=>) "hidden" 30 ])
                      benign 8
                      byzantine 0.25
                      epochs 3
                      attack "bit-flip"
                      sweep "rule" [ "average"; "ubar" ]
                      seeds [ 4; 2 ]
                  }

              let written =
                  "name: study\ndata: { dataset: digits }\nmodel: { mlp: 30 }\nnetwork: { benign: 8, byzantine: 0.25 }\n"
                  + "training: { epochs: 3 }\nattack: bit-flip\nsweep: { rule: [average, ubar] }\nseeds: [4, 2]\n"

              match Build.check "study.fsx" built with
              | Ok(scenario, _) -> Expect.equal (meaning scenario) (meaning (accepted written [] |> fst)) "meaning"
              | Error errors -> errors |> List.map Rendering.plain |> String.concat "" |> failtest ]

let private starters =
    testList
        "new"
        [ for starter in Starter.all do
              testCase $"{starter.Template} is a scenario"
              <| fun () ->
                  let scenario, warnings = accepted (Starter.text "mine" starter) []
                  Expect.equal scenario.Name "mine" "name"
                  Expect.equal warnings [] "warnings" ]

[<Tests>]
let tests = testList "written by the program" [ shown; built; starters ]
