/// Code of one's own on the command line: examples, refusals, the cache of compiled scripts, arrays of NumPy.
module UbarFs.Tests.CodeCommandTests

open System
open System.IO
open System.Text.Json
open System.Text.RegularExpressions
open Expecto
open UbarFs.Engine
open UbarFs.Tests.CommandProcess

let private mean =
    "let rule = Rule.aggregating 0.5 (fun view -> Aggregate.ofEstimate (Estimate.mean view.Received))\n"

let private classes = beside "scenarios/rules/csharp/bin/UbarFs.Examples.dll"

let private succeeds folder arguments =
    let outcome = ubarfs folder arguments
    Expect.equal outcome.Code 0 outcome.Errors
    outcome.Output

let private examples =
    testCase "the scenario of own rules and attacks trains"
    <| fun () ->
        inFolderWith [] (fun folder ->
            let scenario = beside "scenarios/rules/own-code.yaml"
            let smaller = [ "--set"; "network.benign=4"; "--set"; "training.epochs=1" ]
            let output = succeeds folder (scenario :: smaller)
            Expect.isFalse (output.Contains "No baseline") "each rule has one"
            let rows = File.ReadAllLines(Path.Combine(folder, "runs/own-code/results.csv")) |> Array.tail
            Expect.equal rows.Length 12 "nobody or one of two attacks, four rules"

            for row in rows do
                Expect.stringContains row ",complete," "each is trained")

let private testedClass =
    testCase "test-rule takes a class of an assembly, and says which there are"
    <| fun () ->
        inFolderWith [] (fun folder ->
            let named name =
                ubarfs folder ([ "test-rule"; classes; "--tests"; "10"; "--property"; "fixpoint" ] @ name)

            let tested = named [ "--type"; "ClippedMean"; "--set"; "radius=0.5"; "--json" ]
            Expect.equal tested.Code 0 tested.Errors
            use report = JsonDocument.Parse tested.Output
            Expect.stringContains (string (report.RootElement.GetProperty "laws")) "fixpoint" "the law"
            let unnamed = named []
            Expect.equal unnamed.Code 2 unnamed.Errors
            Expect.stringContains unnamed.Errors "UbarFs.Examples.ClippedMean" "what could be named")

let private scenario rule =
    $"""data: {{ dataset: digits }}
model: softmax
network: {{ topology: {{ random: 0.7 }}, benign: 4 }}
training: {{ batch: 16, iterations: 2, rate: 0.1 }}
rule: {rule}
"""

let private refusals =
    let files =
        [ "mine.fsx", mean
          "script.yaml", scenario "{ script: mine.fsx }"
          "class.yaml", scenario $"{{ assembly: {classes}, type: ClippedMean }}"
          "study.fsx", "scenario \"study\" { rule \"ubar\" }\n"
          "case.json", """{ "rule": { "script": "mine.fsx" }, "own": [0], "neighbours": [[1]] }""" ]

    [ for arguments in
          [ [ "script.yaml"; "--no-scripts" ]
            [ "--no-scripts"; "class.yaml" ]
            [ "check"; "script.yaml"; "--no-scripts" ]
            [ "show"; "class.yaml"; "--no-scripts" ]
            [ "study.fsx"; "--no-scripts" ]
            [ "apply"; "case.json"; "--no-scripts" ]
            [ "apply"; "--rule"; "mine.fsx"; "--own"; "own.npy"; "--no-scripts" ] ] do
          let line = String.concat " " arguments

          testCase $"ubarfs {line}"
          <| fun () ->
              inFolderWith files (fun folder ->
                  let outcome = ubarfs folder arguments
                  Expect.equal outcome.Code 2 outcome.Errors
                  Expect.stringContains outcome.Errors "--no-scripts refuses to run code" "the reason"
                  Expect.isFalse (Path.Exists(Path.Combine(folder, "runs"))) "nothing is run") ]

let private case rule =
    $"""{{ "rule": {{ "script": "{rule}" }}, "own": [0], "neighbours": [[2], [4]] }}"""

let private cache =
    testCase "a compiled script is used again, a damaged one is compiled anew, and without a folder it works as well"
    <| fun () ->
        inFolderWith [ "mine.fsx", mean; "case.json", case "mine.fsx" ] (fun folder ->
            let scripts = Path.Combine(folder, "cache/ubarfs/scripts")

            let apply () =
                let output = succeeds folder [ "apply"; "case.json" ]
                Expect.stringContains (Regex.Replace(output, @"\s", "")) "\"result\":[3]" "the mean"

            let compiled () = Directory.GetFiles scripts |> Array.exactlyOne
            apply ()
            let file = compiled ()
            let content = File.ReadAllBytes file

            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch)
            apply ()
            Expect.isGreaterThan (File.GetLastWriteTimeUtc file) DateTime.UnixEpoch "it was used"
            Expect.equal (File.ReadAllBytes file) content "and not written"

            File.WriteAllBytes(file, Array.truncate (content.Length / 2) content)
            apply ()
            Expect.equal (compiled ()) file "the same key"
            Expect.hasLength (File.ReadAllBytes file) content.Length "whole again"

            Directory.Delete(scripts, true)
            File.WriteAllText(scripts, "no folder")
            apply ())

let private arrays =
    testCase "apply takes arrays of NumPy and gives one, of the type of the own estimate"
    <| fun () ->
        inFolderWith [] (fun folder ->
            let save (name: string) shape values isSingle =
                File.WriteAllBytes(
                    Path.Combine(folder, name),
                    Npy.write { Shape = shape; Values = values; IsSingle = isSingle }
                )

            save "own.npy" [ 2 ] [| 0.0; 0.0 |] true
            save "received.npy" [ 3; 2 ] [| 1.0; 0.0; 0.0; 2.0; 9.0; 9.0 |] false
            save "losses.npy" [ 3 ] [| 0.5; 2.0; 0.1 |] false

            let apply rule more =
                ubarfs folder ([ "apply"; "--rule"; rule; "--own"; "own.npy"; "--received"; "received.npy" ] @ more)

            let losses = [ "--losses"; "losses.npy"; "--own-loss"; "1"; "--rho"; "0.7" ]
            let applied = apply "ubar" (losses @ [ "--out"; "result.npy" ])
            Expect.equal applied.Code 0 applied.Errors
            let lines = applied.Output.TrimEnd().Split '\n'

            Expect.sequenceEqual
                lines
                [ "result: [2] of float32 in result.npy"
                  "stage 1 kept 2 of 3: 0, 1"
                  "stage 2 kept 1 of 3: 0" ]
                "a summary"

            let whole = apply "ubar" (losses @ [ "--out"; "result.npy"; "--json" ])
            use verdict = JsonDocument.Parse whole.Output
            let selected = verdict.RootElement.GetProperty("selected").EnumerateArray()
            Expect.equal [ for row in selected -> row.GetInt32() ] [ 0 ] "the near ones, less the one with more loss"

            match Npy.read (File.ReadAllBytes(Path.Combine(folder, "result.npy"))) with
            | Ok result -> Expect.equal result { Shape = [ 2 ]; Values = [| 1.0; 0.0 |]; IsSingle = true } "the result"
            | Error reason -> failtest reason

            let without = apply "ubar" []
            Expect.equal without.Code 0 without.Errors
            Expect.stringContains without.Errors "each counts as NaN" "a rule that goes by losses is given none"
            Expect.equal (apply "dmedian" []).Errors "" "this one does not"
            save "received.npy" [ 1; 3 ] [| 1.0; 0.0; 0.0 |] true
            let wrong = apply "dmedian" []
            Expect.equal wrong.Code 2 wrong.Errors
            Expect.stringContains wrong.Errors "--received has estimates of 3 numbers, and --own has 2" "the reason")

[<Tests>]
let tests =
    testList "code on the command line" [ examples; testedClass; testList "is refused by" refusals; cache; arrays ]
