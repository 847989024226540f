/// Laws of the run store: what is in it after whatever may happen to a sweep.
module UbarFs.Tests.SessionTests

open System
open System.IO
open System.Threading
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Kernels
open UbarFs.Scenario
open UbarFs.Testing
open UbarFs.Testing.Generators

let private ruled name : Run =
    { Runs.digits with
        Rule = Runs.choose name Catalogue.rules
        Swept = [ "rule", name ] }
    |> Runs.settled

/// Three runs of three epochs, 29 iterations an epoch.
let private sweep: Scenario =
    { Name = "sweep"
      Description = ""
      File = "sweep.yaml"
      Baseline = "average"
      Runs = List.map ruled [ "average"; "ubar"; "dmedian" ]
      Places = []
      Definition = Node.scalar (Span.at (Source.create Origin.CommandLine "") 0) "" }

let private opened folder =
    match RunStore.opened folder sweep.Name with
    | Ok store -> store
    | Error reason -> failtest reason

let private session notify cancellation : Session =
    { SessionDefaults.create torch.CPU (fun _ -> Supply.Available(Runs.samples.Value, "digits")) with
        Notify = notify
        Cancellation = cancellation }

let private quietly = session ignore CancellationToken.None
let private statuses (results: RunResult list) = results |> List.map _.Status

let private records (results: RunResult list) = results |> List.map _.Record
let private accuracies results = records results |> List.map (Option.bind _.WorstAccuracy)

let private resultLines (store: RunStore) = File.ReadAllLines(Path.Combine(store.Folder, "results.csv"))
let private cellsOf (line: string) = line.Split ','
let private statusCells store = resultLines store |> Array.tail |> Array.map (fun line -> (cellsOf line)[1])

/// A session that is cancelled when the run of this index has done five iterations.
let private cancelledIn index change (store: RunStore) =
    use source = new CancellationTokenSource()

    let notify event =
        match event with
        | Event.Iterated(run, 5) when run.Rule.Name = sweep.Runs[index].Rule.Name -> source.Cancel()
        | _ -> ()

    Session.run (change (session notify source.Token)) store (Campaign.ofScenario sweep)

/// The runs that a session does, rather than finds done.
let private doneBy change (store: RunStore) =
    let mutable started = []

    let notify event =
        match event with
        | Event.Started(run, _, _) -> started <- run.Rule.Name :: started
        | _ -> ()

    let results =
        Session.run (change (session notify CancellationToken.None)) store (Campaign.ofScenario sweep)

    results, List.rev started

let private fresh session = { session with Fresh = true }

let private interruptions =
    [ testCase "an interrupted sweep continues with what is not complete, and ends with the same numbers"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let whole = Session.run quietly (opened (Path.Combine(folder, "whole"))) (Campaign.ofScenario sweep)
              let store = opened (Path.Combine(folder, "parts"))
              let first = cancelledIn 1 id store
              Expect.equal (statuses first) [ Status.Complete; Status.Interrupted; Status.Pending ] "in the middle"
              Expect.equal (statusCells store) [| "complete"; "interrupted"; "pending" |] "results.csv, likewise"
              let second, started = doneBy id store
              Expect.equal started [ "ubar"; "dmedian" ] "the complete run is not done again"
              Expect.equal (accuracies second) (accuracies whole) "bit for bit"
              Expect.equal (statusCells store) (Array.replicate 3 "complete") "results.csv, in the end")

      testCase "what is complete is not done again, unless it is wanted fresh"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let store = opened folder
              let first, _ = doneBy id store
              let written = resultLines store
              let second, again = doneBy id store
              Expect.equal again [] "nothing is done"
              Expect.equal (resultLines store) written "results.csv stays"
              Expect.equal (records second) (records first) "the results, too"
              let third, anew = doneBy fresh store
              Expect.equal anew [ "average"; "ubar"; "dmedian" ] "all are done"
              Expect.equal (accuracies third) (accuracies first) "with the same numbers")

      testCase "a fresh sweep that is interrupted has forgotten the old results"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let store = opened folder
              Session.run quietly store (Campaign.ofScenario sweep) |> ignore
              let stopped = cancelledIn 0 fresh store
              Expect.equal (statuses stopped) [ Status.Interrupted; Status.Pending; Status.Pending ] "at the first"
              let _, started = doneBy id store
              Expect.equal started [ "average"; "ubar"; "dmedian" ] "all are done")

      testCase "a record that cannot be understood is of a run that is done anew"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let store = opened folder
              Session.run quietly store (Campaign.ofScenario sweep) |> ignore

              for run, text in List.zip sweep.Runs [ "{ half"; "null"; "{ \"status\": \"perfect\" }" ] do
                  File.WriteAllText(Path.Combine(RunStore.folderOf store run, "run.json"), text)

              let results, started = doneBy id store
              Expect.equal started.Length 3 "all are done"
              Expect.allEqual (statuses results) Status.Complete "and complete") ]

let private failures =
    [ testCase "a run that fails does not stop the others"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let impossible =
                  { ruled "ubar" with
                      Network.Topology = Runs.chooseWith [ "ratio", Value.Real 1e-6 ] "random" Catalogue.topologies }

              let broken = { sweep with Runs = [ ruled "average"; impossible; ruled "dmedian" ] }
              let results = Session.run quietly (opened folder) (Campaign.ofScenario broken)
              Expect.equal (statuses results) [ Status.Complete; Status.Failed; Status.Complete ] "only the second"
              let reason = results[1].Record |> Option.bind _.Reason |> Option.defaultValue ""
              Expect.stringContains reason "no connected network" "the reason is kept")

      testCase "an exception is the failure of its run, with its message and the time until it"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let notify event =
                  match event with
                  | Event.Iterated(run, 3) when run.Rule.Name = "average" -> failwith "the fan fell off"
                  | _ -> ()

              let results =
                  Session.run (session notify CancellationToken.None) (opened folder) (Campaign.ofScenario sweep)

              Expect.equal (statuses results) [ Status.Failed; Status.Complete; Status.Complete ] "only the first"
              let record = results[0].Record.Value
              Expect.stringContains (Option.defaultValue "" record.Reason) "iteration 4: " "where"
              Expect.stringContains (Option.defaultValue "" record.Reason) "the fan fell off" "the message"
              Expect.isGreaterThan (Option.defaultValue 0.0 record.Seconds) 0.0 "the time")

      testCase "runs without data wait for it and are done when it is there"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let store = opened folder
              let without session = { session with Supply = fun _ -> Supply.Missing "it is not here" }
              let results, _ = doneBy without store
              Expect.allEqual (statuses results) Status.MissingData "none can be done"
              Expect.equal (statusCells store) (Array.replicate 3 "missing-data") "results.csv says so"
              let later, _ = doneBy id store
              Expect.allEqual (statuses later) Status.Complete "all are done")

      testCase "a store that cannot be written stops the sweep"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let store = opened folder
              File.WriteAllText(RunStore.folderOf store sweep.Runs[0], "in the way")

              Expect.throwsT<IOException>
                  (fun () -> Session.run quietly store (Campaign.ofScenario sweep) |> ignore)
                  "it is nobody's own failure")

      testCase "a folder that cannot be opened leaves nothing behind"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let file = Path.Combine(folder, "file")
              File.WriteAllText(file, "")
              Expect.isError (RunStore.opened file "name") "a file is no folder"
              Expect.isError (RunStore.opened (Path.Combine(file, "runs")) "name") "nor has it folders"
              Expect.equal (Directory.GetFileSystemEntries folder) [| file |] "nothing else is there") ]

let private leftovers =
    testCase "a store is rid of what a killed process left half written long ago, and of nothing else"
    <| fun () ->
        TinyDataset.inFolder (fun folder ->
            let store = opened folder
            let file name = Path.Combine(store.Folder, name)

            let old =
                [ "report.html.0123.tmp"
                  "sweep.json.0123.tmp"
                  "results.csv.0123.tmp"
                  ".probe-0123.tmp" ]

            let kept = [ "report.html"; "results.csv.4567.tmp"; "notes.txt" ]

            for name in old @ kept do
                File.WriteAllText(file name, "")

            for name in "report.html" :: "notes.txt" :: old do
                File.SetLastWriteTimeUtc(file name, DateTime.UtcNow.AddMinutes -2.0)

            opened folder |> ignore
            let names = Directory.GetFiles store.Folder |> Array.map Path.GetFileName |> Array.sort
            Expect.equal names (Array.sort (Array.ofList kept)) "what is left")

let private small layers name (run: Run) =
    { run with
        Run.Model.Name = name
        Run.Model.Value = { Layers = layers }
        Training.Length = Duration.Iterations 12
        Every = Duration.Iterations 4
        Attacks = [ Runs.choose "gaussian" Catalogue.attacks ] }
    |> Runs.settled

let private convolutional classes =
    [ Layer.Convolution(4, 3, 0); Layer.Relu; Layer.MaxPool 2; Layer.Dense classes ]

let private dense classes = [ Layer.Dense 20; Layer.Relu; Layer.Dense classes ]

/// All that a store holds of these runs but for times, after a session with so many threads.
let private heldAfter threads (runs: Run list) folder =
    let store = opened (Path.Combine(folder, string threads))
    Workers.Count <- threads
    let results = Session.run quietly store (Campaign.ofScenario { sweep with Runs = runs })
    Expect.allEqual (statuses results) Status.Complete $"{threads} threads"
    Disturbance.outcome store.Folder

let private threads =
    testCase "a run's numbers do not depend on the number of threads"
    <| fun () ->
        let alone (run: Run) = { run with Run.Rule.Value = { run.Rule.Value with Network = None } }

        let runs =
            [ for rule in [ ruled "ubar"; alone (ruled "dmedian") ] do
                  small convolutional "convolutional" rule
                  small dense "dense" rule ]

        let before = Workers.Count

        try
            TinyDataset.inFolder (fun folder ->
                let one = heldAfter 1 runs folder
                let files = one.Keys |> Seq.filter _.EndsWith("model.safetensors")
                Expect.hasLength files runs.Length "the estimates are among it"
                Expect.equal (heldAfter 4 runs folder) one "one thread and four")
        finally
            Workers.Count <- before

let private contents =
    [ testCase "metrics.csv has a line for each evaluation, and ends with what results.csv says"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let store = opened folder
              let results = Session.run quietly store (Campaign.ofScenario sweep)
              let metrics = File.ReadAllLines(Path.Combine(RunStore.folderOf store sweep.Runs[1], "metrics.csv"))
              let column name line = (cellsOf line)[Array.IndexOf(cellsOf metrics[0], name)]
              let epochs = metrics |> Array.tail |> Array.map (column "epoch")
              Expect.equal epochs [| "0"; "1"; "2"; "3" |] "the start and every epoch"
              let lines = resultLines store

              for name in
                  [ "worst_accuracy"
                    "mean_accuracy"
                    "best_accuracy"
                    "test_loss"
                    "consensus_error" ] do
                  let result = (cellsOf lines[2])[Array.IndexOf(cellsOf lines[0], name)]
                  Expect.equal (column name metrics[4]) result name

              let worst = float (column "worst_accuracy" metrics[4])
              Expect.equal (List.item 1 (accuracies results)) (Some worst) "as in the record")

      testCase "results.csv has the columns that programs rely on, and each swept path once"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let store = opened folder

              let run = { ruled "ubar" with Swept = [ "rule", "ubar"; "network.byzantine", "25%" ] }

              RunStore.saveResults store (RunNames.among [ run ]) [ run, Status.Pending, None ]

              let expected =
                  [ "run,status,seed,dataset,model,rule,attack,network.byzantine,worst_accuracy,mean_accuracy,\
                      best_accuracy,test_loss,consensus_error,seconds,diverged"
                    $"{RunStore.id run},pending,1,digits,softmax,ubar,none,0.25,,,,,,," ]

              Expect.sequenceEqual (resultLines store) expected "a header and a row")

      testCase "an id depends on all that determines the numbers, and on nothing else"
      <| fun () ->
          let run = ruled "ubar"

          let same = { run with Scenario = "renamed"; Swept = [] }
          Expect.equal (RunStore.id same) (RunStore.id run) "how a run is written does not matter"

          let others =
              [ { run with Seed = 2L }
                { run with Network.Benign = 7 }
                { run with Training.Rate.Initial = 0.2 }
                { run with Training.Length = Duration.Iterations 87 }
                { run with
                    Rule = Runs.chooseWith [ "rho", Value.Real 0.3 ] "ubar" Catalogue.rules }
                { run with Attacks = [ Runs.choose "bit-flip" Catalogue.attacks ] } ]
              |> List.map Runs.settled

          Expect.hasLength (run :: others |> List.map RunStore.id |> List.distinct) 7 "each has its own" ]

let private unquoted (cell: string) =
    if cell.StartsWith '"' then
        cell.Substring(1, cell.Length - 2).Replace("\"\"", "\"")
    else
        cell

let private cells =
    let text =
        Gen.elements
            [ "="
              "+"
              "-"
              "@"
              "\t"
              "\r"
              "\n"
              ","
              "\""
              "'"
              "1"
              "e"
              "."
              "cmd|"
              " " ]
        |> Gen.listOf
        |> Gen.map (String.concat "")

    [ testProperty "no cell is a formula to a spreadsheet"
      <| forAll text (fun text ->
          let shown = unquoted (Csv.cell text)
          shown = "" || not ("=+-@\t\r".Contains shown[0]) || fst (Double.TryParse shown))

      testProperty "a cell is what was written, but for the apostrophe before a formula"
      <| forAll text (fun text ->
          let shown = unquoted (Csv.cell text)
          shown = text || shown = "'" + text)

      testProperty "a cell with a separator in it is quoted"
      <| forAll text (fun text ->
          let cell = Csv.cell text
          cell.StartsWith '"' || cell.IndexOfAny [| ','; '"'; '\n'; '\r' |] < 0)

      testCase "numbers stay numbers"
      <| fun () -> Expect.equal (Csv.line [ "-1"; "+2.5e-3"; "0.1" ]) "-1,+2.5e-3,0.1" "signs and all" ]

[<Tests>]
let tests =
    testList
        "session"
        [ testList "interruption" interruptions
          testList "failure" failures
          leftovers
          testSequenced threads
          testList "contents" contents
          testList "cells" cells ]
