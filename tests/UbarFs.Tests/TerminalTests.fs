/// The command on a terminal, as people use it.
module UbarFs.Tests.TerminalTests

open System
open System.IO
open System.Runtime.InteropServices
open System.Text.RegularExpressions
open Expecto
open UbarFs.Tests.CommandProcess
open UbarFs.Tests.Pty

module private Native =
    [<DllImport("libc", EntryPoint = "kill")>]
    extern int Kill(int pid, int signal)

let private scenario rule length =
    $"""data: {{ dataset: digits }}
model: softmax
network: {{ topology: {{ random: 0.7 }}, benign: 4, byzantine: 20%% }}
training: {{ batch: 16, iterations: {length}, rate: 0.1 }}
measure: {{ every: 2 iterations }}
rule: {rule}
sweep: {{ attack: [absent, bit-flip] }}
repeat: 2
"""

/// A rule in a script, from the lines of its function of a view.
let private script (body: string) =
    $"""open UbarFs.Core
let rule =
    settings {{
        return Rule.aggregating 0.5 (fun (view: View) ->
{body})
    }}
"""

let private failure =
    "the estimate of this neighbour is not to be trusted, says the rule in a sentence that takes more than one line"

let private failing =
    script
        $"""            System.Console.WriteLine "the rule was called"
            failwith "{failure}" """

let private hanging =
    script
        """            eprintfn "the rule hangs"
            System.Threading.Thread.Sleep(System.TimeSpan.FromMinutes 5.0)
            failwith "nobody has ended it" """

// Long enough that many frames are drawn meanwhile.
let private talking =
    script
        """            for line in 1..400 do
                if line % 2 = 0 then printfn "line %d" line else eprintfn "line %d" line
            Aggregate.ofEstimate view.Own"""

/// What the runtime finds to be garbage is gone in each iteration.
let private collecting =
    script
        """            System.GC.Collect()
            System.GC.WaitForPendingFinalizers()
            Aggregate.ofEstimate view.Own"""

let private files =
    [ "quick.yaml", scenario "average" 20
      "long.yaml", scenario "average" 500000
      "failing.yaml", scenario "{ script: failing.fsx }" 20
      "failing.fsx", failing
      "talking.yaml", scenario "{ script: talking.fsx }" 2
      "talking.fsx", talking
      "collecting.yaml", scenario "{ script: collecting.fsx }" 500000
      "collecting.fsx", collecting
      "hanging.yaml", scenario "{ script: hanging.fsx }" 20
      "hanging.fsx", hanging ]

let private inFolder test = inFolderWith files test

let private bar = Regex "[━─]{4} +\d+ %"

/// Nothing of the bars is left, and the cursor can be seen.
let private isTidy (ending: Ending) =
    Expect.isFalse (bar.IsMatch ending.Seen.Text) $"no bars are left in\n{ending.Seen.Text}"
    Expect.isTrue ending.Seen.IsCursorVisible "the cursor is visible"
    Expect.isFalse (ending.Seen.Text.Contains "defect") ending.Seen.Text

let private finished columns jobs =
    testCase $"{columns} columns, {jobs} at once: bars, then the table, and the exit code 0"
    <| fun () ->
        inFolder (fun folder ->
            let ending = toEnd folder (size columns) [] $"{ubarfs} quick.yaml --jobs {jobs}"
            Expect.equal ending.Code 0 ending.Seen.Text
            Expect.stringContains ending.Written "runs 0/4" "bars were shown"
            Expect.stringContains ending.Seen.Text "average" "the table is there"
            Expect.stringContains ending.Seen.Text "worst %" "with its figures"
            Expect.equal (List.last (List.filter ((<>) "") ending.Seen.Lines)) "runs/quick/report.html" "to its end"
            isTidy ending)

let private failed columns jobs =
    testCase $"{columns} columns, {jobs} at once: a failure is told in whole words, and the exit code is 1"
    <| fun () ->
        inFolder (fun folder ->
            let ending = toEnd folder (size columns) [] $"{ubarfs} failing.yaml --jobs {jobs}"
            Expect.equal ending.Code 1 ending.Seen.Text
            let lines = ending.Seen.Lines
            let told = lines |> List.map _.Trim() |> String.concat " "
            // Above the bars and in the end, for each run.
            Expect.equal ((told.Split failure).Length - 1) 8 $"whole, eight times, in\n{ending.Seen.Text}"
            let called = lines |> List.filter (fun line -> line.Contains "the rule was called")
            Expect.isNonEmpty called "what the rule prints is seen"
            Expect.allEqual called "the rule was called" "and mixed with nothing"
            isTidy ending)

/// Who prints, who draws and who waits for either must not wait for each other in a ring.
let private talked =
    testCase "rules that print without end, two at once, do not stop the sweep"
    <| fun () ->
        inFolder (fun folder ->
            let ending = toEnd folder (size 80) [] $"{ubarfs} talking.yaml --jobs 2"
            Expect.equal ending.Code 0 ending.Seen.Text
            isTidy ending)

let private isDeaf () = CommandLineTests.isIgnored 2

let private interrupted columns jobs =
    testCase $"{columns} columns, {jobs} at once: Ctrl-C saves, prints what there is, and gives 130"
    <| fun () ->
        if isDeaf () then
            skiptest "Ctrl-C does not reach child processes here"

        inFolder (fun folder ->
            run folder (size columns) [] $"{ubarfs} long.yaml --jobs {jobs}" (fun session ->
                session.Await "worst"
                session.Type controlC
                let ending = session.End()
                Expect.equal ending.Code 130 ending.Seen.Text
                let message = "ubarfs: stopping after the iterations under way; Ctrl-C again stops at once"
                Expect.contains ending.Seen.Lines message $"in a line of its own in\n{ending.Seen.Text}"
                Expect.stringContains ending.Seen.Text "interrupted" "the table"
                isTidy ending))

/// All processes of the terminal get the signal; the one that does the run is to save it all the same.
let private interruptedWithCode =
    testCase "Ctrl-C saves a run of the user's own code, whatever garbage was collected"
    <| fun () ->
        if isDeaf () then
            skiptest "Ctrl-C does not reach child processes here"

        inFolder (fun folder ->
            run folder (size 80) [] $"{ubarfs} collecting.yaml" (fun session ->
                session.Await "worst"
                session.Type controlC
                let ending = session.End()
                Expect.equal ending.Code 130 ending.Seen.Text
                let runs = Path.Combine(folder, "runs", "collecting")
                let logs = Directory.GetFiles(runs, "log.txt", SearchOption.AllDirectories)
                Expect.stringContains (File.ReadAllText(Array.exactlyOne logs)) "interrupted" "it was saved"))

let private interruptedTwice options =
    testCase $"a second Ctrl-C ends what hangs, with the options '{options}'"
    <| fun () ->
        if isDeaf () then
            skiptest "Ctrl-C does not reach child processes here"

        inFolder (fun folder ->
            run folder (size 80) [] $"{ubarfs} hanging.yaml {options}" (fun session ->
                session.Await "the rule hangs"
                session.Type controlC
                session.Await "Ctrl-C again"
                session.Type controlC
                let ending = session.End()
                Expect.equal ending.Code 130 ending.Seen.Text
                isTidy ending))

let private terminatedTwice =
    testCase "a second SIGTERM ends what hangs, also while the page is served"
    <| fun () ->
        if not (OperatingSystem.IsLinux()) then
            skiptest "signals are those of Linux here"

        inFolder (fun folder ->
            use started = start folder [ "hanging.yaml"; "--watch"; "0" ]

            let rec await (text: string) =
                match started.StandardError.ReadLine() with
                | null -> failtest $"it ended without '{text}'"
                | line when line.Contains text -> ()
                | _ -> await text

            await "the rule hangs"
            Native.Kill(started.Id, 15) |> ignore
            await "Ctrl-C again"
            Native.Kill(started.Id, 15) |> ignore
            Expect.equal (outcome started).Code 130 "it has ended")

let private sgr = Regex "\u001b\[[0-9;]*m"

let private plain =
    [ testCase "NO_COLOR: bars without a colour"
      <| fun () ->
          inFolder (fun folder ->
              let ending = toEnd folder (size 80) [ "NO_COLOR", "1" ] $"{ubarfs} quick.yaml"
              Expect.equal ending.Code 0 ending.Seen.Text
              Expect.stringContains ending.Written "runs 0/4" "bars"
              let colours = [ for found in sgr.Matches ending.Written -> found.Value ]
              Expect.all colours (fun code -> code = "\u001b[0m" || code = "\u001b[m") "no colours"
              isTidy ending)

      testCase "TERM=dumb: plain lines"
      <| fun () ->
          inFolder (fun folder ->
              let ending = toEnd folder (size 80) [ "TERM", "dumb" ] $"{ubarfs} quick.yaml"
              Expect.equal ending.Code 0 ending.Seen.Text
              Expect.stringContains ending.Written "[4/4]" "a line for each run"
              Expect.isFalse (ending.Written.Contains '\u001b') "no sequences")

      testCase "--quiet: no bars"
      <| fun () ->
          inFolder (fun folder ->
              let ending = toEnd folder (size 80) [] $"{ubarfs} quick.yaml --quiet"
              Expect.equal ending.Code 0 ending.Seen.Text
              Expect.isFalse (ending.Written.Contains "runs 0/4") "the table alone")

      testCase "output into a file: bars as wide as the terminal, and the table in the file"
      <| fun () ->
          inFolder (fun folder ->
              let ending = toEnd folder (size 120) [] $"{ubarfs} quick.yaml --json > out.json"
              Expect.equal ending.Code 0 ending.Seen.Text
              Expect.stringContains ending.Written "━" "bars"
              Expect.equal (ending.Seen.Text.Trim()) "" "and nothing else"
              let written = File.ReadAllText(Path.Combine(folder, "out.json"))
              use json = Text.Json.JsonDocument.Parse written
              Expect.equal json.RootElement.ValueKind Text.Json.JsonValueKind.Object "JSON in the file")

      testCase "errors into a file: plain lines there, and the table on the terminal"
      <| fun () ->
          inFolder (fun folder ->
              let ending = toEnd folder (size 80) [] $"{ubarfs} quick.yaml 2> errors.txt"
              Expect.equal ending.Code 0 ending.Seen.Text
              let errors = File.ReadAllText(Path.Combine(folder, "errors.txt"))
              Expect.stringContains errors "[4/4]" "a line for each run"
              Expect.isFalse (errors.Contains '\u001b') "no sequences"
              isTidy ending) ]

let private narrow =
    testCase "a terminal that is narrower than the table shows its figures all the same"
    <| fun () ->
        inFolder (fun folder ->
            let ending = toEnd folder (size 30) [] $"{ubarfs} quick.yaml"
            Expect.equal ending.Code 0 ending.Seen.Text
            Expect.isMatch (ending.Seen.Text.Replace("\n", "")) @"\d\d?\.\d ± \d" "worst accuracies"
            isTidy ending)

/// Every command that prints something of its own, on a terminal that is too narrow for anything.
let private everywhere =
    [ "check quick.yaml"
      "list"
      "describe ubar"
      "doctor"
      "data list"
      "data get digits"
      "new"
      "show quick.yaml"
      "test-rule dmedian --tests 3"
      "--help"
      "run --help" ]
    |> List.map (fun command ->
        testCase $"ubarfs {command}"
        <| fun () ->
            inFolder (fun folder ->
                let ending = toEnd folder (size 10) [] $"{ubarfs} {command}"
                Expect.equal ending.Code 0 ending.Seen.Text
                isTidy ending))

let private closedPipe =
    testCase "a reader that stops reading is no defect"
    <| fun () ->
        inFolder (fun folder ->
            let ending = toEnd folder (size 80) [] $"{ubarfs} reference | head -n 1"
            Expect.equal ending.Code 0 ending.Seen.Text
            Expect.hasLength (ending.Seen.Lines |> List.filter ((<>) "")) 1 "one line")

/// A shell's way to take a stream away or to fill it, the exit code, and the rows of results.
let private streams =
    [ "2> /dev/full", 0
      "2>&-", 0
      "< /dev/null 0<&-", 0
      "> /dev/full", 1
      "> /dev/full 2> /dev/full", 1 ]
    |> List.map (fun (redirection, code) ->
        testCase $"streams that cannot be written cost no run: {redirection}"
        <| fun () ->
            inFolder (fun folder ->
                let ending = toEnd folder (size 80) [] $"{ubarfs} quick.yaml {redirection}"
                Expect.equal ending.Code code ending.Seen.Text
                let results = File.ReadAllText(Path.Combine(folder, "runs", "quick", "results.csv"))
                Expect.equal ((results.Split ",complete,").Length - 1) 4 results))

let private ports =
    testCase "a port that is none is told in one message"
    <| fun () ->
        inFolder (fun folder ->
            let outcome = CommandProcess.ubarfs folder [ "quick.yaml"; "--watch"; "99999" ]
            Expect.equal outcome.Code 2 outcome.Errors
            Expect.equal outcome.Errors "ubarfs: --watch is 99999: expected a port from 0 to 65535\n" "the message")

[<Tests>]
let tests =
    testList
        "terminal"
        [ for columns, jobs in List.allPairs [ 80; 120 ] [ 1; 2 ] do
              finished columns jobs
          failed 80 1
          failed 120 2
          talked
          interrupted 80 2
          interrupted 120 1
          interruptedWithCode
          interruptedTwice ""
          interruptedTwice "--jobs 2 --watch 0"
          terminatedTwice
          yield! plain
          narrow
          closedPipe
          yield! streams
          ports
          testList "every command, on ten columns" everywhere ]
