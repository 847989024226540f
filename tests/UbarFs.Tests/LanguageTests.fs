/// The scenario language: what is written is what is run.
module UbarFs.Tests.LanguageTests

open System
open System.IO
open Expecto
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Tests.LanguageSamples

/// A run's settings without the checksums of the code that they name.
let private values (run: Run) = Run.canonical run |> List.filter (fun (path, _) -> not (path.EndsWith ".code"))

let private whatIsWritten =
    testList
        "what is written is what is run"
        [ testCase "every key"
          <| fun () ->
              let scenario, warnings = accepted text []
              Expect.equal warnings [] "nothing is odd"
              Expect.equal scenario.Name "bit-flip" "name"
              Expect.equal scenario.Description "Figure 6 of the paper" "description"

              Expect.equal
                  (scenario.Runs |> List.map values)
                  [ [ "seed", "2022"
                      "data.dataset", "digits"
                      "data.partition", "iid"
                      "data.holders", "all"
                      "data.least", "batch"
                      "model", "{ mlp: { hidden: 30 } }"
                      "network.topology", "{ random: { ratio: 0.5 } }"
                      "network.benign", "12"
                      "network.byzantine", "0.25"
                      "network.benign-ratio", "0.6"
                      "network.enforce-benign-ratio", "false"
                      "network.placement", "degree"
                      "network.weights", "metropolis"
                      "training.batch", "64"
                      "training.epochs", "50"
                      "training.rate", "0.1"
                      "training.fading", "none"
                      "training.decay", "fading"
                      "training.warmup", "none"
                      "training.weight-decay", "0"
                      "training.gradient-clip", "none"
                      "training.local-steps", "1"
                      "training.last-batch", "keep"
                      "training.start", "own"
                      "training.loss", "hinge"
                      "protocol", "gossip"
                      "rule", "{ ubar: { rho: 0.3, alpha: 0.25, stages: both } }"
                      "attack",
                      "{ gaussian: { sigma: 2.5, shared: false, around: zero, scope: network, from: 0, until: end } }"
                      "measure.every", "20 iterations"
                      "measure.images", "all"
                      "measure.validation", "10%"
                      "measure.averaged", "false" ] ]
                  "values"

          testCase "the defaults"
          <| fun () ->
              let scenario, _ = accepted minimal []
              Expect.equal scenario.Name "example" "the name is that of the file"

              Expect.equal
                  (scenario.Runs |> List.map values)
                  [ [ "seed", "1"
                      "data.dataset", "digits"
                      "data.partition", "iid"
                      "data.holders", "all"
                      "data.least", "batch"
                      "model", "softmax"
                      "network.topology", "{ random: { ratio: 0.4 } }"
                      "network.benign", "8"
                      "network.byzantine", "0"
                      "network.benign-ratio", "0.4"
                      "network.enforce-benign-ratio", "true"
                      "network.placement", "random"
                      "network.weights", "equal"
                      "training.batch", "32"
                      "training.epochs", "3"
                      "training.rate", "0.05"
                      "training.fading", "20"
                      "training.decay", "fading"
                      "training.warmup", "none"
                      "training.weight-decay", "0"
                      "training.gradient-clip", "none"
                      "training.local-steps", "1"
                      "training.last-batch", "drop"
                      "training.start", "shared"
                      "training.loss", "cross-entropy"
                      "protocol", "gossip"
                      "rule", "{ ubar: { rho: network, alpha: 0.5, stages: both } }"
                      "attack", "{ none: { from: 0, until: end } }"
                      "measure.every", "1 epoch"
                      "measure.images", "all"
                      "measure.validation", "none"
                      "measure.averaged", "false" ] ]
                  "values"

          testCase "a component can be written in several ways"
          <| fun () ->
              let rules =
                  [ "ubar"
                    "{ ubar: }"
                    "{ ubar: {} }"
                    "'ubar'"
                    "{ ubar: network }"
                    "\n  ubar:\n    alpha: 0.5" ]
                  |> List.map (fun rule -> runs (minimal + $"rule: {rule}\n") [] |> List.map written)

              Expect.hasLength (List.distinct rules) 1 "the same rule"

          testCase "an alias repeats a value"
          <| fun () ->
              let text = minimal + "rule: &rule { ubar: 0.3 }\nsweep: { rule: [*rule, average] }\n"
              Expect.equal (runs text [] |> List.map _.Rule.Name) [ "ubar"; "average" ] "rules"

          testCase "what the language writes, it reads"
          <| fun () ->
              let chosen =
                  [ "rule: { ubar: 0.3 }\nattack: { gaussian: 2.5 }"
                    "attack: [bit-flip, { stale: 7 }]" ]

              for keys in chosen do
                  let once = runs $"{minimal}{keys}\n" [] |> List.exactlyOne |> written
                  let rule, attack = once["rule"], once["attack"]
                  let again = runs $"{minimal}rule: {rule}\nattack: {attack}\n" [] |> List.exactlyOne |> written
                  Expect.equal again once keys

          testCase "the name of the file must do where the scenario has none"
          <| fun () ->
              let messages text =
                  match Scenario.parse "my scenario.yaml" text [] with
                  | Ok _ -> []
                  | Error errors -> errors |> List.map _.Hint

              Expect.equal (messages minimal) [ Some "say one in the file, as in 'name: my-scenario'" ] "no name"
              Expect.equal (messages (minimal + "name: mine\n")) [] "a name"

          testCase "scenarios of one name clash, whatever their case"
          <| fun () ->
              let named name file = { fst (accepted (minimal + $"name: {name}\n") []) with File = file }
              let scenarios = [ named "one" "a.yaml"; named "two" "b.yaml"; named "One" "c.yaml" ]
              let clashes = Scenario.clashes scenarios |> List.map _.Place
              Expect.equal clashes [ Place.File "c.yaml" ] "clashes" ]

let private inFolder action =
    let folder = Directory.CreateTempSubdirectory("ubarfs-").FullName

    try
        action (fun name -> Path.Combine(folder, name))
    finally
        Directory.Delete(folder, true)

let private files =
    let message (result: Result<_, Diagnostic list>) =
        match result with
        | Ok _ -> "accepted"
        | Error errors -> errors |> List.map Rendering.plain |> String.concat ""

    testList
        "files"
        [ testCase "a file is read, with or without a byte order mark"
          <| fun () ->
              inFolder (fun path ->
                  for name, mark in [ "plain.yaml", ""; "marked.yaml", "\uFEFF" ] do
                      File.WriteAllText(path name, mark + minimal)
                      Expect.equal (message (Scenario.load (path name) [])) "accepted" name)

          testCase "a file that is not there is looked for among its siblings"
          <| fun () ->
              inFolder (fun path ->
                  File.WriteAllText(path "figure-6.yaml", minimal)
                  let text = message (Scenario.load (path "figur-6.yaml") [])
                  Expect.stringContains text "no such file" "message"
                  let meant = path "figure-6.yaml"
                  Expect.stringContains text $"did you mean '{meant}'?" "hint")

          testCase "folders, foreign encodings and huge files are refused"
          <| fun () ->
              inFolder (fun path ->
                  File.WriteAllBytes(
                      path "latin.yaml",
                      Text.Encoding.Latin1.GetBytes("name: x\ndescription: für\n" + minimal)
                  )

                  File.WriteAllText(path "huge.yaml", repeated "# x\n" 300_000)

                  let refused name expected =
                      Expect.stringContains (message (Scenario.load (path name) [])) expected name

                  refused "." "this is a folder"
                  refused "latin.yaml" ":2:15: error: this is not UTF-8 text"
                  refused "huge.yaml" "larger than 1024 KiB") ]

[<Tests>]
let tests = testList "language" [ whatIsWritten; files ]
