/// Labels: what a scenario calls its rules, attacks and variants.
module UbarFs.Tests.LabelTests

open Expecto
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Tests.LanguageSamples

let private lying = minimal.Replace("benign: 8", "benign: 8, byzantine: 25%")
let private refused text overrides = errors text overrides |> List.map Rendering.plain |> String.concat ""
let private ids runs = runs |> List.map RunStore.id
let private swept (runs: Run list) = runs |> List.map _.Swept

let private reading =
    [ testCase "a label changes what a rule is called, and no run's id"
      <| fun () ->
          let plain = runs (lying + "rule: { ubar: { rho: 0.3 } }\n") []
          let labelled = runs (lying + "rule: { ubar: { rho: 0.3 }, label: Ours }\n") []
          Expect.equal (plain |> List.map Run.ruleLabel) [ "ubar (rho: 0.3)" ] "without"
          Expect.equal (labelled |> List.map Run.ruleLabel) [ "Ours" ] "with"
          Expect.equal (ids labelled) (ids plain) "ids"
          Expect.equal (List.map Run.canonical labelled) (List.map Run.canonical plain) "what determines the numbers"

      testCase "every way to write a component has its label"
      <| fun () ->
          for rule in
              [ "{ ubar: , label: Ours }"
                "{ ubar: 0.3, label: Ours }"
                "{ label: 'Ours', ubar: { rho: 0.3 } }"
                "{ label: \" Ours \", average: {} }" ] do
              Expect.equal (runs (lying + $"rule: {rule}\n") [] |> List.map Run.ruleLabel) [ "Ours" ] rule

      testCase "attacks have labels one by one, in lists too"
      <| fun () ->
          let attack = "[{ gaussian: 2, label: Noise }, bit-flip]"
          let run = runs (lying + $"attack: {attack}\n") [] |> List.exactlyOne
          Expect.equal (Run.attackLabel run) "[Noise, bit-flip]" "label"
          Expect.equal (Run.attackName run) "[gaussian, bit-flip]" "name"

      testCase "a sweep tells its values by their labels"
      <| fun () ->
          let rules = "[{ ubar: { rho: 0.3 }, label: Ours }, average]"
          let attacks = "[[{ gaussian: 2, label: Noise }, bit-flip], none]"

          Expect.equal
              (swept (runs (lying + $"sweep: {{ rule: {rules}, attack: {attacks} }}\n") []))
              [ [ "rule", "Ours"; "attack", "[Noise, bit-flip]" ]
                [ "rule", "Ours"; "attack", "none" ]
                [ "rule", "average"; "attack", "[Noise, bit-flip]" ]
                [ "rule", "average"; "attack", "none" ] ]
              "labels"

      testCase "a variant has a label beside what it sets"
      <| fun () ->
          let variants = "{ a: { label: Our setting, rule: { ubar: 0.3 } }, b: { rule: average } }"

          Expect.equal
              (swept (runs (lying + $"sweep: {{ variants: {variants}, exclude: {{ variant: b }} }}\n") []))
              [ [ "variant", "Our setting" ] ]
              "and is excluded by its name"

      testCase "labels can go beside swept parameters, and are no column"
      <| fun () ->
          let found = runs (lying + "sweep: { zip: { rule.ubar.rho: [0.3, 0.5], rule.label: [Low, High] } }\n") []

          Expect.equal (found |> List.map Run.ruleLabel) [ "Low"; "High" ] "labels"
          Expect.equal (swept found) [ [ "rule.ubar.rho", "0.3" ]; [ "rule.ubar.rho", "0.5" ] ] "columns"

      testCase "--set replaces a rule with its label, or one of both"
      <| fun () ->
          let labelled = lying + "rule: { ubar: { rho: 0.3 }, label: Ours }\n"
          let one text overrides = runs text overrides |> List.exactlyOne
          let rule run = Run.ruleLabel run, Chosen.canonical run.Rule
          let whole = one lying [ "rule", "{ ubar: { rho: 0.2 }, label: X }" ]
          Expect.equal (Run.ruleLabel whole) "X" "both"
          let inner = one labelled [ "rule.ubar.rho", "0.2" ]
          Expect.equal (rule inner) ("Ours", Chosen.canonical whole.Rule) "the parameter of what stays ours"
          Expect.equal (Run.ruleLabel (one labelled [ "rule.label", "Mine" ])) "Mine" "the label"
          Expect.equal (Run.ruleLabel (one labelled [ "rule", "average" ])) "average" "another rule"
          Expect.equal (Run.ruleLabel (one lying [ "rule.label", "Mine"; "rule", "average" ])) "average" "in turn"
          let swept = lying + "sweep: { rule: [average, { ubar: 0.3, label: A }] }\n"
          Expect.equal (runs swept [ "rule", "{ ubar: 0.5, label: B }" ] |> List.map Run.ruleLabel) [ "B" ] "a sweep"

      testCase "the canonical form keeps labels, and reads as the same"
      <| fun () ->
          for more in
              [ "rule: { ubar: { rho: 0.3 }, label: 'It''s: ours, #1' }\n"
                "attack: [{ gaussian: 2, label: Noise }, { bit-flip: , label: Flip }]\n"
                "rule: { average: , label: null and void }\n"
                "sweep: { rule: [{ ubar: 0.3, label: Ours }, average], variants: { a: { label: A, seed: 3 } } }\n" ] do
              let scenario, _ = accepted (lying + more) []
              let again, _ = accepted (YamlText.ofScenario scenario) []
              let told (run: Run) = Run.ruleLabel run, Run.attackLabel run, run.Swept, Run.canonical run
              Expect.equal (List.map told again.Runs) (List.map told scenario.Runs) more

      testCase "scenarios in F# say labels, too"
      <| fun () ->
          let built =
              Build.scenario "study" {
                  dataset "digits"
                  model "softmax"
                  benign 8
                  epochs 3

                  sweep
                      "rule"
                      [ Build.labelled "Ours" (Build.choose "ubar" [ Build.(=>) "rho" 0.3 ])
                        Build.choose "average" [] ]

                  attack (Build.labelled "Calm" "none")
                  variant "a" [ Build.(=>) "label" "A"; Build.(=>) "seed" 4 ]
              }

          match Build.check "study.fsx" built with
          | Ok(scenario, _) ->
              Expect.equal (scenario.Runs |> List.map Run.ruleLabel) [ "Ours"; "average" ] "rules"
              Expect.equal (scenario.Runs |> List.map Run.attackLabel) [ "Calm"; "Calm" ] "attacks"
              Expect.equal (swept scenario.Runs |> List.map List.last) [ "variant", "A"; "variant", "A" ] "variants"
          | Error errors -> errors |> List.map Rendering.plain |> String.concat "" |> failtest ]

let private refusals =
    [ testCase "one label for two rules is an error at its place"
      <| fun () ->
          let message =
              refused
                  (lying + "sweep:\n  rule:\n    - { ubar: 0.3, label: Ours }\n    - { ubar: 0.5, label: Ours }\n")
                  []

          Expect.stringContains message ":8:7: error: the label 'Ours' stands for different rules" "place"
          Expect.stringContains message "rule.label" "what to do"

      testCase "one label for the values of a parameter is a name for each"
      <| fun () ->
          let rule = "rule: { ubar: 0.3, label: Ours }\nsweep: { rule.ubar.rho: [0.3, 0.5] }\n"
          Expect.equal (refused (lying + rule) []) "" "accepted"

          let runs = runs (lying + rule) []
          let names = RunNames.among runs

          Expect.equal (runs |> List.map names.Rule |> List.distinct) [ "Ours (rho: 0.3)"; "Ours (rho: 0.5)" ] "names"

      testCase "a label cannot be another rule's name"
      <| fun () ->
          let message = refused (lying + "sweep: { rule: [{ average: , label: ubar }, ubar] }\n") []
          Expect.stringContains message "the label 'ubar' stands for different rules" "message"

      testCase "nor can labels of attacks and variants stand for several"
      <| fun () ->
          let attacks = "[{ gaussian: 1, label: Noise }, { gaussian: 2, label: Noise }]"
          Expect.stringContains (refused (lying + $"attack: {attacks}\n") []) "different attacks" "side by side"
          Expect.stringContains (refused (lying + $"sweep: {{ attack: {attacks} }}\n") []) "different attacks" "swept"
          let variants = "{ a: { label: A, seed: 2 }, b: { label: A, seed: 3 } }"

          Expect.stringContains
              (refused (lying + $"sweep: {{ variants: {variants} }}\n") [])
              "different variants"
              "variants"

      testCase "a label for one rule with other attacks is no clash"
      <| fun () ->
          let rule = "rule: { ubar: 0.3, label: Ours }\nsweep: { attack: [none, bit-flip] }\n"
          Expect.equal (refused (lying + rule) []) "" "accepted"

      testCase "what a label cannot be, and where it cannot stand"
      <| fun () ->
          let said more = refused (lying + more) []
          Expect.stringContains (said "rule: { ubar: , label: '' }\n") "a label: a text of at most 60" "empty"
          Expect.stringContains (said "rule: { ubar: , label: [a] }\n") "a label" "a list"
          let long = repeated "x" 61
          Expect.stringContains (said $"rule: {{ ubar: , label: {long} }}\n") "a label" "long"
          Expect.stringContains (said "rule: { label: Ours }\n") "stands beside a rule" "alone"
          let model = refused (lying.Replace("softmax", "{ mlp: 30, label: Ours }")) []
          Expect.stringContains model "only rules, attacks and variants of a sweep have a label" "a model"
          let list = refused (lying + "attack: [none, bit-flip]\n") [ "attack.label", "Both" ]
          Expect.stringContains list "a list has no label" "a list of attacks" ]

[<Tests>]
let tests = testList "labels" [ testList "reading" reading; testList "refusals" refusals ]
