/// Scenarios as F# scripts.
module UbarFs.Tests.ScriptTests

open System.IO
open Expecto
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Scripting
open UbarFs.Tests.LanguageSamples

let private load (name: string) (text: string) overrides =
    TinyDataset.inFolder (fun folder ->
        let path = Path.Combine(folder, name)
        File.WriteAllText(path, text)

        let hidden (text: string) = text.Replace(folder + string Path.DirectorySeparatorChar, "")

        Script.load World.machine path overrides
        |> Result.mapError (List.map (Rendering.plain >> hidden) >> String.concat ""))

let private refused text =
    match load "study.fsx" text [] with
    | Ok _ -> failtest "accepted"
    | Error message -> message

let private study =
    """let study aggregation =
    scenario $"study-{aggregation}" {
        dataset "digits"
        model "softmax"
        benign 8
        epochs 3
        rule aggregation
        sweep "training.rate" [ 0.1; 0.2 ]
    }

[ for aggregation in [ "ubar"; "average" ] -> study aggregation ]
"""

// One at a time: each holds a compiler.
[<Tests>]
let tests =
    testSequenced
    <| testList
        "scripts"
        [ testCase "a script yields scenarios, which --set changes"
          <| fun () ->
              match load "study.fsx" study [ "training.rate", "0.3" ] with
              | Error message -> failtest message
              | Ok(scenarios, _) ->
                  let written name =
                      runs (minimal + $"name: study-{name}\nrule: {name}\n") [ "training.rate", "0.3" ]
                      |> List.map Run.canonical

                  Expect.equal
                      (scenarios |> List.map (fun scenario -> List.map Run.canonical scenario.Runs))
                      [ written "ubar"; written "average" ]
                      "runs"

          testCase "what does not compile is shown at its place"
          <| fun () ->
              let message = refused "let x = 3\nlet y : string =\n    x + 1\n"
              Expect.stringContains message "study.fsx:3:9: error: " "place"
              Expect.stringContains message "    3 |     x + 1\n      |         ^" "caret"

          testCase "what a script throws is shown where it left the script"
          <| fun () ->
              let message = refused "let fail () : int =\n    failwith \"no luck\"\n\nlet z = fail ()\n"
              Expect.stringContains message "study.fsx:2:5: error: the script failed: no luck" "place"

          testCase "what is built is checked like any scenario"
          <| fun () ->
              let message = refused (study.Replace("\"digits\"", "\"digit\""))
              Expect.stringContains message "study.fsx (study-ubar):2:18: error: unknown dataset 'digit'" "first"
              Expect.stringContains message "study.fsx (study-average):2:18" "second"

          testCase "a script without scenarios is refused"
          <| fun () ->
              Expect.stringContains (refused "let x = 3\n") "yields no scenario" "nothing"
              Expect.stringContains (refused "3\n") "a value of type Int32" "a number" ]
