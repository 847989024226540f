/// `ubarfs export` and `ubarfs apply` as their users meet them.
module UbarFs.Tests.ExportCommandTests

open System
open System.IO
open System.Text.Json
open System.Text.RegularExpressions
open Expecto
open TorchSharp
open UbarFs.Engine
open UbarFs.Tests.CommandProcess

let private scenario =
    """data: { dataset: digits }
model: softmax
network: { topology: { random: 0.7 }, benign: 4, byzantine: 20% }
training: { batch: 16, iterations: 4, rate: 0.1 }
attack: bit-flip
sweep: { rule: [average, ubar] }
"""

let private succeeds folder arguments =
    let outcome = ubarfs folder arguments
    Expect.equal outcome.Code 0 outcome.Errors
    outcome

let private refused folder arguments =
    let outcome = ubarfs folder arguments
    Expect.equal outcome.Code 2 outcome.Errors
    outcome.Errors

let private read file =
    match Safetensors.read file with
    | Ok saved -> saved
    | Error reason -> failtest reason

let private exports =
    testCase "export writes the models of one node or several, from wherever it is called"
    <| fun () ->
        inFolderWith [ "small.yaml", scenario ] (fun folder ->
            succeeds folder [ "small.yaml"; "--quiet" ] |> ignore
            let store = Path.Combine("runs", "small")
            let run = Directory.GetDirectories(Path.Combine(folder, store)) |> Array.head
            let relative = Path.Combine(store, Path.GetFileName run)

            let first = succeeds folder [ "export"; relative + "/" ]
            Expect.equal first.Output "node-0.safetensors\n" "the first benign node, here"

            Expect.stringContains
                first.Errors
                "model.load_state_dict(load_file(\"node-0.safetensors\"))"
                "how to load it"

            Expect.isMatch first.Errors @"mean, deviation = torch\.tensor\(\[[0-9.]+\]\)" "how to normalise"
            Expect.equal (succeeds run [ "export"; "." ]).Output "node-0.safetensors\n" "in the run's own folder, too"
            Expect.isTrue (File.Exists(Path.Combine(run, "model.safetensors"))) "beside the run's own file"

            let all = succeeds folder [ "export"; relative; "--node"; "all"; "--out"; "models" ]
            Expect.equal (all.Output.TrimEnd().Split '\n').Length 5 "everyone"
            use _ = torch.NewDisposeScope()
            let liar = read (Path.Combine(folder, "models", "node-4.safetensors"))
            Expect.equal liar.Metadata["byzantine"] "true" "a Byzantine node says so"
            Expect.equal liar.Metadata["dataset"] "digits" "what it was trained on"
            let benign = succeeds folder [ "export"; relative; "--node"; "benign"; "--out"; "benign" ]
            Expect.equal (benign.Output.TrimEnd().Split '\n').Length 4 "the benign ones"
            let two = succeeds folder [ "export"; relative; "--node"; "1,3" ]
            Expect.equal two.Output "node-1.safetensors\nnode-3.safetensors\n" "two of them"
            let own = refused folder [ "export"; relative; "--out"; Path.Combine(relative, "model.safetensors") ]
            Expect.stringContains own "is the run's own file" "which is never written over"

            Expect.stringContains
                (refused folder [ "export"; relative; "--node"; "9" ])
                "the nodes 0 to 4"
                "no such node"

            Expect.stringContains (refused folder [ "export"; relative; "--node"; "x" ]) "benign or all" "no number"

            let several = refused folder [ "export"; relative; "--node"; "1,2"; "--out"; "x.safetensors" ]
            Expect.stringContains several "name a folder" "one file is not enough"
            let listed = refused folder [ "export"; store ]
            Expect.stringContains listed relative "a store lists its runs"
            Expect.stringContains listed "ubar, bit-flip, seed 1" "with what they are"
            Expect.stringContains (refused folder [ "export"; "runs" ]) store "a folder of stores lists them")

let private apply =
    testCase "apply prints a summary beside --out, everything with --json, and takes parameters of a script"
    <| fun () ->
        inFolderWith [] (fun folder ->
            succeeds folder [ "new"; "rule"; "mine" ] |> ignore

            let save (name: string) shape values =
                let bytes = Npy.write { Shape = shape; Values = values; IsSingle = false }
                File.WriteAllBytes(Path.Combine(folder, name), bytes)

            save "own.npy" [ 2 ] [| 0.0; 0.0 |]
            save "received.npy" [ 3; 2 ] [| 1.0; 0.0; 0.0; 1.0; 100.0; 100.0 |]

            let apply rule more =
                (succeeds folder ([ "apply"; "--rule"; rule; "--own"; "own.npy"; "--received"; "received.npy" ] @ more))
                    .Output

            let result () =
                match Npy.read (File.ReadAllBytes(Path.Combine(folder, "result.npy"))) with
                | Ok array -> array.Values
                | Error reason -> failtest reason

            // The command of the tutorial, word by word.
            let tutorial = File.ReadAllText(beside "docs/writing-a-rule.md")

            let command =
                Regex.Match(tutorial, @"^    ubarfs apply --rule '([^']*)' --own own\.npy.*$", RegexOptions.Multiline)

            Expect.isTrue command.Success "the tutorial has it"
            let summary = apply command.Groups[1].Value [ "--out"; "result.npy" ]
            Expect.equal (result ()) [| 0.5; 0.5 |] "as the tutorial says"
            Expect.stringContains summary "result: [2] of float64 in result.npy\n" "its shape and file"
            Expect.stringContains summary "kept 2 of 3: 0, 1" "what it kept"
            Expect.isFalse (summary.Contains '{') "and nothing else"
            use whole = JsonDocument.Parse(apply "dmedian" [ "--out"; "result.npy"; "--json" ])
            Expect.equal (whole.RootElement.GetProperty("result").GetArrayLength()) 2 "all of it where it is asked for"
            save "own.npy" [ 100 ] (Array.zeroCreate 100)
            save "received.npy" [ 1; 100 ] (Array.zeroCreate 100)
            use piped = JsonDocument.Parse(apply "average" [])
            Expect.equal (piped.RootElement.GetProperty("result").GetArrayLength()) 100 "a pipe gets every number")

[<Tests>]
let tests = testList "export and apply" [ exports; apply ]
