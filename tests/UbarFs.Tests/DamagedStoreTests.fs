/// Stores that are damaged, or come from somebody who means ill: every command names what it cannot use, and uses the rest.
module UbarFs.Tests.DamagedStoreTests

open System
open System.IO
open System.Text
open System.Text.Json.Nodes
open System.Text.RegularExpressions
open Expecto
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Scenario
open UbarFs.Tests.CommandProcess

/// A change of a file's content; nothing removes it.
type private Damage = { File: string; What: string; Change: byte[] -> byte[] option }

let private changed file what (change: string -> string) =
    { File = file
      What = what
      Change = fun content -> Encoding.Latin1.GetString content |> change |> Encoding.Latin1.GetBytes |> Some }

let private becomes file (text: string) = changed file text (fun _ -> text)

let private replaced file (pattern: string) (text: string) =
    changed file $"{pattern} becomes {text}" (fun content ->
        let once = Regex(pattern, RegexOptions.Singleline).Replace(content, text, 1)

        if once = content then
            failtest $"{file} has no {pattern}"
        else
            once)

let private halved file = changed file "half of it" (fun text -> text.Substring(0, text.Length / 2))
let private gone file = { File = file; What = "gone"; Change = fun _ -> None }

/// A field of a JSON file in the place of what it was.
let private field (file: string) (path: string) (json: string) =
    changed file $"{path} becomes {json}" (fun content ->
        let root = JsonNode.Parse content |> nonNull
        let steps = path.Split '.'

        let inner (node: JsonNode) (step: string) =
            match Int32.TryParse step with
            | true, place -> nonNull node[place]
            | false, _ -> nonNull node[step]

        let owner = Array.fold inner root steps[.. steps.Length - 2]

        match owner, Array.last steps with
        | (:? JsonArray as items), place -> items[int place] <- JsonNode.Parse json
        | owner, name -> owner[name] <- JsonNode.Parse json

        root.ToJsonString())

// ---- Damages

/// Records that nobody can read.
let private records =
    [ becomes "run.json" "{}"
      becomes "run.json" "null"
      becomes "run.json" "[]"
      becomes "run.json" ""
      halved "run.json"
      field "run.json" "id" "\"0123456789ab\""
      field "run.json" "status" "5"
      field "run.json" "started" "5"
      field "run.json" "started" "\"yesterday\""
      field "run.json" "worst_accuracy" "\"high\""
      field "run.json" "worst_accuracy" "-5"
      field "run.json" "threads" "1e99"
      field "run.json" "sittings" "[{}]"
      field "run.json" "sittings" "[null]"
      field "run.json" "sittings" "5"
      field "run.json" "versions" "{\"a\": null}"
      field "run.json" "canonical" "{\"a\": null}"
      field "run.json" "facts" "{}"
      field "run.json" "breach" "{\"node\": \"a\"}"
      replaced "run.json" "\"threads\": " "\"threads\": 1000000000000000000000000000000"
      replaced "run.json" "\\{" "{ \"id\": \"0123456789ab\","
      replaced "run.json" "\"canonical\": \\{" "\"canonical\": { \"attack\": \"x\","
      replaced "run.json" "\"scenario\": \"" "\"scenario\": \"\\ud800"
      replaced "run.json" "complete" "\u00ff\u00fe" ]

/// Results that are not those of the run any more, whether there is a checksum of them or not.
let private results =
    [ replaced "metrics.csv" "\n0,0,0.1,0\\." "\n0,0,0.1,x."
      replaced "metrics.csv" "\n0,0," "\n0,1.5,"
      replaced "metrics.csv" "\n0,0," "\n0,1e99,"
      replaced "metrics.csv" "\n0,0,0.1,0\\." "\n0,0,0.1,9."
      replaced "metrics.csv" "worst_accuracy" "worst"
      changed "metrics.csv" "a short line" (fun text -> text + "1,2\n")
      changed "metrics.csv" "a long line" (fun text -> text + String('1', 100).Replace("1", "1,") + "\n")
      changed "metrics.csv" "no UTF-8" (fun text -> text + "\u00ff\u00fe\n")
      becomes "metrics.csv" ""
      gone "metrics.csv"
      becomes "network.json" "{}"
      becomes "network.json" "null"
      field "network.json" "edges" "[[0, 999]]"
      field "network.json" "edges" "[[0]]"
      field "network.json" "edges" "[null]"
      field "network.json" "edges" "null"
      field "network.json" "benign" "[0, 0, 0]"
      field "network.json" "benign" "[-1, 0, 1]"
      becomes "shares.csv" "node,class,images\n0,-1,5\n"
      becomes "shares.csv" "node,class,images\n0,1,0\n"
      becomes "shares.csv" "node,class,images\n0,1,many\n"
      becomes "nodes.parquet" ""
      becomes "nodes.parquet" "PAR1 and nothing behind it PAR1"
      halved "nodes.parquet" ]

/// What only a checksum tells.
let private hidden =
    [ replaced "metrics.csv" "\n0,0,0.1,0\\." "\n0,0,0.1,0.9"
      field "network.json" "edges" "[[0, 1]]"
      gone "network.json"
      replaced "shares.csv" "\n0,0," "\n0,0,1"
      gone "shares.csv"
      gone "nodes.parquet" ]

let private sweeps =
    [ becomes "sweep.json" ""
      becomes "sweep.json" "{}"
      becomes "sweep.json" "[]"
      becomes "sweep.json" "null"
      halved "sweep.json"
      field "sweep.json" "name" "null"
      field "sweep.json" "scenario" "null"
      field "sweep.json" "runs" "null"
      field "sweep.json" "runs.0" "null"
      field "sweep.json" "runs.0.id" "null"
      field "sweep.json" "runs.0.id" "\"0123\\u0000456789\""
      field "sweep.json" "runs.0.id" "\"x/../../../S/f/x\""
      field "sweep.json" "runs.0.id" "\"..\""
      field "sweep.json" "runs.0.stages" "null"
      field "sweep.json" "runs.0.stages" "[null]"
      field "sweep.json" "runs.0.swept" "[[\"rule\"]]"
      field "sweep.json" "runs.0.varied" "[7]"
      field "sweep.json" "runs.0.varied" "[99, 99, 99]"
      field "sweep.json" "runs.0.seed" "1e99"
      field "sweep.json" "runs.0.chance" "1e999"
      field "sweep.json" "settings" "{\"attack\": null}"
      replaced "sweep.json" "\"name\": \"" "\"name\": \"\\ud800"
      replaced "sweep.json" "\\{" "{ \"name\": \"twice\"," ]

// ---- Stores

let private scenario count =
    $"""data: {{ dataset: digits }}
model: softmax
network: {{ topology: ring, benign: 3 }}
training: {{ batch: 16, iterations: 2, rate: 0.1 }}
measure: {{ every: 1 iteration }}
rule: ubar
repeat: {count}
"""

let private damageIn folder (damage: Damage) =
    let file = Path.Combine(folder, damage.File)

    match damage.Change(File.ReadAllBytes file) with
    | Some content -> File.WriteAllBytes(file, content)
    | None -> File.Delete file

/// Fails unless a command ends as if nothing unforeseen had happened; gives its outcome.
let private foreseen folder codes arguments =
    let outcome = ubarfs folder arguments
    let command = String.concat " " arguments
    Expect.isFalse (outcome.Errors.Contains "defect") $"{command}: {outcome.Errors}"
    Expect.contains codes outcome.Code $"{command}: {outcome.Errors}"
    outcome

let private runFolders store =
    Directory.GetDirectories store
    |> Array.filter (Path.GetFileName >> string >> StoreReading.isId)
    |> Array.sort
    |> List.ofArray

/// A store with two runs that stay whole and one for each damage, the damages done; and the folder of each.
let private damagedStore folder (damages: Damage list) prepare : string * (Damage * string) list =
    File.WriteAllText(Path.Combine(folder, "study.yaml"), scenario (damages.Length + 2))
    foreseen folder [ 0 ] [ "study.yaml"; "--quiet"; "--no-models" ] |> ignore
    let store = Path.Combine(folder, "runs", "study")
    let runs = runFolders store
    runs |> List.iter prepare
    let damaged = List.zip damages (List.truncate damages.Length runs)
    damaged |> List.iter (fun (damage, run) -> damageIn run damage)
    store, damaged

let private named (errors: string) (damage: Damage, run: string) =
    let id = Path.GetFileName run |> string

    let isNamed =
        errors.Split '\n' |> Array.exists (fun line -> line.Contains id && line.Contains damage.File)

    Expect.isTrue isNamed $"{damage.File}, {damage.What}: {id} is not named in\n{errors}"

/// Every command that reads a store, on one with these damages: all are named, and what is whole is there.
let private everyCommand folder damages prepare =
    let store, damaged = damagedStore folder damages prepare

    let report =
        foreseen folder [ 0 ] [ "report"; store; "--tensorboard"; "--figures"; "figures"; "--json" ]

    damaged |> List.iter (named report.Errors)
    let all = foreseen folder [ 0 ] [ "report"; store; "--all"; "--quiet" ]
    damaged |> List.iter (named all.Errors)
    let list = foreseen folder [ 0 ] [ "runs"; "list"; store ]
    damaged |> List.iter (named list.Errors)

    for run in runFolders store do
        Expect.stringContains list.Output (Path.GetFileName run |> string) "the others are listed, too"

    let study = (Study.tryLoad store).Value
    let complete = study.Runs |> List.filter (fun run -> run.Outcome.Status = Status.Complete)
    Expect.hasLength complete 2 "the whole ones"
    store, damaged, study

let private withoutChecksums (run: string) =
    let file = Path.Combine(run, "run.json")
    let record = JsonNode.Parse(File.ReadAllText file) |> nonNull
    record.AsObject().Remove "files" |> ignore
    File.WriteAllText(file, record.ToJsonString())

let private statuses store = (Study.tryLoad store).Value.Runs |> List.map _.Outcome.Status

let private runs =
    [ testCase "a record that cannot be read is named, and its run is done again"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let store, _, study = everyCommand folder records ignore
              let pending = study.Runs |> List.filter (fun run -> run.Outcome.Status = Status.Pending)
              Expect.hasLength pending records.Length "the others are to be done"
              foreseen folder [ 0 ] [ "study.yaml"; "--quiet"; "--no-models" ] |> ignore
              Expect.allEqual (statuses store) Status.Complete "done again")

      testCase "results that are not those of their run are named and left out, and done again when that is wanted"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let damages = results @ hidden
              let store, damaged, study = everyCommand folder damages ignore
              let isDamaged (run: StudyRun) = run.Outcome.Status = Status.Damaged
              Expect.hasLength (List.filter isDamaged study.Runs) damages.Length "told apart"
              let page = File.ReadAllText(Path.Combine(store, "report.html"))
              Expect.stringContains page "damaged" "in the page, too"
              let again = foreseen folder [ 1 ] [ "study.yaml"; "--quiet"; "--no-models" ]
              damaged |> List.iter (named again.Errors)
              Expect.stringContains again.Errors "--retry" "what to do"
              foreseen folder [ 0 ] [ "study.yaml"; "--retry"; "--quiet"; "--no-models" ] |> ignore
              Expect.allEqual (statuses store) Status.Complete "done again")

      testCase "results without checksums, of an older version, are read by what they say"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let store, _, study = everyCommand folder results withoutChecksums
              Expect.hasLength study.Problems results.Length "each of them"
              foreseen folder [ 0 ] [ "study.yaml"; "--retry"; "--quiet"; "--no-models" ] |> ignore
              Expect.allEqual (statuses store) Status.Complete "done again") ]

let private stores =
    testCase "a sweep that cannot be read is named by every command, and 'run' writes it anew"
    <| fun () ->
        inFolderWith [ "study.yaml", scenario 2 ] (fun folder ->
            foreseen folder [ 0 ] [ "study.yaml"; "--quiet"; "--no-models" ] |> ignore
            let sweep = File.ReadAllBytes(Path.Combine(folder, "runs", "study", "sweep.json"))

            let damaged =
                [ for place, damage in List.indexed sweeps do
                      let store = Path.Combine("runs", $"study{place}")
                      Directory.CreateDirectory(Path.Combine(folder, store)) |> ignore
                      File.WriteAllBytes(Path.Combine(folder, store, "sweep.json"), sweep)
                      damageIn (Path.Combine(folder, store)) damage
                      damage, store ]

            let report = foreseen folder [ 0 ] [ "report"; "runs"; "--out"; "report.html" ]
            damaged |> List.iter (named report.Errors)
            Expect.stringContains report.Output "ubar" "what is whole is there"

            let damage, store = damaged[11]

            for command in [ [ "report" ]; [ "runs"; "list" ]; [ "export" ]; [ "runs"; "prune" ] ] do
                let outcome = foreseen folder [ 2 ] (command @ [ store ])
                named outcome.Errors (damage, store)

            File.Copy(
                Path.Combine(folder, snd damaged[8], "sweep.json"),
                Path.Combine(folder, "runs/study/sweep.json"),
                true
            )

            foreseen folder [ 0 ] [ "study.yaml"; "--quiet" ] |> ignore
            Expect.isSome (SweepFile.tryRead (Path.Combine(folder, "runs", "study"))) "written anew")

let private precious folder =
    let outside = Path.Combine(folder, "outside")
    Directory.CreateDirectory outside |> ignore
    let file = Path.Combine(outside, "precious.csv")
    File.WriteAllText(file, "kept")
    outside, file

let private links =
    [ testCase "a run folder that is a link is refused by every command, and nothing behind it is touched"
      <| fun () ->
          inFolderWith [ "study.yaml", scenario 2 ] (fun folder ->
              foreseen folder [ 0 ] [ "study.yaml"; "--quiet" ] |> ignore
              let run = runFolders (Path.Combine(folder, "runs", "study")) |> List.head
              let moved = Path.Combine(folder, "moved")
              Directory.Move(run, moved)
              Directory.CreateSymbolicLink(run, moved) |> ignore
              let before = Directory.GetFiles moved |> Array.sort
              let id = Path.GetFileName run |> string

              for codes, arguments in
                  [ [ 0 ], [ "report"; "runs/study"; "--quiet" ]
                    [ 0 ], [ "runs"; "list"; "runs/study" ]
                    [ 0 ], [ "runs"; "prune"; "runs/study"; "--yes" ]
                    [ 2 ], [ "export"; $"runs/study/{id}" ]
                    [ 1 ], [ "study.yaml"; "--quiet" ]
                    [ 1 ], [ "study.yaml"; "--quiet"; "--fresh" ] ] do
                  let outcome = foreseen folder codes arguments
                  Expect.isTrue (Regex.IsMatch(outcome.Errors, $"{id}.* is a link")) $"{arguments}: {outcome.Errors}"
                  Expect.equal (Directory.GetFiles moved |> Array.sort) before $"{arguments}: untouched")

      testCase "a run writes through no link in its folder"
      <| fun () ->
          inFolderWith [ "study.yaml", scenario 1 ] (fun folder ->
              let _, file = precious folder
              foreseen folder [ 0 ] [ "study.yaml"; "--quiet" ] |> ignore
              let run = runFolders (Path.Combine(folder, "runs", "study")) |> List.exactlyOne
              File.WriteAllText(Path.Combine(run, "run.json"), "{}")

              for name in [ "metrics.csv"; "nodes.csv"; "log.txt" ] do
                  let link = Path.Combine(run, name)
                  File.Delete link
                  File.CreateSymbolicLink(link, file) |> ignore
                  let outcome = foreseen folder [ 1 ] [ "study.yaml"; "--quiet" ]
                  Expect.stringContains outcome.Errors $"{name}' is a link" "refused"
                  Expect.equal (File.ReadAllText file) "kept" name
                  File.Delete link)

      testCase "event files are written through no link"
      <| fun () ->
          inFolderWith [ "study.yaml", scenario 1 ] (fun folder ->
              let outside, _ = precious folder
              foreseen folder [ 0 ] [ "study.yaml"; "--quiet" ] |> ignore
              let link = Path.Combine(folder, "runs", "study", "tensorboard")
              Directory.CreateSymbolicLink(link, outside) |> ignore
              let outcome = foreseen folder [ 2 ] [ "report"; "runs/study"; "--tensorboard" ]
              Expect.stringContains outcome.Errors "tensorboard' is a link" "refused"
              Expect.hasLength (Directory.GetFileSystemEntries outside) 1 "nothing but what was there") ]

let private removedMeanwhile =
    testCase "a run whose measurements are taken away while it is under way has failed"
    <| fun () ->
        TinyDataset.inFolder (fun folder ->
            let store = RunStore.opened folder "study" |> Result.defaultWith failtest

            let campaign =
                match Scenario.parse "study.yaml" ("name: study\n" + scenario 1) [] with
                | Ok(scenario, _) -> Campaign.ofScenario scenario
                | Error _ -> failtest "it is a scenario"

            let run = List.exactlyOne campaign.Runs

            let notify event =
                match event with
                | Event.Iterated(_, 1) -> File.Delete(Path.Combine(RunStore.folderOf store run, "metrics.csv"))
                | _ -> ()

            let session =
                { SessionDefaults.create TorchSharp.torch.CPU (fun _ -> Supply.Available(Runs.samples.Value, "digits")) with
                    Notify = notify }

            let result = Session.run session store campaign |> List.exactlyOne
            Expect.equal result.Status Status.Failed "not complete"
            let reason = result.Record.Value.Reason.Value
            Expect.equal reason "metrics.csv was removed while the run was under way" "why")

let private escapes =
    testCase "nothing that a store says is a command to the terminal"
    <| fun () ->
        inFolderWith [ "study.yaml", scenario 2 ] (fun folder ->
            foreseen folder [ 0 ] [ "study.yaml"; "--quiet"; "--no-models" ] |> ignore
            let store = Path.Combine(folder, "runs", "study")
            let run = runFolders store |> List.head
            let red = "\\u001b[31m\\u0007red"
            damageIn store (field "sweep.json" "name" $"\"{red}\"")
            damageIn store (field "sweep.json" "description" $"\"{red}\"")
            damageIn store (field "sweep.json" "runs.0.attack" $"\"{red}\"")
            damageIn run (field "run.json" "status" "\"failed\"")
            damageIn run (field "run.json" "reason" $"\"{red}\"")
            File.WriteAllText(Path.Combine(run, "network.json"), $"{{\"{red}\": \u001b}}")

            for arguments in
                [ [ "report"; store ]
                  [ "runs"; "list"; store ]
                  [ "runs"; "show"; store; Path.GetFileName run |> string ]
                  [ "export"; store ]
                  [ "study.yaml"; "--quiet" ] ] do
                let outcome = foreseen folder [ 0; 1; 2 ] arguments
                Expect.isFalse (outcome.Output.Contains '\u001b' || outcome.Output.Contains '\u0007') $"{arguments}"
                Expect.isFalse (outcome.Errors.Contains '\u001b' || outcome.Errors.Contains '\u0007') $"{arguments}")

[<Tests>]
let tests =
    testList
        "damaged stores"
        [ testList "runs" runs
          stores
          testList "links" links
          testSequenced removedMeanwhile
          escapes ]
