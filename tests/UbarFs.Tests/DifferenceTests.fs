/// What differs is never taken together: names, columns and groups of runs that are not repetitions of each other.
module UbarFs.Tests.DifferenceTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Scenario
open UbarFs.Testing.Generators
open UbarFs.Tests.LanguageSamples

let private things =
    let text words = Gen.elements words

    Gen.map3
        (fun label canonical print -> { Label = label; Canonical = canonical; Print = print })
        (text [ "mine"; "Ours"; "mine (v1/mine.fsx)"; "mine #aaaaaa"; "Ours (ubar)" ])
        (text
            [ "average"
              "{ ubar: { rho: 0.3 } }"
              "{ ubar: { rho: 0.4 } }"
              "{ script: v1/mine.fsx }"
              "{ script: v2/mine.fsx, with: { share: 0.3 } }"
              "{ assembly: a.dll, type: Mine }"
              "{ assembly: b.dll, type: Mine }"
              "[none, { script: v1/mine.fsx }]" ])
        (text [ ""; String('a', 64); String('a', 63) + "b"; String('c', 64) ])
    |> Gen.listOf

let private names =
    [ testProperty "different things have different names, and equal ones the same"
      <| forAll things (fun things ->
          let identities = things |> List.map (fun thing -> thing.Canonical, thing.Print) |> List.distinct
          let names = Naming.distinct things
          names.Count = identities.Length && (names.Values |> Seq.distinct |> Seq.length) = identities.Length)

      testProperty "a thing is called by its label where no other thing is"
      <| forAll things (fun things ->
          let things = things |> List.distinctBy (fun thing -> thing.Canonical, thing.Print)
          let names = Naming.distinct things

          things
          |> List.groupBy _.Label
          |> List.forall (fun (label, same) ->
              same.Length > 1 || names[same.Head.Canonical, same.Head.Print].StartsWith label))

      testCase "a path tells scripts apart, and a parameter rules; only where nothing else does a checksum"
      <| fun () ->
          let thing label canonical print = { Label = label; Canonical = canonical; Print = print }
          let script folder = $"{{ script: {folder}/mine.fsx }}"
          let called things = Naming.distinct things |> Map.toList |> List.map snd
          let one, other = String('1', 64), String('2', 64)

          Expect.equal
              (called [ thing "mine" (script "v1") one; thing "mine" (script "v2") other ])
              [ "mine (v1/mine.fsx)"; "mine (v2/mine.fsx)" ]
              "paths"

          Expect.equal
              (called [ thing "mine.fsx" (script "v1") one; thing "mine.fsx" (script "v2") other ])
              [ "v1/mine.fsx"; "v2/mine.fsx" ]
              "a path that has the name in it stands alone"

          Expect.equal
              (called [ thing "mine" (script "v1") one; thing "mine" (script "v1") other ])
              [ "mine #111111"; "mine #222222" ]
              "the same path before and after an edit"

          Expect.equal
              (called
                  [ thing "Ours" "{ ubar: { rho: 0.3, alpha: 0.5 } }" ""
                    thing "Ours" "{ ubar: { rho: 0.4, alpha: 0.5 } }" ""
                    thing "average" "average" "" ])
              [ "average"; "Ours (rho: 0.3)"; "Ours (rho: 0.4)" ]
              "parameters" ]

// ---- Stores

let private ruleOf name : Component<Rule> =
    { (Catalogue.rules |> List.find (fun rule -> rule.Name = "average")) with
        Name = name }

/// Scripts whose name is that of their file, and whose checksum a table says.
let private world (prints: (string * string) list) =
    let rule (file: CodeFile) =
        let path = CodeFile.path file

        let print =
            prints |> List.tryFind (fst >> (=) path) |> Option.map snd |> Option.defaultValue (String('0', 64))

        let rule = ruleOf (Path.GetFileNameWithoutExtension path |> string)

        Ok
            { Component = rule
              Anew = fun () -> Ok rule
              Fingerprint = print
              Warnings = [] }

    { World.none with Code = fun _ -> { CodeAccess.none with Rule = rule } }

let private scenarioIn world text =
    match Scenario.parseIn world "study.yaml" text [] with
    | Ok(scenario, _) -> scenario
    | Error errors -> errors |> List.map Rendering.plain |> String.concat "" |> failtest

let private scenario text = scenarioIn World.none text

/// The study of a store with these runs, none of them begun.
let private studyOf folder (scenario: Scenario) =
    match RunStore.opened folder scenario.Name with
    | Error reason -> failtest reason
    | Ok store ->
        SweepFile.write store (Campaign.ofScenario scenario)
        (Study.tryLoad store.Folder).Value

/// The study of a store that a version with this code wrote, or one that did not tell: its ids begin with a
/// digit.
let private ofVersion folder code (digit: char) (scenario: Scenario) =
    let store = Path.Combine(folder, "study")
    Directory.CreateDirectory store |> ignore
    let record = SweepFile.ofCampaign (Campaign.ofScenario scenario)
    let renamed (run: SweptRun) = { run with Id = String(digit, 6) + run.Id.Substring 6 }
    let record = { record with Code = code; Runs = Array.map renamed record.Runs }
    File.WriteAllText(Path.Combine(store, "sweep.json"), SweepFile.text record)
    (Study.tryLoad store).Value

let private merged (scenarios: Scenario list) : Study =
    TinyDataset.inFolder (fun folder ->
        scenarios
        |> List.mapi (fun index scenario -> studyOf (Path.Combine(folder, string index)) scenario)
        |> Study.merge)

let private base' = "name: study\ndata: { dataset: digits }\nmodel: softmax\n"

let private with' epochs rate more =
    base'
    + $"network: {{ benign: 8, byzantine: 25%% }}\ntraining: {{ epochs: {epochs}, rate: {rate} }}\nrepeat: 2\n"
    + more

let private look (group: Group) = group.Settings, group.Rule, group.Attack

let private stores =
    [ testCase "scripts of one name in two folders are two rules"
      <| fun () ->
          let text = with' 4 0.1 "sweep: { rule: [{ script: v1/mine.fsx }, { script: v2/mine.fsx }, ubar] }\n"
          let world = world [ "v1/mine.fsx", String('1', 64); "v2/mine.fsx", String('2', 64) ]
          let groups = merged [ scenarioIn world text ] |> Summary.groups

          Expect.equal
              (groups |> List.map (fun group -> group.Rule, group.Runs.Length))
              [ "mine (v1/mine.fsx)", 2; "mine (v2/mine.fsx)", 2; "ubar", 2 ]
              "groups"

          Expect.equal (groups |> List.map _.RuleName) [ "mine"; "mine"; "ubar" ] "names beside them"

      testCase "stores of other lengths and rates are told apart by both"
      <| fun () ->
          let study = merged [ scenario (with' 4 0.2 ""); scenario (with' 8 0.05 "") ]
          let groups = Summary.groups study
          Expect.equal (groups |> List.map _.Runs.Length) [ 2; 2 ] "groups"
          Expect.equal (Summary.paths groups) [ "training.epochs"; "training.rate" ] "columns"
          Expect.equal (groups.Head.Settings) [ "training.epochs", "4"; "training.rate", "0.2" ] "values"

      testCase "a value that one store sweeps and the other does not is looked up"
      <| fun () ->
          let swept = scenario (with' 4 0.2 "sweep: { training.epochs: [4, 8], network.byzantine: [25%, 10%] }\n")
          let fixed' = scenario ((with' 8 0.2 "seed: 9\n").Replace("25%", "0.25"))
          let groups = merged [ swept; fixed' ] |> Summary.groups

          Expect.equal
              (groups |> List.map (fun group -> List.map snd group.Settings, group.Runs.Length))
              [ [ "4"; "10%" ], 2; [ "4"; "25%" ], 2; [ "8"; "10%" ], 2; [ "8"; "25%" ], 4 ]
              "the same settings are one group, however they are written"

      testCase "a script before and after an edit is two rules"
      <| fun () ->
          let store print =
              scenarioIn (world [ "mine.fsx", print ]) (with' 4 0.2 "rule: { script: mine.fsx }\n")

          let groups = merged [ store (String('1', 64)); store (String('2', 64)) ] |> Summary.groups
          Expect.equal (groups |> List.map _.Rule) [ "mine #111111"; "mine #222222" ] "rules"

      testCase "what two versions of ubarfs computed is not repeated: it has a column"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let sweep = scenario (with' 4 0.2 "")
              let study = studyOf (Path.Combine(folder, "new")) sweep
              let older = ofVersion (Path.Combine(folder, "old")) (Some(String('f', 64))) 'f' sweep
              let groups = Study.merge [ study; older ] |> Summary.groups
              Expect.equal (groups |> List.map _.Runs.Length) [ 2; 2 ] "each seed once in a group"
              Expect.equal (Summary.paths groups) [ Columns.code ] "the column")

      testCase "what two versions computed that no store tells apart counts a seed once, and that is said"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let older version =
                  ofVersion (Path.Combine(folder, string version)) None version (scenario (with' 4 0.2 ""))

              let merged = Study.merge [ older 'a'; older 'b' ]
              Expect.equal (Summary.groups merged |> List.map _.Runs.Length) [ 2 ] "each seed once"
              Expect.stringContains (List.exactlyOne merged.Problems) "2 runs are left out" "and why")

      testCase "the same store twice counts once"
      <| fun () ->
          let sweep = scenario (with' 4 0.2 "")
          let groups = merged [ sweep; sweep ] |> Summary.groups
          Expect.equal (groups |> List.map _.Runs.Length) [ 2 ] "one group of two seeds"

      testCase "two ways to write a value make no repetitions"
      <| fun () ->
          let groups =
              merged [ scenario (with' 4 0.2 "sweep: { network.byzantine: [0.25, 25%] }\n") ] |> Summary.groups

          Expect.equal (groups |> List.map _.Runs.Length) [ 2 ] "each run once"

      testCase "nobody lies where Byzantine nodes are absent, behave or are none, whatever they are called"
      <| fun () ->
          let free more = (merged [ scenario more ] |> Summary.groups |> List.head).IsAttackFree
          Expect.isTrue (free (with' 4 0.2 "attack: none\n")) "none"
          Expect.isTrue (free (with' 4 0.2 "attack: absent\n")) "absent"
          Expect.isTrue (free ((with' 4 0.2 "attack: bit-flip\n").Replace("25%", "0"))) "no Byzantine nodes"
          Expect.isFalse (free (with' 4 0.2 "attack: bit-flip\n")) "liars"
          Expect.isFalse (free (with' 4 0.2 "attack: [none, bit-flip]\n")) "some of them" ]

let private variations =
    let some = Gen.elements

    Gen.map3
        (fun (epochs, rate) topology more -> (with' epochs rate more).Replace("benign: 8", $"benign: 8, {topology}"))
        (Gen.zip (some [ 4; 8 ]) (some [ 0.1; 0.2 ]))
        (some [ "topology: ring"; "topology: { random: 0.5 }"; "placement: degree" ])
        (some
            [ ""
              "attack: bit-flip\n"
              "rule: { ubar: { rho: 0.3 } }\n"
              "sweep: { rule: [average, ubar], attack: [none, bit-flip] }\n"
              "sweep: { rule.ubar.rho: [0.3, 0.5] }\n"
              "sweep: { variants: { mild: { attack: none }, hard: { attack: bit-flip, network.byzantine: 0.3 } } }\n"
              "sweep: { zip: { network.byzantine: [0.1, 0.3], training.batch: [16, 32] } }\n" ])

let private laws =
    [ testProperty "groups that differ differ in words, and every run of a group has the same settings"
      <| forAll (Gen.zip variations variations) (fun (one, other) ->
          let groups = merged [ scenario one; scenario other ] |> Summary.groups

          (groups |> List.distinctBy look).Length = groups.Length
          && groups
             |> List.forall (fun group ->
                 (group.Runs |> List.distinctBy _.Resolved).Length = 1
                 && (group.Runs |> List.distinctBy _.Identity.Seed).Length = group.Runs.Length))

      testProperty "a store is read as it was written"
      <| forAll variations (fun text ->
          TinyDataset.inFolder (fun folder ->
              let scenario = scenario text
              studyOf folder scenario |> ignore

              SweepFile.tryRead (Path.Combine(folder, "study")) =
                  Some(SweepFile.ofCampaign (Campaign.ofScenario scenario))))

      testCase "what ten thousand runs share is told once"
      <| fun () ->
          let text = with' 4 0.2 "sweep: { rule: [average, ubar], attack: [none, bit-flip] }\n"
          let scenario = scenario (text.Replace("repeat: 2", "repeat: 2500"))
          let length = (SweepFile.text (SweepFile.ofCampaign (Campaign.ofScenario scenario))).Length
          Expect.isLessThan (length / scenario.Runs.Length) 400 "characters for each"

      testCase "a store of an older version is still read"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let run id seed =
                  $"""{{ "id": "{id}", "seed": {seed}, "dataset": "digits", "model": "mlp", "rule": "ubar (rho: 0.3)",
                    "attack": "absent", "swept": [["attack", "absent"]], "chance": 0.1, "stages": [] }}"""

              let runs = String.Join(",", [ run "00000000000a" 1; run "00000000000b" 2 ])

              File.WriteAllText(
                  Path.Combine(folder, "sweep.json"),
                  $"""{{ "name": "old", "description": "", "scenario": "rule: ubar\n", "runs": [{runs}] }}"""
              )

              let group = (Study.tryLoad folder).Value |> Summary.groups |> List.exactlyOne
              Expect.equal (group.Runs.Length, group.RuleName, group.IsAttackFree) (2, "ubar", true) "its runs")

      testCase "a damaged sweep.json is no store"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              for text in [ ""; "{"; "{}"; "[]"; """{ "name": "a", "scenario": "", "runs": [{}] }""" ] do
                  File.WriteAllText(Path.Combine(folder, "sweep.json"), text)
                  Expect.isNone (Study.tryLoad folder) text) ]

[<Tests>]
let tests =
    testList "what differs" [ testList "names" names; testList "stores" stores; testList "laws" laws ]
