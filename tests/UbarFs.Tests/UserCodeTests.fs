/// Rules and attacks out of code, as scenarios name them.
module UbarFs.Tests.UserCodeTests

open System.IO
open Expecto
open UbarFs.Engine
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Scripting
open UbarFs.Tests.LanguageSamples

let private pull =
    """
let private pulling pull limit =
    if limit = 9 then failwith "nine is too many"
    Rule.aggregating pull (fun view -> Aggregate.ofEstimate (Estimate.mean view.Received))

let rule =
    settings {
        let! pull = Setting.ratio "pull" 0.5 "weight of the own estimate"
        and! limit = Setting.whole "limit" 1 9 3 "a limit"
        return pulling pull limit
    }
"""

let private mirror = "let attack = Attack.alone (fun state -> Sent.Everyone(state.Estimate.neg ()))\n"
let private scripts = [ "rules/pull.fsx", pull; "rules/mirror.fsx", mirror ]

let private write folder (files: (string * string) list) =
    for name, text in files do
        let path = Path.Combine(folder, name)
        Directory.CreateDirectory(Path.GetDirectoryName path |> string) |> ignore
        File.WriteAllText(path, text)

let private load folder overrides =
    let world = { World.machine with Code = UserCode.create().Access }
    Scenario.loadIn world (Path.Combine(folder, "study.yaml")) overrides

/// Reads a scenario with some lines more, in a folder of its own with some files.
let private read files lines overrides =
    TinyDataset.inFolder (fun folder ->
        write folder (("study.yaml", minimal + lines) :: files)

        load folder overrides
        |> Result.map (fun (scenario, _) -> scenario.Runs)
        |> Result.mapError (fun problems ->
            (problems |> List.map Rendering.plain |> String.concat "").Replace($"{folder}/", "")))

let private runs files lines overrides =
    match read files lines overrides with
    | Ok runs -> runs
    | Error message -> failtest message

let private refused lines overrides =
    match read scripts lines overrides with
    | Ok _ -> failtest "accepted"
    | Error message -> message

let private said key (run: Run) = Run.canonical run |> List.filter (fst >> (=) key) |> List.map snd
let private script = "rule: { script: rules/pull.fsx }\n"

let private naming =
    testList
        "are named"
        [ testCase "by a script, with its parameters"
          <| fun () ->
              let runs = runs scripts "rule: { script: rules/pull.fsx, with: { pull: 25% } }\n" []
              let written = "{ script: rules/pull.fsx, with: { pull: 0.25, limit: 3 } }"
              Expect.equal (List.collect (said "rule") runs) [ written ] "all of them"

          testCase "by --set, and parameter by parameter"
          <| fun () ->
              let rule =
                  runs scripts "" [ "rule.script", "rules/pull.fsx"; "rule.with.limit", "4" ]
                  |> List.collect (said "rule")

              Expect.equal rule [ "{ script: rules/pull.fsx, with: { pull: 0.5, limit: 4 } }" ] "both"

          testCase "in sweeps, beside components and by their parameters"
          <| fun () ->
              let rules lines = runs scripts lines [] |> List.map (_.Rule >> UbarFs.Core.Chosen.label)
              let both = rules "sweep: { rule: [ubar, { script: rules/pull.fsx, with: { limit: 4 } }] }\n"
              Expect.equal both [ "ubar"; "pull.fsx (limit: 4)" ] "rules"
              let parameters = rules (script + "sweep: { rule.with.pull: [0.1, 0.2] }\n")
              Expect.equal parameters [ "pull.fsx (pull: 0.1)"; "pull.fsx (pull: 0.2)" ] "parameters"

          testCase "in exclusions, by what these say of them"
          <| fun () ->
              let lines =
                  "sweep:\n  rule: [ubar, { script: rules/pull.fsx }]\n  network.byzantine: [0.1, 0.2]\n"
                  + "  exclude: { rule: { script: rules/pull.fsx }, network.byzantine: 0.2 }\n"

              Expect.hasLength (runs scripts lines []) 3 "one is left out"

          testCase "as attacks, alone and among others, with the parameters of every attack"
          <| fun () ->
              let attack lines = runs scripts lines [] |> List.exactlyOne |> Run.attackLabel
              let set = "{ script: rules/mirror.fsx, with: { from: 2 } }"
              Expect.equal (attack $"attack: {set}\n") "mirror.fsx (from: 2)" "alone"
              Expect.equal (attack $"attack: [nan, {set}]\n") "[nan, mirror.fsx (from: 2)]" "in turns"

          testCase "from the folder of the scenario that names them, wherever it is extended"
          <| fun () ->
              let basis = "base/basis.yaml", minimal + script + "sweep: { attack: [{ script: rules/mirror.fsx }] }\n"
              let files = basis :: [ for name, text in scripts -> $"base/{name}", text ]

              TinyDataset.inFolder (fun folder ->
                  write folder (("study.yaml", "extends: base/basis.yaml\nrule: { with: { pull: 0.1 } }\n") :: files)

                  match load folder [] with
                  | Ok(scenario, _) ->
                      let rule = scenario.Runs |> List.collect (said "rule")
                      Expect.equal rule [ "{ script: base/rules/pull.fsx, with: { pull: 0.1, limit: 3 } }" ] "joined"
                  | Error problems -> failtest (problems |> List.map Rendering.plain |> String.concat "")) ]

let private identity =
    testList
        "take part in a run's id"
        [ testCase "by their content, not by their place"
          <| fun () ->
              let id files = runs files script [] |> List.map RunStore.id
              Expect.equal (id scripts) (id scripts) "another folder"
              let changed = [ "rules/pull.fsx", pull.Replace("0.5", "0.6") ]
              Expect.notEqual (id scripts) (id changed) "another script"

          testCase "as attacks, too"
          <| fun () ->
              let id mirror =
                  runs [ "rules/mirror.fsx", mirror ] "attack: { script: rules/mirror.fsx }\n" []
                  |> List.map RunStore.id

              Expect.notEqual (id mirror) (id (mirror + "\n// changed\n")) "another script" ]

let private refusals =
    testList
        "are refused"
        [ for name, lines, expected in
              [ "that are not there", "rule: { script: rules/pul.fsx }\n", "did you mean"
                "with parameters that they do not have",
                "rule: { script: rules/pull.fsx, with: { pul: 0.1 } }\n",
                "did you mean 'pull'?"
                "with values out of range",
                "rule: { script: rules/pull.fsx, with: { pull: 3 } }\n",
                "expected a number in [0, 1]"
                "with parameters beside the script", "rule: { script: rules/pull.fsx, pull: 0.1 }\n", "stand in 'with'"
                "with two places", "rule: { script: rules/pull.fsx, type: Mean }\n", "not both"
                "without a type", "rule: { assembly: x.dll }\n", "'type' is missing"
                "that define something else", "rule: { script: rules/mirror.fsx }\n", "the script defines no rule"
                "by their path alone", "rule: rules/pull.fsx\n", "write { script: rules/pull.fsx }"
                "when they refuse their parameters",
                "rule: { script: rules/pull.fsx, with: { limit: 9 } }\n",
                "nine is too many" ] do
              testCase name
              <| fun () ->
                  let message = refused lines []
                  Expect.stringContains message expected "reason"

          testCase "where nobody may load code"
          <| fun () ->
              match Scenario.parse "study.yaml" (minimal + script) [] with
              | Ok _ -> failtest "accepted"
              | Error problems ->
                  let message = problems |> List.map Rendering.plain |> String.concat ""
                  Expect.stringContains message "code is not loaded here" "reason"
                  Expect.stringContains message "rule: { script: rules/pull.fsx }" "place" ]

// One at a time: each holds a compiler.
[<Tests>]
let tests = testSequenced <| testList "rules and attacks of one's own" [ naming; identity; refusals ]
