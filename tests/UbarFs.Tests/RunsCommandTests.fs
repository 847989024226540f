/// `ubarfs runs`, and what becomes of runs that a scenario has no more.
module UbarFs.Tests.RunsCommandTests

open System
open System.IO
open System.Text.Json
open Expecto
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Scenario
open UbarFs.Tests.CommandProcess

let private parsed text =
    match Scenario.parse "study.yaml" text [] with
    | Ok(scenario, _) -> scenario
    | Error errors -> errors |> List.map Rendering.plain |> String.concat "" |> failtest

let private study rate more =
    $"name: study\ndata: {{ dataset: digits }}\nmodel: softmax\nnetwork: {{ topology: ring, benign: 3 }}\n"
    + $"training: {{ batch: 16, iterations: 2, rate: {rate} }}\nmeasure: {{ every: 1 iteration }}\n{more}"
    |> parsed

let private opened folder =
    match RunStore.opened folder "study" with
    | Ok store -> store
    | Error reason -> failtest reason

let private session: Session =
    SessionDefaults.create torch.CPU (fun _ -> Supply.Available(Runs.samples.Value, "digits"))

let private run folder (scenario: Scenario) =
    let store = opened folder
    Session.run session store (Campaign.ofScenario scenario) |> ignore
    store.Folder

let private readCsv (file: string) =
    match File.ReadAllLines file |> List.ofArray with
    | header :: rows -> header.Split ',' |> List.ofArray, rows |> List.map (fun row -> row.Split ',' |> List.ofArray)
    | [] -> [], []

let private column name (header: string list, rows: string list list) =
    let index = header |> List.findIndex ((=) name)
    rows |> List.map (List.item index)

let private files folder =
    Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories) |> Set.ofArray

// libtorch is asked from one thread at a time.
let private kept =
    [ testCase "an edited scenario leaves its older runs in a file of their own"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let store = run folder (study 0.2 "repeat: 2\n")
              let before = column "worst_accuracy" (readCsv (Path.Combine(store, "results.csv")))
              Expect.isFalse (File.Exists(Path.Combine(store, OtherRuns.name))) "nothing else yet"
              run folder (study 0.05 "repeat: 2\n") |> ignore
              let others = readCsv (Path.Combine(store, OtherRuns.name))
              Expect.equal (column "training.rate" others) [ "0.2"; "0.2" ] "what sets them apart"
              Expect.equal (column "worst_accuracy" others |> List.sort) (List.sort before) "their results"
              let now = readCsv (Path.Combine(store, "results.csv"))
              Expect.hasLength (snd now) 2 "results.csv has the scenario's runs alone"
              let loaded = (Study.tryLoad store).Value
              Expect.equal (loaded.Others |> List.map snd) [ 2 ] "and a study knows of the others"
              Expect.stringContains (Summary.others loaded).Head "2 runs beside these" "in words"
              // Back again: nothing is lost, nothing is done twice.
              run folder (study 0.2 "repeat: 2\n") |> ignore
              let again = readCsv (Path.Combine(store, OtherRuns.name))
              Expect.equal (column "training.rate" again) [ "0.05"; "0.05" ] "the other way round")

      testCase "a report on everything tells older runs apart"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              run folder (study 0.2 "repeat: 2\n") |> ignore
              run folder (study 0.1 "repeat: 2\nrule: average\n") |> ignore
              let store = run folder (study 0.05 "repeat: 2\n")
              let all = (Study.tryLoadAll store).Value
              let groups = Summary.groups all
              Expect.equal (groups |> List.map _.Runs.Length) [ 2; 2; 2 ] "groups of two seeds"

              Expect.equal
                  (groups |> List.map (fun group -> group.Rule, group.Settings) |> List.sort)
                  [ "average", [ "training.rate", "0.1" ]
                    "ubar", [ "training.rate", "0.05" ]
                    "ubar", [ "training.rate", "0.2" ] ]
                  "columns"

              Expect.equal all.Others [] "nothing is left out")

      testCase "a label given later is that of the runs that are there"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              run folder (study 0.2 "rule: { ubar: 0.3 }\n") |> ignore
              let store = run folder (study 0.2 "rule: { ubar: 0.3, label: Ours }\n")
              let study = (Study.tryLoad store).Value
              Expect.equal study.Others [] "the same run"
              Expect.equal (study.Runs |> List.map _.Identity.Rule) [ "Ours" ] "in the report"
              Expect.equal (column "rule" (readCsv (Path.Combine(store, "results.csv")))) [ "Ours" ] "in results.csv")

      testCase "other devices and other data among runs are said"
      <| fun () ->
          let usual = Studies.usual

          let changed index (run: StudyRun) =
              if index = 0 then
                  { run with
                      StudyRun.Outcome.Provenance = [ "device", "cuda:0"; "data checksum", "abcdef0123" ] }
              else
                  { run with
                      StudyRun.Outcome.Provenance = [ "device", "cpu"; "data checksum", "0123456789" ] }

          Expect.equal (Summary.remarks usual) [] "nothing to say"
          let remarks = Summary.remarks { usual with Study.Runs = List.mapi changed usual.Runs }
          Expect.hasLength remarks 2 "both"
          Expect.stringContains remarks[0] "cuda and on cpu" "devices"
          Expect.stringContains remarks[1] "abcdef01, 01234567" "checksums" ]

let private removing =
    [ testCase "what the scenario has no more is removed, and nothing else"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              run folder (study 0.2 "repeat: 2\n") |> ignore
              let store = run folder (study 0.05 "")
              let outside = Path.Combine(folder, "outside")
              Directory.CreateDirectory outside |> ignore
              File.WriteAllText(Path.Combine(outside, "precious.txt"), "kept")
              let current = (Contents.current store).Value
              let others = Contents.others store current
              Expect.hasLength others 2 "older runs"

              // A link in a run's folder, and one that looks like a run.
              Directory.CreateSymbolicLink(Path.Combine(others[0].Folder, "link"), outside) |> ignore
              Directory.CreateSymbolicLink(Path.Combine(store, "0123456789ab"), outside) |> ignore
              Directory.CreateDirectory(Path.Combine(store, "notes")) |> ignore
              Expect.hasLength (Contents.others store current) 2 "a link is no run"
              let locks = Locks.ofStore store

              match Locks.claim locks others[1].Folder with
              | Claim.Held _ -> failtest "nobody has it"
              | Claim.Granted(held, _) ->
                  let removal = using held (fun _ -> Contents.remove (Locks.ofStore store) store others[1])
                  Expect.isTrue removal.IsHeld "one that is worked on is left alone"
                  Expect.isTrue (File.Exists(Path.Combine(others[1].Folder, "run.json"))) "whole"

              Expect.equal (Contents.remove locks store others[0]) Removal.Removed "the first"
              Expect.equal (Contents.remove locks store others[1]) Removal.Removed "the second"
              Expect.equal (Contents.others store current) [] "none are left"
              Expect.equal (File.ReadAllText(Path.Combine(outside, "precious.txt"))) "kept" "behind the links"
              Expect.isTrue (Directory.Exists(Path.Combine(store, "notes"))) "what is no run"
              Expect.isTrue (Directory.Exists(Path.Combine(store, "0123456789ab"))) "a link that looks like one"
              let own = Contents.runs store current |> List.exactlyOne
              Expect.equal (Contents.remove locks store own) Removal.Current "the scenario's own run is none of these"
              Expect.isTrue (File.Exists(Path.Combine(own.Folder, "run.json"))) "and stays whole")

      testCase "a path is no run"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let store = run folder (study 0.05 "")
              let own = Contents.runs store (Contents.current store).Value |> List.exactlyOne
              let before = files folder

              for id in [ ".."; "."; ""; "../study/" + own.Id; "notarun" ] do
                  Expect.isTrue (Contents.remove (Locks.ofStore store) store { own with Id = id }).IsFailed id

              Expect.equal (files folder) before "nothing is gone") ]

let private text rate more =
    $"data: {{ dataset: digits }}\nmodel: softmax\nnetwork: {{ topology: ring, benign: 3 }}\n"
    + $"training: {{ batch: 16, iterations: 2, rate: {rate} }}\nmeasure: {{ every: 1 iteration }}\n{more}"

let private command =
    testCase "the command lists, shows and prunes, and asks before it does"
    <| fun () ->
        inFolderWith [ "study.yaml", text 0.2 "" ] (fun folder ->
            let ubarfs arguments = ubarfs folder arguments

            let accepted arguments =
                ubarfs arguments
                |> fun outcome ->
                    Expect.equal outcome.Code 0 outcome.Errors
                    outcome

            let first = accepted [ "study.yaml" ]
            Expect.isFalse (first.Errors.Contains "ubarfs runs list") "nothing to say"
            let second = accepted [ "study.yaml"; "--set"; "training.rate=0.05" ]
            Expect.stringContains second.Errors "'ubarfs runs list runs/study' shows them" "the older run is told of"

            let page = File.ReadAllText(Path.Combine(folder, "runs", "study", "report.html"))
            Expect.stringContains page "1 run beside these" "in the report, too"

            let list = accepted [ "runs"; "list"; "runs/study" ]
            Expect.stringContains list.Output "training.rate 0.2" "what sets the older one apart"
            Expect.stringContains list.Output "1 no longer in the scenario" "how many"

            use document = JsonDocument.Parse (accepted [ "runs"; "list"; "runs/study"; "--json" ]).Output
            let runs = document.RootElement.GetProperty("runs").EnumerateArray() |> List.ofSeq
            let isCurrent (run: JsonElement) = run.GetProperty("current").GetBoolean()
            let older = runs |> List.find (isCurrent >> not)
            let id = older.GetProperty("run").GetString() |> string
            Expect.equal (runs |> List.map isCurrent |> List.sort) [ false; true ] "one of each"

            let shown = accepted [ "runs"; "show"; "runs/study"; id.Substring(0, 6) ]
            Expect.stringContains shown.Output "training.rate                 0.05, here 0.2" "what was changed since"
            Expect.equal (ubarfs [ "runs"; "show"; "runs/study"; "zzz" ]).Code 2 "no such run"

            let all = accepted [ "report"; "runs/study"; "--all"; "--quiet" ]
            Expect.equal all.Errors "" "nothing was left out"
            Expect.isTrue (File.Exists(Path.Combine(folder, "runs", "study", "report-all.html"))) "its own page"

            let dry = accepted [ "runs"; "prune"; "runs/study"; "--dry-run" ]
            Expect.stringContains dry.Output $"{id} would be removed" "what would be"
            let unasked = ubarfs [ "runs"; "prune"; "runs/study" ]
            Expect.equal unasked.Code 2 "nobody can be asked"
            Expect.stringContains unasked.Errors "--yes" "so it says how"
            Expect.isTrue (Directory.Exists(Path.Combine(folder, "runs", "study", id))) "nothing is gone"

            let pruned = accepted [ "runs"; "prune"; "runs/study"; "--yes" ]
            Expect.stringContains pruned.Output $"{id} removed" "removed"
            Expect.isFalse (Directory.Exists(Path.Combine(folder, "runs", "study", id))) "gone"
            Expect.stringContains pruned.Output "\n1 run removed, " "the total"
            Expect.isFalse (File.Exists(Path.Combine(folder, "runs", "study", OtherRuns.name))) "and its row"

            for page in [ "report.html"; "report-all.html" ] do
                let page = File.ReadAllText(Path.Combine(folder, "runs", "study", page))
                Expect.isFalse (page.Contains "beside these" || page.Contains id) "pages know it no more"

            Expect.equal (ubarfs [ "runs"; "list"; "runs" ]).Code 2 "no store")

let private unreadable =
    testCase "a store that cannot be read is named, and the others are reported on"
    <| fun () ->
        inFolderWith [ "study.yaml", text 0.2 ""; "runs/broken/sweep.json", "{" ] (fun folder ->
            Expect.equal (ubarfs folder [ "study.yaml"; "--quiet" ]).Code 0 "runs"
            let all = ubarfs folder [ "report"; "runs"; "--quiet" ]
            Expect.equal all.Code 0 all.Errors
            Expect.stringContains all.Errors "broken/sweep.json' cannot be read" "named"
            let alone = ubarfs folder [ "report"; "runs/broken" ]
            Expect.equal alone.Code 2 "nothing to report on"
            Expect.stringContains alone.Errors "cannot be read" "and why")

[<Tests>]
let tests =
    testList
        "kept runs"
        [ testSequenced (testList "older" kept)
          testSequenced (testList "removing" removing)
          command
          unreadable ]
