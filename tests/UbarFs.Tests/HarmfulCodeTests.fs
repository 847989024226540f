/// Code of the user's own that harms the process it runs in: its run fails, with the reason, and all others are done.
module UbarFs.Tests.HarmfulCodeTests

open System
open System.IO
open Expecto
open UbarFs.Tests.CommandProcess

/// What a rule does in its third iteration, and what its run's failure says.
let private harms =
    [ "exit-0", "exit 0", "was ended by the code itself, with exit code 0"
      "exit-3", "exit 3", "with exit code 3"
      "environment-exit", "System.Environment.Exit 0", "with exit code 0"
      "exit-beside-a-child",
      "System.Diagnostics.Process.Start(\"sleep\", \"600\") |> ignore; exit 7",
      "with exit code 7"
      "exit-elsewhere",
      "System.Threading.Thread(fun () -> exit 0).Start(); System.Threading.Thread.Sleep 60000",
      "with exit code 0"
      "thread-throws",
      "let thread = System.Threading.Thread(fun () -> failwith \"no luck\") in thread.Start(); thread.Join()",
      "an exception that nobody handled, on a thread of the code's own: System.Exception: no luck"
      "pool-throws",
      "System.Threading.ThreadPool.QueueUserWorkItem(fun _ -> failwith \"no luck\") |> ignore; \
       System.Threading.Thread.Sleep 60000",
      "System.Exception: no luck"
      "overflow",
      "let rec deeper (n: int) : int = 1 + deeper (n + 1) in System.Console.WriteLine(deeper 0)",
      "died of a stack overflow"
      "fail-fast", "System.Environment.FailFast \"enough\"", "was ended by FailFast: enough"
      "kill",
      "System.Diagnostics.Process.GetCurrentProcess().Kill(); System.Threading.Thread.Sleep 60000",
      "was killed (signal 9)"
      "no-memory",
      "let all = System.Collections.Generic.List<byte[]>() in while true do all.Add(Array.create 20000000 1uy)",
      "GiB of memory; --rule-memory allows more"
      "no-memory-of-tensors",
      "let all = ResizeArray() in while true do all.Add((TorchSharp.torch.ones 5000000L).DetachFromDisposeScope())",
      "GiB of memory; --rule-memory allows more"
      "loop", "while true do ()", "no answer in the time that --rule-timeout allows"
      "sleep", "System.Threading.Thread.Sleep -1", "no answer in the time that --rule-timeout allows"
      "deadlock",
      "let gate = obj () in System.Threading.Monitor.Enter gate; \
       System.Threading.Tasks.Task.Run(fun () -> lock gate ignore).Wait()",
      "no answer in the time that --rule-timeout allows"
      "zero", "view.Received.zero_ () |> ignore", "changes what it is lent (the law 'purity'): Received."
      "add-to-own", "view.Own.add_ view.Own |> ignore", "purity'): Own."
      "scale-gradient", "view.Gradient.mul_ view.Gradient |> ignore", "purity'): Gradient."
      "one-row", "view.Received[0L].fill_ (TorchSharp.Scalar.op_Implicit 1.0f) |> ignore", "purity'): Received."
      "swap-rows", "view.Received.copy_ (view.Received.flip [| 0L |]) |> ignore", "purity'): Received."
      "free", "view.Received.Dispose()", "frees what it is lent (the law 'purity'): Received"
      "senders", "view.Senders[0] <- 77", "purity'): Senders."
      "weights", "view.Weights[0] <- 7.0", "purity'): Weights."
      "folder", "System.Environment.CurrentDirectory <- \"/\"", "changes the current folder of the process"
      "throw", "failwith \"no luck\"", "no luck"
      "throw-null", "raise null", "NullReferenceException"
      "no-such-row", "view.Senders[-1] |> ignore", "IndexOutOfRangeException" ]

/// What a stage does in its third iteration, and what its run's failure says.
let private harmsOfStages =
    [ "exit-0", "exit 0", "with exit code 0"
      "overflow",
      "let rec deeper (n: int) : int = 1 + deeper (n + 1) in System.Console.WriteLine(deeper 0)",
      "died of a stack overflow"
      "abort", "System.Environment.FailFast \"enough\"", "was ended by FailFast: enough"
      "loop", "while true do ()", "no answer in the time that --rule-timeout allows"
      "zero", "view.Received.zero_ () |> ignore", "changes what it is lent (the law 'purity'): Received."
      "add-to-own", "view.Own.add_ view.Own |> ignore", "purity'): Own."
      "free", "view.Own.Dispose()", "frees what it is lent (the law 'purity'): Own"
      "weights", "view.Weights[0] <- 7.0", "purity'): Weights."
      "folder", "System.Environment.CurrentDirectory <- \"/\"", "changes the current folder of the process"
      "throw", "failwith \"no luck\"", "no luck" ]

/// What an attack does in its third iteration, and what its run's failure says.
let private harmsOfAttacks =
    [ "exit-0", "exit 0", "with exit code 0"
      "exit-9", "System.Environment.Exit 9", "with exit code 9"
      "thread-throws",
      "let thread = System.Threading.Thread(fun () -> failwith \"no luck\") in thread.Start(); thread.Join()",
      "System.Exception: no luck"
      "overflow",
      "let rec deeper (n: int) : int = 1 + deeper (n + 1) in System.Console.WriteLine(deeper 0)",
      "died of a stack overflow"
      "fail-fast", "System.Environment.FailFast \"enough\"", "was ended by FailFast: enough"
      "kill",
      "System.Diagnostics.Process.GetCurrentProcess().Kill(); System.Threading.Thread.Sleep 60000",
      "was killed (signal 9)"
      "no-memory",
      "let all = System.Collections.Generic.List<byte[]>() in while true do all.Add(Array.create 20000000 1uy)",
      "GiB of memory; --rule-memory allows more"
      "loop", "while true do ()", "no answer in the time that --rule-timeout allows"
      "wait",
      "(new System.Threading.ManualResetEvent false).WaitOne() |> ignore",
      "no answer in the time that --rule-timeout allows"
      "zero-all", "all.Estimates.zero_ () |> ignore", "changes what it is lent (the law 'purity'): Estimates"
      "gradients", "all.Gradients.mul_ all.Gradients |> ignore", "purity'): Gradients"
      "own", "state.Estimate.zero_ () |> ignore", "the law 'purity'"
      "turn-coat", "all.Network.Byzantine[0] <- true", "purity'): Network.Byzantine."
      "rewire", "all.Network.Neighbours[0][0] <- 2", "purity'): Network.Neighbours."
      "free", "all.Estimates.Dispose()", "frees what it is lent (the law 'purity'): Estimates"
      "folder", "System.Environment.CurrentDirectory <- \"/\"", "changes the current folder of the process"
      "throw", "failwith \"no luck\"", "no luck"
      "throw-elsewhere",
      "System.Threading.Tasks.Parallel.For(0, 9, (fun (_: int) -> failwith \"no luck\")) |> ignore",
      "no luck"
      "no-such-node", "all.Network.Neighbours[-1] |> ignore", "IndexOutOfRangeException" ]

/// What harms nobody.
let private harmless =
    [ "prints", "printfn \"{ \\\"this\\\": \\\"is no result\\\" }\""
      "reads-its-input", "System.Console.ReadLine() |> ignore"
      "closes-its-input", "System.Console.In.Close()"
      "closes-its-output", "System.Console.Out.Close(); System.Console.Error.Close()"
      "starts-something", "System.Diagnostics.Process.Start(\"sleep\", \"1\") |> ignore"
      "collects", "System.GC.Collect()"
      "catches", "try failwith \"no luck\" with _ -> ()" ]

/// The actions as cases of a match, by number.
let private cases indentation (actions: string list) =
    let indentation = String(' ', indentation)

    actions
    |> List.mapi (fun number action -> $"{indentation}| {number} ->\n{indentation}    {action}\n")
    |> String.concat ""

/// A rule that does one of these in its third iteration, by number.
let private script (actions: string list) =
    $"""open UbarFs.Core

let rule =
    settings {{
        let! number = Setting.whole "number" 0 1000 0 "what it does"

        return Rule.aggregating 0.5 (fun (view: View) ->
            if view.Iteration = 2L then
                match number with
{cases 16 actions}
                | _ -> ()
            Aggregate.ofEstimate (view.Received.mean [| 0L |]))
    }}
"""

/// A stage that does, likewise.
let private stageScript (actions: string list) =
    $"""open UbarFs.Core

let stage =
    settings {{
        let! number = Setting.whole "number" 0 1000 0 "what it does"

        return PipelineStage.preparing (fun (view: View) ->
            if view.Iteration = 2L then
                match number with
{cases 16 actions}
                | _ -> ()
            Prepared.oneByOne (view.Received.clone ()))
    }}
"""

/// An attack that does, likewise.
let private attackScript (actions: string list) =
    $"""open UbarFs.Core

let attack =
    settings {{
        let! number = Setting.whole "number" 0 1000 0 "what it does"

        let send (all: Omniscience) (state: OwnState) =
            if all.Iteration = 2L then
                match number with
{cases 16 actions}
                | _ -> ()
            Sent.Everyone(state.Estimate.neg ())

        return Adversary.sending send |> Strategy.Omniscient |> Attack.by
    }}
"""

let private scenarioOf name (sweep: string) =
    $"""name: {name}
data: {{ dataset: digits }}
model: softmax
network: {{ topology: complete, benign: 4, byzantine: 20%% }}
training: {{ batch: 16, iterations: 4, rate: 0.1 }}
measure: {{ every: 4 iterations, images: 100 }}
{sweep}
"""

let private scenario name (rules: string list) =
    let rules = String.concat ", " rules
    scenarioOf name $"sweep: {{ rule: [{rules}] }}"

let private named (actions: (string * string * string) list) = [ for name, action, _ in actions -> name, action ]

/// One choice of the script for each action, with its name as label.
let private choices file (actions: (string * string) list) =
    [ for number, (name, _) in List.indexed actions ->
          $"{{ script: {file}, with: {{ number: {number} }}, label: {name} }}" ]

/// The status of each run, by what the column says.
let private statuses folder store column =
    let rows =
        File.ReadAllLines(Path.Combine(folder, "runs", store, "results.csv")) |> Array.map _.Split(',')

    let status, column = Array.IndexOf(rows[0], "status"), Array.IndexOf(rows[0], column)
    Map.ofArray [| for row in Array.tail rows -> row[column], row[status] |]

let private reasons folder store =
    Directory.GetFiles(Path.Combine(folder, "runs", store), "run.json", SearchOption.AllDirectories)
    |> Array.map File.ReadAllText
    |> String.concat "\n"

/// A sweep over something, each run of which fails for the reason given by its name, but for those that are to complete.
let private sweep column files (harms: (string * string) list) (complete: string list) =
    inFolderWith files (fun folder ->
        let limits = [ "--rule-timeout"; "10s"; "--rule-memory"; "1.5"; "--jobs"; "2"; "--json" ]
        let outcome = ubarfs folder ("all.yaml" :: limits)
        let told = outcome.Errors
        Expect.equal outcome.Code 1 told
        Expect.isFalse (told.Contains "defect") told
        use _ = Text.Json.JsonDocument.Parse outcome.Output
        let statuses = statuses folder "all" column
        let status name = Map.tryFind name statuses |> Option.defaultValue "missing"

        for name in complete do
            Expect.equal (status name) "complete" $"{name} in\n{told}"

        for name, reason in harms do
            Expect.equal (status name) "failed" $"{name} in\n{told}"
            let line = told.Split '\n' |> Array.tryFind _.StartsWith($"ubarfs: all: {column}={name}, seed=1: ")
            Expect.stringContains (Option.defaultValue "" line) reason $"{name} in\n{told}"

        Expect.isFalse ((reasons folder "all").Contains "\"running\"") "nothing is left in the middle")

let private ofRules =
    testCase "rules in one sweep: each run fails for its own reason, and the others are complete"
    <| fun () ->
        let actions = named harms @ harmless

        let files =
            [ "code.fsx", script (List.map snd actions)
              "all.yaml", scenario "all" (choices "code.fsx" actions @ [ "average"; "dmedian" ]) ]

        let harms = [ for name, _, reason in harms -> name, reason ]
        sweep "rule" files harms (List.map fst harmless @ [ "average"; "dmedian" ])

let private ofStages =
    testCase "stages of pipelines, likewise"
    <| fun () ->
        let actions = named harmsOfStages @ harmless

        let pipelines =
            [ for number, (name, _) in List.indexed actions ->
                  $"[{{ script: stage.fsx, with: {{ number: {number} }} }}, {{ average: {{}}, label: {name} }}]" ]

        let files =
            [ "stage.fsx", stageScript (List.map snd actions)
              "all.yaml", scenario "all" (pipelines @ [ "average"; "[nnm, dmedian]" ]) ]

        let harms = [ for name, _, reason in harmsOfStages -> name, reason ]
        sweep "rule" files harms (List.map fst harmless @ [ "average"; "nnm + dmedian" ])

let private ofAttacks =
    testCase "attacks, likewise"
    <| fun () ->
        let actions = named harmsOfAttacks @ harmless
        let attacks = choices "attack.fsx" actions @ [ "bit-flip"; "none" ] |> String.concat ", "

        let files =
            [ "attack.fsx", attackScript (List.map snd actions)
              "all.yaml", scenarioOf "all" $"sweep: {{ attack: [{attacks}] }}" ]

        let harms = [ for name, _, reason in harmsOfAttacks -> name, reason ]
        sweep "attack" files harms (List.map fst harmless @ [ "bit-flip"; "none" ])

/// What code does as it is loaded, and what is said of it.
let private atLoading =
    [ "exit 0", "its process was ended by the code itself, with exit code 0 as it was loaded"
      "let rec deeper (n: int) : int = 1 + deeper (n + 1)\nprintfn \"%d\" (deeper 0)", "stack overflow"
      "System.Environment.FailFast \"enough\"", "FailFast: enough" ]

let private loading =
    [ for number, (action, reason) in List.indexed atLoading do
          testCase $"as it is loaded, number {number}: the scenario is refused at the place that names the code"
          <| fun () ->
              let files =
                  [ "bad.fsx", action + "\n" + script []
                    "bad.yaml", scenario "bad" [ "{ script: bad.fsx }"; "average" ] ]

              inFolderWith files (fun folder ->
                  let outcome = ubarfs folder [ "bad.yaml"; "--quiet" ]
                  Expect.equal outcome.Code 2 outcome.Errors
                  Expect.stringContains outcome.Errors reason "why"
                  Expect.isMatch outcome.Errors @"bad\.yaml:\d+:\d+: error: " "where") ]

/// Other commands call the code themselves: its end is theirs, and no success.
let private elsewhere =
    [ for arguments in
          [ [ "check"; "bad.yaml" ]
            [ "describe"; "bad.fsx" ]
            [ "test-rule"; "bad.fsx" ] ] do
          let command = String.concat " " arguments

          testCase $"ubarfs {command}: the code's exit code 0 is not the command's"
          <| fun () ->
              let files =
                  [ "bad.fsx", "exit 0\n" + script []
                    "bad.yaml", scenario "bad" [ "{ script: bad.fsx }"; "average" ] ]

              inFolderWith files (fun folder ->
                  let outcome = ubarfs folder arguments
                  Expect.equal outcome.Code 1 outcome.Errors
                  Expect.stringContains outcome.Errors "code of your own ended the program" "why") ]

let private limits =
    [ "--rule-timeout", "0s"
      "--rule-timeout", "50"
      "--rule-memory", "0"
      "--rule-memory", "-1" ]
    |> List.map (fun (option, value) ->
        testCase $"{option} {value} is refused"
        <| fun () ->
            inFolderWith [ "fine.yaml", scenario "fine" [ "average" ] ] (fun folder ->
                let outcome = ubarfs folder [ "fine.yaml"; $"{option}={value}" ]
                Expect.equal outcome.Code 2 outcome.Errors
                Expect.stringContains outcome.Errors option "which"))

[<Tests>]
let tests =
    testList
        "harmful code"
        [ ofRules
          ofStages
          ofAttacks
          yield! loading
          yield! elsewhere
          yield! limits ]
