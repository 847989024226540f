/// Scenarios as F# scripts.
module UbarFs.Tests.ScriptTests

open System
open System.IO
open System.Reflection
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

/// The paths of the keys that have values of their own.
let rec private keys (path: string list) (fields: KeyShape list) : string list list =
    [ for field in fields do
          match field.Shape with
          | Shape.Fields inner -> yield! keys (path @ [ field.Key ]) inner
          | _ -> path @ [ field.Key ] ]

let private grammar =
    match Grammar.scenario.Shape with
    | Shape.Fields fields -> keys [] fields
    | _ -> failtest "a scenario is a mapping"

/// The operations of `scenario "name" { … }`, by their names.
let private operations =
    [ for operation in typeof<Build.ScenarioBuilder>.GetMethods() do
          for attribute in operation.GetCustomAttributes<CustomOperationAttribute>() do
              attribute.Name, operation ]

/// Something that a parameter takes.
let private sample (parameter: Type) : obj =
    let term = Build.Term.Of "1"

    [ box "measure.images"
      1
      0.5
      true
      term
      [ 1 ]
      [ "1" ]
      [ term ]
      [ box "1" ]
      [ "seed", term ] ]
    |> List.find parameter.IsInstanceOfType

/// The keys that an operation says when it is given something.
let private said (operation: MethodInfo) : string list list =
    let builder = Build.ScenarioBuilder "built"

    let operation =
        if operation.IsGenericMethod then
            operation.MakeGenericMethod typeof<string>
        else
            operation

    let given =
        operation.GetParameters()
        |> Array.tail
        |> Array.map (fun parameter -> sample parameter.ParameterType)

    let saying = operation.Invoke(builder, Array.append [| box (builder.Yield()) |] given)
    let built = builder.Run(unbox<Build.Saying> saying)

    match Yaml.parse (Source.create Origin.CommandLine built.Yaml) 0 with
    | Some root, [] ->
        let isSaid (path: string list) = Path.isGiven [ for key in path -> { Value = key; Span = root.Span } ] root
        grammar |> List.filter (fun path -> path <> [ "name" ] && isSaid path)
    | _ -> failtest built.Yaml

/// `benign-ratio` as F# writes it.
let private asInCode (key: string) =
    key.Split '-'
    |> Array.mapi (fun index word ->
        if index = 0 then
            word
        else
            $"{Char.ToUpper word[0]}{word.Substring 1}")
    |> String.concat ""

let private building =
    testList
        "operations"
        [ testCase "each says one key of the language, and has its name"
          <| fun () ->
              // These say a part of a key, or any.
              let others =
                  Set
                      [ "attacks"
                        "rules"
                        "set"
                        "zip"
                        "variant"
                        "exclude"
                        "momentum"
                        "momentumForm" ]


              for name, operation in operations do
                  match said operation with
                  | [ key ] when not (others.Contains name) -> Expect.equal name (asInCode (List.last key)) name
                  | keys -> Expect.equal keys.Length 1 $"{name} says {keys}"

          testCase "there is one for each key of the language but its name, which the builder takes"
          <| fun () ->
              let said =
                  [ for name, operation in operations do
                        if name <> "set" then
                            yield! said operation ]

              Expect.equal (Set said) (Set grammar |> Set.remove [ "name" ]) "keys" ]

// One at a time: each holds a compiler.
[<Tests>]
let tests =
    testSequenced
    <| testList
        "scripts"
        [ building

          testCase "a script yields scenarios, which --set changes"
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
