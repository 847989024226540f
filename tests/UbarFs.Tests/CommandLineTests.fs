/// The command as its users meet it: a process with arguments, two streams and an exit code.
module UbarFs.Tests.CommandLineTests

open System
open System.IO
open System.Runtime.InteropServices
open System.Text.Json
open System.Threading
open Expecto
open UbarFs.Tests.CommandProcess

module private Native =
    [<DllImport("libc", EntryPoint = "kill")>]
    extern int Kill(int pid, int signal)

let private scenario dataset length =
    $"""data: {{ dataset: {dataset} }}
model: softmax
network: {{ topology: {{ random: 0.7 }}, benign: 4, byzantine: 20%% }}
training: {{ batch: 16, iterations: {length}, rate: 0.1 }}
measure: {{ every: 2 iterations }}
attack: bit-flip
sweep: {{ rule: [average, ubar] }}
"""

let private rows folder name =
    File.ReadAllLines(Path.Combine(folder, "runs", name, "results.csv"))
    |> Array.tail
    |> Array.map (fun line -> line.Split(',')[1])

/// The worst accuracy of each run in the JSON of one scenario, by attack and rule.
let private worst (json: string) : Map<string, float> =
    use document = JsonDocument.Parse json
    let scenario = document.RootElement.GetProperty("scenarios").EnumerateArray() |> Seq.exactlyOne
    let text (run: JsonElement) (name: string) = run.GetProperty(name).GetString() |> string

    Map
        [ for run in scenario.GetProperty("runs").EnumerateArray() do
              let attack, rule = text run "attack", text run "rule"
              $"{attack}, {rule}", run.GetProperty("worst_accuracy").GetDouble() ]

let private quickstart =
    testCase "the quickstart shows averaging destroyed and UBAR as good as without Byzantine nodes"
    <| fun () ->
        inFolderWith [] (fun folder ->
            let arguments = [ beside "scenarios/quickstart.yaml"; "--json"; "--set"; "training.epochs=5" ]

            let first = ubarfs folder arguments
            Expect.equal first.Code 0 first.Errors
            let worst = worst first.Output
            Expect.isLessThan worst["bit-flip, average"] 0.2 "averaging under attack"
            Expect.isGreaterThan worst["absent, average"] 0.75 "the baseline"
            Expect.isGreaterThan worst["bit-flip, ubar"] (worst["absent, average"] - 0.05) "UBAR under attack"
            Expect.stringContains first.Errors "[20/20]" "progress is on the other stream"

            let store = Path.Combine(folder, "runs", "quickstart")
            Expect.equal (rows folder "quickstart") (Array.replicate 20 "complete") "results.csv"

            for run in Directory.GetDirectories store do
                let files = Directory.GetFiles run |> Array.map Path.GetFileName |> Array.sort

                let expected =
                    [| "log.txt"
                       "metrics.csv"
                       "model.safetensors"
                       "network.json"
                       "nodes.parquet"
                       "run.json"
                       "shares.csv" |]

                Expect.equal files expected "each run has its files"

            let figures = Path.Combine(folder, "figures")
            let reported = ubarfs folder [ "report"; store; "--figures"; figures; "--tensorboard" ]
            Expect.equal reported.Code 0 reported.Errors
            Expect.stringContains reported.Output "✕ destroyed" "the verdict on averaging"

            for file in
                [ "report.html"
                  "tensorboard"
                  "../../figures/curves.svg"
                  "../../figures/verdicts.tex" ] do
                Expect.isTrue (Path.Exists(Path.Combine(store, file))) file

            let page = Path.Combine(folder, "pages", "of", "today.html")
            let elsewhere = ubarfs folder [ "report"; store; "--out"; page; "--quiet" ]
            Expect.equal elsewhere.Code 0 elsewhere.Errors
            Expect.isTrue (File.Exists page) "a page in folders that were not there"

            let second = ubarfs folder (arguments @ [ "--quiet" ])
            Expect.equal second { first with Errors = "" } "a second time all is there, to the second that it took")

let private missingData =
    testCase "what has its data is run; what is missing is named with the command that gets it"
    <| fun () ->
        let files = [ "here.yaml", scenario "digits" 4; "gone.yaml", scenario "mnist" 4 ]

        inFolderWith files (fun folder ->
            let outcome = ubarfs folder [ "gone.yaml"; "here.yaml" ]
            Expect.equal outcome.Code 1 "not all could be run"
            Expect.equal (rows folder "here") [| "complete"; "complete" |] "the digits"
            Expect.equal (rows folder "gone") [| "missing-data"; "missing-data" |] "MNIST"
            let told = outcome.Errors.Split "ubarfs data get mnist"
            Expect.hasLength told 2 "the command is told once")

/// Whether child processes of this one do not hear a signal.
let isIgnored signal =
    File.ReadLines "/proc/self/status"
    |> Seq.tryFind _.StartsWith("SigIgn:")
    |> Option.exists (fun line -> (Convert.ToUInt64(line.Substring(7).Trim(), 16) >>> (signal - 1)) &&& 1UL = 1UL)

let private interruption name signal =
    testCase $"{name} ends it with the exit code 130 and a store that can be continued"
    <| fun () ->
        // A background job of a shell passes its deafness on.
        if not (OperatingSystem.IsLinux()) || isIgnored signal then
            skiptest $"{name} does not reach child processes here"

        inFolderWith [ "long.yaml", scenario "digits" 1_000_000 ] (fun folder ->
            use started = start folder [ "long.yaml" ]
            let metrics () = Directory.GetFiles(folder, "metrics.csv", SearchOption.AllDirectories)
            let isTraining () = metrics () |> Array.exists (fun file -> (File.ReadAllLines file).Length > 2)

            if not (SpinWait.SpinUntil(isTraining, 60_000)) then
                started.Kill()
                failtest "it does not begin"

            Native.Kill(started.Id, signal) |> ignore
            let outcome = outcome started
            Expect.equal outcome.Code 130 outcome.Errors
            Expect.equal (rows folder "long") [| "interrupted"; "pending" |] "results.csv"
            Expect.stringContains outcome.Output "interrupted" "the table is printed")

let private mistakes =
    let mistake title arguments (fragments: string list) =
        testCase title
        <| fun () ->
            inFolderWith [ "good.yaml", scenario "digits" 4; "file", "" ] (fun folder ->
                let outcome = ubarfs folder arguments
                Expect.equal outcome.Code 2 outcome.Errors
                Expect.equal outcome.Output "" "nothing on the standard output"

                for fragment in fragments do
                    Expect.stringContains outcome.Errors fragment "the message"

                Expect.isFalse (Directory.Exists(Path.Combine(folder, "runs"))) "nothing is written")

    [ mistake "a missing file" [ "god.yaml" ] [ "god.yaml: error: no such file"; "did you mean 'good.yaml'?" ]
      mistake "a folder" [ "." ] [ "this is a folder" ]
      mistake
          "a wrong key on the command line"
          [ "good.yaml"; "--set"; "trainin.epochs=3" ]
          [ "command line: error: unknown key 'trainin'" ]
      mistake
          "a value out of range"
          [ "good.yaml"; "--set"; "network.byzantine=1.5" ]
          [ "'network.byzantine' is '1.5': expected a number in [0, 1)" ]
      mistake
          "more epochs than can be counted"
          [ "good.yaml"
            "--set"
            "training.iterations=1"
            "--set"
            "measure.every=1e9 epochs" ]
          [ "expected a number of epochs" ]
      mistake "an unknown option" [ "good.yaml"; "--fersh" ] [ "unknown option '--fersh'. Did you mean '--fresh'?" ]
      mistake "an empty value" [ "good.yaml"; "--out"; "" ] [ "the argument behind '--out' is empty" ]
      mistake "a mistyped command" [ "rnu"; "good.yaml" ] [ "Did you mean 'run'?" ]
      mistake "an output folder that is a file" [ "good.yaml"; "--out"; "file" ] [ "'file' is a file" ]
      mistake "an unknown device" [ "good.yaml"; "--device"; "gpu" ] [ "'gpu' is not a device" ]
      mistake "a folder without libtorch" [ "good.yaml"; "--libtorch"; "." ] [ "No libtorch in" ]
      mistake
          "more memory than there is"
          [ "good.yaml"
            "--set"
            "network.benign=1000"
            "--set"
            "model={ mlp: { hidden: 65536 } }" ]
          [ "GiB"; "use fewer nodes" ]
      mistake "an unknown dataset" [ "data"; "get"; "mnits" ] [ "Did you mean 'mnist'?" ]
      for command in
          [ [ "good.yaml" ]
            [ "data"; "list" ]
            [ "data"; "get"; "digits" ]
            [ "doctor" ] ] do
          mistake
              $"a folder of data that is not there, for {command}"
              (command @ [ "--data"; "gone" ])
              [ "--data is 'gone': there is no such folder" ]

      mistake
          "a folder of data that is not there, for an import"
          [ "data"; "import"; "mnist"; "file"; "--data"; "gone" ]
          [ "--data is 'gone': there is no such folder" ]
      mistake "an unknown rule to test" [ "test-rule"; "ubr" ] [ "there is no rule 'ubr'"; "Did you mean 'ubar'?" ]
      mistake "an unknown law" [ "test-rule"; "ubar"; "--property"; "tarnslation" ] [ "Did you mean 'translation'?" ]
      mistake "a parameter out of range" [ "test-rule"; "ubar"; "--set"; "rho=2" ] [ "expected a number in (0, 1]" ]
      mistake "an unknown component" [ "describe"; "ubr" ] [ "Did you mean 'ubar'?" ] ]

let private brokenRule =
    testCase "a rule with a bug ends test-rule with the exit code 1, and its case shows what came"
    <| fun () ->
        let script = beside (Path.Combine("planted", "even-median.fsx"))

        inFolderWith [ "mine.fsx", File.ReadAllText script ] (fun folder ->
            let tested = ubarfs folder [ "test-rule"; "mine.fsx"; "--property"; "same-as"; "--out"; "found" ]
            Expect.equal tested.Code 1 tested.Errors
            Expect.stringContains tested.Output "falsified: same-as" "the verdict"
            let applied = ubarfs folder [ "apply"; Path.Combine("found", "mine-same-as.json") ]
            Expect.equal applied.Code 0 applied.Errors
            use verdict = JsonDocument.Parse applied.Output
            let results = verdict.RootElement.GetProperty "result"
            let result = results[0].GetDouble()
            Expect.stringContains tested.Output $"got           [{result}]" "the same result")

[<Tests>]
let tests =
    testList
        "command line"
        [ quickstart
          brokenRule
          missingData
          interruption "SIGINT" 2
          interruption "SIGTERM" 15
          testList "mistakes are told in one message with the exit code 2" mistakes ]
