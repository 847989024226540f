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

/// What harms nobody.
let private harmless =
    [ "prints", "printfn \"{ \\\"this\\\": \\\"is no result\\\" }\""
      "reads-its-input", "System.Console.ReadLine() |> ignore"
      "closes-its-input", "System.Console.In.Close()"
      "closes-its-output", "System.Console.Out.Close(); System.Console.Error.Close()"
      "starts-something", "System.Diagnostics.Process.Start(\"sleep\", \"1\") |> ignore"
      "collects", "System.GC.Collect()"
      "catches", "try failwith \"no luck\" with _ -> ()" ]

/// A rule that does one of these in its third iteration, by number.
let private script (actions: string list) =
    let cases =
        actions
        |> List.mapi (fun number action -> $"                | {number} ->\n                    {action}")

    let cases = String.concat "\n" cases

    $"""open UbarFs.Core

let rule =
    settings {{
        let! number = Setting.whole "number" 0 1000 0 "what it does"

        return Rule.aggregating 0.5 (fun (view: View) ->
            if view.Iteration = 2L then
                match number with
{cases}
                | _ -> ()
            Aggregate.ofEstimate (view.Received.mean [| 0L |]))
    }}
"""

let private scenario name (rules: string list) =
    let rules = String.concat ", " rules

    $"""name: {name}
data: {{ dataset: digits }}
model: softmax
network: {{ topology: complete, benign: 4, byzantine: 20%% }}
training: {{ batch: 16, iterations: 4, rate: 0.1 }}
measure: {{ every: 4 iterations, images: 100 }}
sweep: {{ rule: [{rules}] }}
"""

let private actions = [ for name, action, _ in harms -> name, action ] @ harmless

let private files =
    let rules =
        [ for number, (name, _) in List.indexed actions ->
              $"{{ script: code.fsx, with: {{ number: {number} }}, label: {name} }}" ]

    [ "code.fsx", script (List.map snd actions)
      "all.yaml", scenario "all" (rules @ [ "average"; "dmedian" ]) ]

/// The status of each run, by its rule.
let private statuses folder store =
    let rows =
        File.ReadAllLines(Path.Combine(folder, "runs", store, "results.csv")) |> Array.map _.Split(',')

    let status, rule = Array.IndexOf(rows[0], "status"), Array.IndexOf(rows[0], "rule")
    Map.ofArray [| for row in Array.tail rows -> row[rule], row[status] |]

let private reasons folder store =
    Directory.GetFiles(Path.Combine(folder, "runs", store), "run.json", SearchOption.AllDirectories)
    |> Array.map File.ReadAllText
    |> String.concat "\n"

let private sweep =
    testCase "in one sweep: each run fails for its own reason, and the others are complete"
    <| fun () ->
        inFolderWith files (fun folder ->
            let limits = [ "--rule-timeout"; "10s"; "--rule-memory"; "1.5"; "--jobs"; "2"; "--json" ]
            let outcome = ubarfs folder ("all.yaml" :: limits)
            let told = outcome.Errors
            Expect.equal outcome.Code 1 told
            Expect.isFalse (told.Contains "defect") told
            use _ = Text.Json.JsonDocument.Parse outcome.Output
            let statuses = statuses folder "all"

            for name in List.map fst harmless @ [ "average"; "dmedian" ] do
                Expect.equal (Map.find name statuses) "complete" $"{name} in\n{told}"

            for name, _, reason in harms do
                Expect.equal (Map.find name statuses) "failed" $"{name} in\n{told}"

                let line = told.Split '\n' |> Array.tryFind _.StartsWith($"ubarfs: all: rule={name}, seed=1: ")

                Expect.stringContains (Option.defaultValue "" line) reason $"{name} in\n{told}"

            Expect.isFalse ((reasons folder "all").Contains "\"running\"") "nothing is left in the middle")

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
let tests = testList "harmful code" [ sweep; yield! loading; yield! elsewhere; yield! limits ]
