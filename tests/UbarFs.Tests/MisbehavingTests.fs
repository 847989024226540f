/// Rules and attacks that break their contract: what they did is told in its words, with their line, and never as a defect
/// of the program.
module UbarFs.Tests.MisbehavingTests

open System.IO
open Expecto
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Kernels.Estimates
open UbarFs.Scenario
open UbarFs.Scripting
open UbarFs.Testing
open UbarFs.Testing.Situations

let private beside name = CommandProcess.beside $"misbehaving/{name}"

let private accepted (result: Result<Loaded<'value>, Diagnostic list>) =
    match result with
    | Ok loaded -> loaded.Component
    | Error problems -> failtest (problems |> List.map Rendering.plain |> String.concat "")

let private rules = lazy (accepted (RuleScript.loadRule (beside "rules.fsx")))
let private attacks = lazy (accepted (RuleScript.loadAttack (beside "attacks.fsx")))

/// What is told of a misbehaviour; nothing if nothing is wrong. Anything but a diagnostic is a defect of ours.
let private told (work: unit -> unit) : string option =
    try
        use _ = torch.NewDisposeScope()
        work ()
        None
    with CodeException problem ->
        Some(Rendering.plain problem)

let private choose how (component': Component<'value>) =
    (Component.choose (Map [ "how", Value.Word how ]) component').Value

let private case rule : Case =
    { Rule =
        { Name = "rules.fsx"
          Label = None
          Code = None
          Parts = []
          Arguments = []
          Files = []
          Value = rule }
      BenignRatio = 0.4
      Weights = Case.equal 3
      Byzantine = 0
      Own = [| 0.0; 1.0 |]
      Neighbours = [| [| 1.0; 1.0 |]; [| 2.0; 3.0 |]; [| 0.0; 1.0 |] |]
      OwnLoss = 1.0
      Losses = [| 1.0; 2.0; 0.5 |] }

/// All nodes at once, with three rows of a pool.
let private network: unit -> NetworkView =
    fun () ->
        let pool = torch.ones ([| 4L; 2L |], dtype = torch.float32)

        { Pool = pool
          Rows = RowOperations.Host
          Own = [| 0; 1 |]
          Received = PaddedLists([| [| 1; 2 |]; [| 3 |] |], pool.device)
          Senders = [| [| 1; 2 |]; [| 0 |] |]
          Messages = MessageKind.Estimates
          Weights = [| [| 1.0 / 3.0; 1.0 / 3.0 |]; [| 0.5 |] |]
          OwnWeights = [| 1.0 / 3.0; 0.5 |]
          Neighbours = [| 2; 1 |]
          Byzantine = [| 0; 0 |]
          OwnLosses = torch.ones (2L, torch.float64)
          Losses = fun _ _ _ selection -> torch.ones_like (selection, torch.float64)
          Gradients = torch.zeros_like pool
          Nodes = [| 0; 1 |]
          Rate = 0.125
          Iteration = 0L
          Progress = 0.0
          BenignRatio = 0.4
          Random = fun node word -> Random.stream 0L (Purpose.Aggregation word) node 0L
          Memories = [| Map.empty; Map.empty |] }

/// Everything that anybody asks a rule.
let private asked (rule: unit -> Rule) =
    told (fun () ->
        let rule = rule ()
        Facts.ofRule rule |> ignore
        Case.apply (case rule) |> ignore
        rule.Network |> Option.iter (fun form -> form (network ()) |> ignore))

/// What marks the line of a script that is to blame: a text in it, or nothing if none is. `self` is the line of the case.
let private self = "self"

let private giving, private telling = "let private giving", "with Stages = stages view"

let private remembering, private together =
    "with Memory = memory view", "NetworkView.withoutStages network"

/// Sees that a message names the line of a script that is marked.
let private placed script how marker (message: string) =
    if marker <> "" then
        let marker = if marker = self then $"| \"{how}\"" else marker
        let lines = File.ReadAllLines(beside script)
        let number = 1 + Array.findIndex (fun (line: string) -> line.Contains marker) lines
        Expect.stringContains message $"{script}:{number}:" "where"

/// What is wrong with a rule of the script, where, and what has to be said of it.
let private ofRules =
    [ "received", giving, "R is [3, 2] of Float64; it must be [2] of Float64, like the own estimate"
      "number", giving, "R is [] of Float64; it must be [2]"
      "other-type", giving, "R is [2] of Int64; it must be [2] of Float64"
      "null-estimate", giving, "R is null"
      "null-result", self, "the rule returns null in place of a result"
      "freed", giving, "R is a tensor that has been freed"
      "scope", giving, "R is a tensor that has been freed: MoveToOuterDisposeScope() keeps"
      "stage-unnamed", self, "the result has the stages near; the rule names none"
      "stage-untold", giving, "the result has the stages none; the rule names near"
      "stage-null", telling, "a stage has no name or no rows (null)"
      "stages-null", telling, "the stages are null"
      "row-far", telling, "stage 'near' keeps row 99; there are 3 received estimates, rows 0 to 2"
      "row-negative", telling, "stage 'near' keeps row -1"
      "row-twice", telling, "stage 'near' keeps row 0 more than once"
      "memory-null", remembering, "the memory is null"
      "memory-of-null", remembering, "the memory's 'last' is null"
      "memory-freed", remembering, "the memory's 'last' is a tensor that has been freed"
      "throws", self, "the script failed: no luck (Exception)"
      "throws-silently", self, "the script failed: a message that cannot be read (Silent)"
      "index", self, "index 99"
      "losses", self, "the script failed: Index was outside the bounds of the array. (IndexOutOfRangeException)"
      "tolerance-throws", self, "the script, asked for its tolerance, failed: no luck"
      "tolerance-negative", self, "n̂ is -1 among 1 received estimates; it cannot be below 0"
      "alpha-throws", self, "the script, asked for its α, failed: no luck"
      "alpha-large", self, "α is 1.5 for 1 neighbours; it must be a number from 0 to 1"
      "alpha-nan", self, "α is NaN for 1 neighbours"
      "kappa-throws", self, "the script, asked for its κ, failed: no luck"
      "kappa-nan", self, "κ is NaN for 0 of 1"
      "claims-null", "", "Claims is null"
      "names-null", "", "a stage has no name"
      "names-twice", "", "two stages have the name 'near'"
      "null-rule", "", "the rule is null"
      "null-function", "", "Reference is null"
      "settings", self, "the script failed: no luck"
      "together-shape", together, "Estimates is [4, 2] of Float32; it must be [2, 2] of Float32"
      "together-throws", self, "the script failed: no luck" ]

let private scriptRules =
    testList
        "rules of a script"
        [ for how, marker, expected in ofRules do
              testCase how
              <| fun () ->
                  match asked (fun () -> choose how rules.Value) with
                  | None -> failtest "nothing is wrong"
                  | Some message ->
                      Expect.stringContains message expected "what is wrong"
                      Expect.isFalse (message.Contains "Exception raised from") "no trace of native code"
                      placed "rules.fsx" how marker message

          for how in [ "view-of-input"; "own" ] do
              testCase $"{how} is nothing wrong"
              <| fun () -> Expect.isNone (asked (fun () -> choose how rules.Value)) "a view of an input will do"

          for how in [ "received"; "row-far"; "memory-null"; "throws" ] do
              testCase $"{how} falsifies laws, and the rest of the battery goes on"
              <| fun () ->
                  let rule = choose how rules.Value
                  let effort = { Effort.standard with Tests = 2; Apart = 0.0 }
                  let report = RuleReport.create { Effort = effort; Only = []; Byzantine = 1 } rule
                  let _, _, expected = ofRules |> List.find (fun (other, _, _) -> other = how)
                  Expect.contains (RuleReport.failures report) "shape" "the first law"

                  for law in report.Laws do
                      match law.Outcome with
                      | Outcome.Falsified(_, found) when law.Trial.Name = "shape" ->
                          // Shapes are those of another neighbourhood.
                          let words = expected.Split([| '['; ';' |]) |> Array.head
                          Expect.stringContains found.Violation.Got words "the same words"
                      | _ -> () ]

let private situation () =
    FsCheck.FSharp.Gen.sampleWithSeed (FsCheck.Rnd 1UL) 20 1 (situations 2) |> Array.head

let private enacted (attack: unit -> Attack) =
    told (fun () ->
        let attack = attack ()
        Facts.ofAttack attack |> ignore

        match attack with
        | Attack.Absent -> ()
        | Attack.Present behaviour ->
            let situation = situation ()
            behaviour.Objection situation.Network (byzantine situation) |> ignore
            letters behaviour situation |> ignore)

let private ofAttacks =
    [ "null", self, "the attack sends null; Sent.Nothing sends no message"
      "null-vector", self, "the vector is null"
      "number", self, "the vector is [] of Float64; it must be ["
      "other-type", self, "of Int64; it must be ["
      "freed", "", "the vector is a tensor that has been freed"
      "throws", self, "the script failed: no luck"
      "each-null", self, "the function of Sent.Each is null"
      "each-number", self, "the vector is [] of Float64"
      "each-throws", self, "the script failed: no luck"
      "knowledge-throws", self, "the script failed: no luck"
      "memory-null", self, "the memory is null"
      "memory-freed", self, "the memory's 'last' is a tensor that has been freed"
      "memory-throws", self, "the script, asked for its memory, failed: no luck"
      "label-far", self, "the label 10 in the place of 0 is none of the 10 classes, 0 to 9"
      "label-throws", self, "the script, asked for its labels, failed: no luck"
      "objection-throws", self, "the script, asked for its objection, failed: no luck"
      "null-strategy", "", "Strategy is null"
      "null-attack", "", "the attack is null" ]

let private scriptAttacks =
    testList
        "attacks of a script"
        [ for how, marker, expected in ofAttacks do
              testCase how
              <| fun () ->
                  match enacted (fun () -> choose how attacks.Value) with
                  | None -> failtest "nothing is wrong"
                  | Some message ->
                      Expect.stringContains message expected "what is wrong"
                      placed "attacks.fsx" how marker message ]

let private here = typeof<Misbehaving.Answering>.Assembly.Location

/// What is told of a class, whether it cannot be loaded or misbehaves then.
let private ofClass (load: string -> string -> Result<Loaded<'value>, Diagnostic list>) ask (name: string) arguments =
    match load here name with
    | Error problems -> Some(problems |> List.map Rendering.plain |> String.concat "")
    | Ok loaded -> ask (fun () -> (Component.choose (Map arguments) loaded.Component).Value)

let private classes =
    testList
        "classes"
        [ for name, expected in
              [ "GivesReceived", "R is [3, 2] of Float64; it must be [2]"
                "GivesNull", "the rule returns null in place of a result"
                "GivesNullEstimate", "R is null"
                "NullStagesTold", "the stages are null"
                "NullStageTold", "a stage has no name or no rows (null)"
                "NullMemory", "the memory is null"
                "Throws", "the class 'Throws' failed: no luck (NotSupportedException)"
                "ToleranceThrows", "the class 'ToleranceThrows', asked for its tolerance, failed: no luck"
                "AlphaOfTwo", "α is 2 for 1 neighbours"
                "NullStages", "Stages is null"
                "NullClaims", "Claims is null"
                "UnknownClaim", "there is no claim 99"
                "UnknownGrowth", "there is no growth 99"
                "ConstructorThrows", "the class 'ConstructorThrows' failed: no luck"
                "GetterThrows", "the class 'GetterThrows' failed: no luck"
                "NullDescription", "its name or one of its texts is null" ] do
              testCase name
              <| fun () ->
                  let said = ofClass RuleAssembly.loadRule asked name [] |> Option.defaultValue "nothing is wrong"
                  Expect.stringContains said expected "what is wrong"

          testCase "SetterThrows"
          <| fun () ->
              let said = ofClass RuleAssembly.loadRule asked "SetterThrows" [ "radius", Value.Real 2.0 ]
              Expect.stringContains (Option.defaultValue "" said) "the class 'SetterThrows' failed: no luck" "why"

          for name, expected in
              [ "SendsNull", "the attack returns no message"
                "SendsNumber", "the vector is [] of Float64"
                "SendsNumberToEach", "the vector is [] of Float64"
                "LabelBelowZero", "the label -1 in the place of 0"
                "RemembersNull", "the memory is null"
                "From", "two parameters have the name 'from'" ] do
              testCase name
              <| fun () ->
                  let said = ofClass RuleAssembly.loadAttack enacted name [] |> Option.defaultValue "nothing is wrong"
                  Expect.stringContains said expected "what is wrong" ]

let private settingsOf parameters : Component<Rule> =
    Define.Named
        "mine"
        { Parameters = parameters
          Read = fun _ -> Rule.aggregating 0.5 (fun _ -> failwith "") }

let private parameter name kind initial : Parameter = { Name = name; Kind = kind; Default = initial; Meaning = "" }

let private settings =
    testList
        "settings"
        [ for name, component', expected in
              [ "a default out of range",
                settingsOf [ parameter "share" (Kind.Real(Interval.closed 0.0 1.0)) (Value.Real 3.0) ],
                "the parameter 'share' has the default '3': expected a number in [0, 1]"
                "a name with a space", settingsOf [ parameter "my share" Kind.Truth (Value.Truth true) ], "no spaces"
                "no name", settingsOf [ parameter "" Kind.Truth (Value.Truth true) ], "a parameter has no name"
                "a name twice",
                settingsOf
                    [ parameter "a" Kind.Truth (Value.Truth true)
                      parameter "a" Kind.Truth (Value.Truth true) ],
                "two parameters have the name 'a'"
                "no kind",
                settingsOf [ parameter "a" Unchecked.defaultof<Kind> (Value.Truth true) ],
                "lacks its meaning"
                "no text",
                { settingsOf [] with Summary = Unchecked.defaultof<string> },
                "its name or one of its texts is null" ] do
              testCase name
              <| fun () ->
                  let said = Contract.settings component' |> Option.defaultValue "nothing is wrong"
                  Expect.stringContains said expected "what is wrong"

          testCase "a component of the catalogue has nothing wrong with them"
          <| fun () ->
              let problems =
                  (Catalogue.rules |> List.choose Contract.settings)
                  @ (Catalogue.attacks |> List.choose Contract.settings)

              Expect.isEmpty problems "problems" ]

let private scenario how =
    $"name: study\ndata: {{ dataset: digits }}\nmodel: softmax\nnetwork: {{ topology: complete, benign: 3 }}\n\
      training: {{ batch: 16, iterations: 1, rate: 0.1 }}\nrule: {{ script: rules.fsx, with: {{ how: {how} }} }}\n"

let private commands =
    let files how =
        [ "rules.fsx", File.ReadAllText(beside "rules.fsx")
          "study.yaml", scenario how
          "case.json",
          $"""{{ "rule": {{ "script": "rules.fsx", "with": {{ "how": "{how}" }} }}, "own": [0], "neighbours": [[1]] }}""" ]

    testList
        "commands"
        [ testCase "say what is wrong, each with its exit code, and none speaks of a defect"
          <| fun () ->
              CommandProcess.inFolderWith (files "received") (fun folder ->
                  for arguments, code in
                      [ [ "test-rule"; "rules.fsx"; "--tests"; "2" ], 1
                        [ "apply"; "case.json" ], 2
                        [ "run"; "study.yaml"; "--quiet" ], 1 ] do
                      let outcome = CommandProcess.ubarfs folder arguments
                      let said = outcome.Output + outcome.Errors
                      Expect.equal outcome.Code code $"%A{arguments}"
                      Expect.stringContains said "R is [" $"%A{arguments}: what is wrong"
                      placed "rules.fsx" "received" giving said
                      Expect.isFalse (said.Contains "defect") $"%A{arguments}: whose fault it is")

          testCase "refuse a rule whose tolerance fails before anything runs"
          <| fun () ->
              CommandProcess.inFolderWith (files "tolerance-throws") (fun folder ->
                  for arguments in
                      [ [ "test-rule"; "rules.fsx"; "--set"; "how=tolerance-throws" ]
                        [ "apply"; "case.json" ]
                        [ "check"; "study.yaml" ] ] do
                      let outcome = CommandProcess.ubarfs folder arguments
                      let said = outcome.Output + outcome.Errors
                      Expect.equal outcome.Code 2 $"%A{arguments}"
                      Expect.stringContains said "asked for its tolerance, failed: no luck" $"%A{arguments}") ]

[<Tests>]
let tests = testList "misbehaving" [ scriptRules; scriptAttacks; classes; settings; commands ]
