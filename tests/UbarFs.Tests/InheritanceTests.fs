/// Scenarios out of other scenarios, references to other keys and environment variables.
module UbarFs.Tests.InheritanceTests

open Expecto
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Tests.LanguageSamples

/// A machine with some files and environment variables.
let private world files variables : World =
    { Read =
        fun path ->
            match Map.tryFind path files with
            | Some text -> Ok text
            | None -> Error(Diagnostic.fileError path "no such file")
      Variable = fun name -> Map.tryFind name variables
      Survey = fun _ dataset -> Ok(dataset, [])
      Code = fun _ -> CodeAccess.none }

let private parse files text = Scenario.parseIn (world (Map files) Map.empty) "scenarios/example.yaml" text []

let private rendered result =
    match result with
    | Ok(_: Scenario, warnings) -> warnings
    | Error errors -> errors
    |> List.map Rendering.plain
    |> String.concat ""

let private accepted result =
    match result with
    | Ok(scenario: Scenario, _: Diagnostic list) -> scenario
    | Error _ -> failtest (rendered result)

let private keys result = (accepted result).Runs |> List.map (fun run -> written run)

let private inheritance =
    let basis = "scenarios/base.yaml", "name: base\n" + minimal + "rule: { ubar: { rho: 0.3 } }\n"

    testList
        "extends"
        [ testCase "what is said anew counts, the rest is inherited, the name is the scenario's own"
          <| fun () ->
              let heir = "extends: base.yaml\nnetwork: { byzantine: 0.2 }\nrule: { ubar: { alpha: 0.1 } }\n"
              let scenario = accepted (parse [ basis ] heir)
              let run = keys (parse [ basis ] heir) |> List.exactlyOne
              Expect.equal scenario.Name "example" "name"
              Expect.equal (run["network.benign"], run["network.byzantine"]) ("8", "0.2") "a section is joined"
              Expect.equal run["rule"] "{ ubar: { rho: 0.3, alpha: 0.1, stages: both } }" "a component is joined"

          testCase "a component by its name alone replaces the inherited one"
          <| fun () ->
              let rule text = (keys (parse [ basis ] text) |> List.exactlyOne)["rule"]
              let initial = "{ ubar: { rho: network, alpha: 0.5, stages: both } }"
              Expect.equal (rule "extends: base.yaml\nrule: ubar\n") initial "the same"
              Expect.equal (rule "extends: base.yaml\nrule: average\n") "average" "another"

          testCase "a value replaces an inherited sweep of it, and either length of training the other"
          <| fun () ->
              let swept =
                  "scenarios/swept.yaml",
                  minimal + "sweep: { rule: [average, ubar], training.epochs: [1, 2], seed: [4, 5] }\n"

              let heir = "extends: swept.yaml\nrule: dmedian\ntraining: { iterations: 7 }\n"
              let found = (accepted (parse [ swept ] heir)).Runs

              Expect.equal
                  (found |> List.map (fun run -> run.Rule.Name, string run.Training.Length, run.Seed))
                  [ "dmedian", "7 iterations", 4L; "dmedian", "7 iterations", 5L ]
                  "runs"

          testCase "chains count from the folder of each file, graph files too"
          <| fun () ->
              let files =
                  [ "scenarios/../shared/a.yaml", "extends: deep/b.yaml\nmodel: mlp\n"
                    "scenarios/../shared/deep/b.yaml",
                    minimal.Replace("benign: 8", "benign: 8, topology: { file: graph.txt }") ]

              let run = keys (parse files "extends: ../shared/a.yaml\n") |> List.exactlyOne
              Expect.equal run["network.topology"] "{ file: { path: ../shared/deep/graph.txt } }" "the graph"
              Expect.equal run["model"] "{ mlp: { hidden: 100 } }" "the model"

          testCase "an error in an inherited file is shown there"
          <| fun () ->
              let broken = "scenarios/base.yaml", minimal + "rule: ubr\n"

              Expect.stringContains
                  (rendered (parse [ broken ] "extends: base.yaml\n"))
                  "scenarios/base.yaml:5:7"
                  "place"

          testCase "files that extend each other, or are missing, are refused with their chain"
          <| fun () ->
              let files =
                  [ "scenarios/a.yaml", "extends: b.yaml\n"
                    "scenarios/b.yaml", "extends: example.yaml\n" ]

              Expect.stringContains
                  (rendered (parse files "extends: a.yaml\n"))
                  "scenarios/example.yaml → scenarios/a.yaml → scenarios/b.yaml → scenarios/example.yaml"
                  "cycle"

              let endless = [ for index in 1..20 -> $"scenarios/{index}.yaml", $"extends: {index + 1}.yaml\n" ]

              Expect.stringContains (rendered (parse endless "extends: 1.yaml\n")) "more than 10 scenarios" "chain"
              Expect.stringContains (rendered (parse [] "extends: nothing.yaml\n")) "example.yaml:1:10" "missing" ]

let private references =
    let run text = Scenario.parse file text [] |> accepted |> _.Runs |> List.map written

    testList
        "references"
        [ testCase "a reference stands for the value of another key, or for a part of a text"
          <| fun () ->
              let text =
                  "seed: 7\nname: seed-${seed}\nattack: { gaussian: \"${training.rate}\" }\n"
                  + minimal.Replace("{ epochs: 3 }", "{ epochs: 3, rate: 0.25 }")

              let scenario = Scenario.parse file text [] |> accepted
              Expect.equal scenario.Name "seed-7" "in a text"
              Expect.stringContains (run text).Head["attack"] "sigma: 0.25" "as a whole"

          testCase "a whole list or component can be repeated"
          <| fun () ->
              let text =
                  minimal
                  + "rule: { ubar: 0.3 }\nsweep:\n  rule:\n    - average\n    - { ubar: 0.7 }\n    - ${rule}\n"

              Expect.stringContains (rendered (Scenario.parse file text [])) "lead back to themselves" "swept by itself"

          testCase "a reference follows the sweep"
          <| fun () ->
              let text =
                  minimal
                  + "rule: { ubar: \"${network.benign-ratio}\" }\nsweep: { network.benign-ratio: [0.3, 0.6] }\n"

              let rules = run text |> List.map (fun run -> run["rule"])

              Expect.equal
                  rules
                  [ for rho in [ "0.3"; "0.6" ] -> $"{{ ubar: {{ rho: {rho}, alpha: 0.5, stages: both }} }}" ]
                  ""

          testCase "cycles, unknown keys and incomplete references are errors at their place"
          <| fun () ->
              let said text = rendered (Scenario.parse file (minimal + text) [])
              Expect.stringContains (said "seed: ${repeat}\nrepeat: ${seed}\n") "repeat → seed → repeat" "cycle"
              Expect.stringContains (said "name: a-${network.bening}\n") ":5:9: error: the scenario says no" "place"
              Expect.stringContains (said "name: a-${network.bening}\n") "did you mean ${network.benign}?" "hint"
              Expect.stringContains (said "name: a-${sead\n") "not complete" "no end"
              Expect.stringContains (said "name: a-${data}\n") "not a single value" "a section in a text"

              Expect.stringContains
                  (said "name: a-${rule}\nsweep: { rule: [ubar, average] }\n")
                  "'rule' is swept"
                  "what all runs share cannot depend on the sweep"

          testCase "references that multiply are refused soon"
          <| fun () ->
              let level index =
                  $"key{index}: [" + String.concat ", " (List.replicate 9 $"\"${{key{index + 1}}}\"") + "]\n"

              let text =
                  minimal + "sweep: { rule: ${key1} }\n" + String.concat "" (List.map level [ 1..20 ]) + "key21: x\n"

              Expect.stringContains (rendered (Scenario.parse file text [])) "error" "lists"
              let double index = $"key{index}: ${{key{index + 1}}}${{key{index + 1}}}\n"

              let text =
                  minimal + "name: ${key1}\n" + String.concat "" (List.map double [ 1..25 ]) + "key26: abcdef\n"

              Expect.stringContains (rendered (Scenario.parse file text [])) "error" "texts"
              let chain = [ for index in 1..20_000 -> $"key{index}: ${{key{index + 1}}}\n" ] |> String.concat ""

              Expect.stringContains
                  (rendered (Scenario.parse file (minimal + "name: ${key1}\n" + chain) []))
                  "error"
                  "chain" ]

let private environment =
    let parse variables text = Scenario.parseIn (world Map.empty (Map variables)) file text []

    testList
        "environment variables"
        [ testCase "they stand for their values, or their defaults"
          <| fun () ->
              let text = minimal + "name: run-${env:TAG:-none}\nseed: ${env:SEED}\n"
              let scenario = accepted (parse [ "SEED", "12"; "TAG", "a" ] text)
              Expect.equal (scenario.Name, scenario.Runs.Head.Seed) ("run-a", 12L) "set"
              Expect.equal (accepted (parse [ "SEED", "12" ] text)).Name "run-none" "default"
              Expect.stringContains (rendered (parse [] text)) "the environment variable 'SEED' is not set" "neither"

          testCase "what a variable holds is no reference, and '$${' is none either"
          <| fun () ->
              let text = minimal + "description: ${env:TEXT} $${seed}\n"
              Expect.equal (accepted (parse [ "TEXT", "${seed}" ] text)).Description "${seed} ${seed}" "description" ]

[<Tests>]
let tests = testList "inheritance" [ inheritance; references; environment ]
