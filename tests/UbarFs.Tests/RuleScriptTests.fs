/// Rules and attacks as F# scripts.
module UbarFs.Tests.RuleScriptTests

open System
open System.IO
open Expecto
open TorchSharp
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Scripting

/// Writes files into a folder of their own, the script last, and loads it.
let private inFolder (files: (string * string) list) test =
    TinyDataset.inFolder (fun folder ->
        for name, text in files do
            File.WriteAllText(Path.Combine(folder, name), text)

        test folder (Path.Combine(folder, fst (List.last files))))

let private message folder result =
    match result with
    | Ok _ -> failtest "accepted"
    | Error problems ->
        (problems |> List.map Rendering.plain |> String.concat "")
            .Replace(folder + string Path.DirectorySeparatorChar, "")

let private refused text =
    inFolder [ "mine.fsx", text ] (fun folder path -> message folder (RuleScript.loadRule path))

let private accepted result =
    match result with
    | Ok loaded -> loaded
    | Error problems -> failtest (problems |> List.map Rendering.plain |> String.concat "")

let private mean =
    """
let rule =
    settings {
        let! pull = Setting.ratio "pull" 0.5 "weight of the received mean"

        return
            Rule.aggregating 0.5 (fun view ->
                let mean = Estimate.mean view.Received
                Aggregate.ofEstimate (Native.scaled pull mean + Native.scaled (1.0 - pull) view.Own))
    }
"""

let private view () =
    let own = torch.tensor [| 2.0; 2.0 |]

    View.evenly own (torch.tensor (array2D [ [ 4.0; 4.0 ]; [ 8.0; 8.0 ] ]))

let private result (rule: Component<Rule>) arguments =
    use scope = torch.NewDisposeScope()
    let rule = (Component.choose (Map arguments) rule).Value
    (Rule.aggregate rule (view ())).Estimate.data<float>().ToArray()

[<Tests>]
let tests =
    testList
        "rule scripts"
        [ testCase "a script defines a rule with parameters, and finds the library open"
          <| fun () ->
              inFolder [ "mine.fsx", mean ] (fun _ path ->
                  let rule = (accepted (RuleScript.loadRule path)).Component
                  Expect.equal rule.Name "mine.fsx" "name"
                  Expect.equal (result rule []) [| 4.0; 4.0 |] "defaults"
                  Expect.equal (result rule [ "pull", Value.Real 1.0 ]) [| 6.0; 6.0 |] "with a parameter")

          testCase "a script loads other scripts, and a change of them changes its fingerprint"
          <| fun () ->
              let script = "#load \"tools.fsx\"\nlet rule = Tools.last\n"

              let last number =
                  $"let last = Rule.aggregating 0.5 (fun view -> Aggregate.ofEstimate (view.Own + {number}.0.ToScalar()))"

              let loaded number =
                  inFolder [ "tools.fsx", last number; "mine.fsx", script ] (fun _ path ->
                      let loaded = accepted (RuleScript.loadRule path)
                      result loaded.Component [], loaded.Fingerprint)

              Expect.equal (fst (loaded 1)) [| 3.0; 3.0 |] "the rule of the loaded file"
              Expect.equal (snd (loaded 1)) (snd (loaded 1)) "the folder does not count"
              Expect.notEqual (snd (loaded 1)) (snd (loaded 2)) "the loaded file counts"

          testCase "references to the library are for editors: nobody has to find them"
          <| fun () ->
              let reference = "#r \"/nowhere/lib/UbarFs.Core.dll\"\n#r \"TorchSharp.dll\"\nopen UbarFs.Core\n"

              inFolder [ "mine.fsx", reference + mean ] (fun _ path ->
                  Expect.equal (result (accepted (RuleScript.loadRule path)).Component []) [| 4.0; 4.0 |] "loaded")

          testCase "other references must lead somewhere"
          <| fun () ->
              let message = refused ("#r \"lib/Other.dll\"\n" + mean)
              Expect.stringContains message "mine.fsx:1:4: error: there is no assembly" "a file"
              Expect.stringContains (refused ("#r \"nuget: FSharp.Data\"\n" + mean)) "mine.fsx:1:4" "a package"

          testCase "what does not compile is shown at its place"
          <| fun () ->
              let message = refused "let x = 3\nlet y : string =\n    x + 1\n"
              Expect.stringContains message "mine.fsx:3:9: error: " "place"
              Expect.stringContains message "    3 |     x + 1\n      |         ^" "caret"

          testCase "what does not compile in a file that is loaded is shown there"
          <| fun () ->
              inFolder
                  [ "tools.fsx", "\nlet x: int = \"one\"\n"; "mine.fsx", "#load \"tools.fsx\"\n" ]
                  (fun folder path ->
                      Expect.stringContains
                          (message folder (RuleScript.loadRule path))
                          "tools.fsx:2:14: error: "
                          "place")

          testCase "what a script throws while it is loaded is shown at its place"
          <| fun () ->
              let message = refused "let rule: Rule =\n    failwith \"no luck\"\n"
              Expect.stringContains message "mine.fsx:1:1: error: the script failed: no luck" "place"

          testCase "what its rule throws says where"
          <| fun () ->
              let text = "let rule =\n    Rule.aggregating 0.5 (fun view ->\n        failwith \"no luck\")\n"

              inFolder [ "mine.fsx", text ] (fun _ path ->
                  let rule = (accepted (RuleScript.loadRule path)).Component

                  match Expect.throwsC (fun () -> result rule [] |> ignore) id with
                  | CodeException _ as error ->
                      Expect.stringContains error.Message "mine.fsx:3:9: error: the script failed: no luck" "place"
                  | other -> failtest $"{other}")

          testCase "a wrong index is shown at its own line, in a helper too"
          <| fun () ->
              let place (lines: string list) =
                  inFolder [ "mine.fsx", String.concat "\n" lines + "\n" ] (fun _ path ->
                      let rule = (accepted (RuleScript.loadRule path)).Component

                      match Expect.throwsC (fun () -> result rule [] |> ignore) id with
                      | CodeException _ as error -> error.Message
                      | other -> failtest $"{other}")

              let direct =
                  [ "let rule ="
                    "    Rule.aggregating 0.5 (fun view ->"
                    "        let wrong = view.Received[7L]"
                    "        Aggregate.ofEstimate wrong)" ]

              let tensorHelper =
                  [ "/// Rows that are not there."
                    "let private row (view: View) number ="
                    "    let index = number + 5L"
                    "    view.Received[index]"
                    ""
                    "let rule = Rule.aggregating 0.5 (fun view -> Aggregate.ofEstimate (row view 2L))" ]

              let arrayHelper =
                  [ "let private farthest (distances: float[]) ="
                    "    let d = Array.sort distances"
                    "    d[100]"
                    ""
                    "let rule ="
                    "    Rule.aggregating 0.5 (fun view ->"
                    "        let losses = view.Losses [| 0; 1 |]"
                    "        let scale = farthest losses"
                    "        let own = view.Own"
                    "        Aggregate.ofEstimate (own * scale.ToScalar()))" ]

              Expect.stringContains (place direct) "mine.fsx:3:9: error: " "in the rule"
              Expect.stringContains (place tensorHelper) "mine.fsx:4:5: error: " "in a helper that ends with it"
              Expect.stringContains (place arrayHelper) "mine.fsx:3:5: error: " "in a helper that is small"

          testCase "a script defines exactly one rule"
          <| fun () ->
              let rule name =
                  $"let {name} = Rule.aggregating 0.5 (fun view -> Aggregate.ofEstimate view.Own)\n"

              Expect.stringContains (refused "let x = 3\n") "the script defines no rule" "none"
              Expect.stringContains (refused (rule "one" + rule "other")) "'one', 'other'" "two"

              inFolder [ "mine.fsx", rule "one" + rule "rule" ] (fun _ path ->
                  Expect.isOk (RuleScript.loadRule path) "the one that is called so")

          testCase "an attack is a script likewise"
          <| fun () ->
              let text = "let attack = Attack.alone (fun state -> Sent.Everyone(state.Estimate.neg ()))\n"

              inFolder [ "mine.fsx", text ] (fun folder path ->
                  let attack = (accepted (RuleScript.loadAttack path)).Component
                  let names = attack.Settings.Parameters |> List.map _.Name
                  Expect.equal names [ "from"; "until" ] "the parameters of every attack"
                  Expect.stringContains (message folder (RuleScript.loadRule path)) "defines no rule" "not a rule") ]
