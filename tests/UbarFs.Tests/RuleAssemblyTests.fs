/// Rules and attacks as classes of an assembly: those of scenarios/rules/csharp, and some that are wrong.
module UbarFs.Tests.RuleAssemblyTests

open System
open System.IO
open Expecto
open TorchSharp
open UbarFs.Api
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Scripting

/// A class with parameters of every type, in an assembly that is at hand: this one.
type Settable() =
    member val BenignRatio = 0.25 with get, set
    member val Rounds = 3 with get, set
    member val IsFast = false with get, set
    member val Claim = Claim.CoordinateRange with get, set
    member val Word = "some word" with get, set
    member _.NotSettable = 1.0

    interface IAggregationRule with
        member rule.Aggregate view =
            if rule.Rounds = 9 then
                failwith "nine is too many"

            Aggregation(Native.scaled rule.BenignRatio view.Own)

type WithoutDefault() =
    member val Path: string | null = null with get, set

    interface IAggregationRule with
        member _.Aggregate view = Aggregation view.Own

type WithoutConstructor(number: int) =
    interface IAggregationRule with
        member _.Aggregate view = Aggregation(Native.scaled (float number) view.Own)

let private here = typeof<Settable>.Assembly.Location

let private examples =
    Path.Combine(AppContext.BaseDirectory, "scenarios/rules/csharp/bin/UbarFs.Examples.dll")

let private accepted result =
    match result with
    | Ok(loaded: Loaded<'value>) -> loaded.Component
    | Error problems -> failtest (problems |> List.map Rendering.plain |> String.concat "")

let private refused path name =
    match RuleAssembly.loadRule path name with
    | Ok _ -> failtest "accepted"
    | Error problems -> problems |> List.map Rendering.plain |> String.concat ""

let private view (own: float list) (received: float list list) : View =
    let own = torch.tensor (Array.ofList own)

    View.evenly own (torch.tensor (array2D received))

let private result (rule: Component<Rule>) arguments view =
    use scope = torch.NewDisposeScope()
    let chosen = Component.choose (Map arguments) rule
    (Rule.aggregate chosen.Value (view ())).Estimate.data<float>().ToArray()

let private parameters =
    testList
        "parameters"
        [ testCase "are the properties that can be set, with what a new object has"
          <| fun () ->
              let rule = accepted (RuleAssembly.loadRule here "Settable")
              let written (parameter: Parameter) = parameter.Name, string parameter.Default

              Expect.equal
                  (rule.Settings.Parameters |> List.map written)
                  [ "benign-ratio", "0.25"
                    "rounds", "3"
                    "is-fast", "false"
                    "claim", "coordinate-range"
                    "word", "some word" ]
                  "parameters"

          testCase "reach the object"
          <| fun () ->
              let rule = accepted (RuleAssembly.loadRule here "Settable")
              let own () = view [ 8.0 ] [ [ 1.0 ] ]
              Expect.equal (result rule [] own) [| 2.0 |] "the default"
              Expect.equal (result rule [ "benign-ratio", Value.Real 0.5 ] own) [| 4.0 |] "set"

          testCase "need a default that the language can write"
          <| fun () -> Expect.stringContains (refused here "WithoutDefault") "'Path'" "named" ]

let private refusals =
    testList
        "what cannot be loaded says why"
        [ for name, path, typeName, expected in
              [ "no such file", here + ".dll", "Settable", "there is no assembly"
                "not an assembly", Path.ChangeExtension(here, ".runtimeconfig.json"), "Settable", "not a .NET assembly"
                "a misspelt class", here, "Setable", "did you mean 'Settable'?"
                "another class", here, "Tiny", "does not implement UbarFs.Api.IAggregationRule"
                "no constructor", here, "WithoutConstructor", "no public constructor without parameters"
                "an attack", examples, "Backtrack", "a class for another key: 'attack'" ] do
              testCase name <| fun () -> Expect.stringContains (refused path typeName) expected "reason" ]

let private work =
    testList
        "examples"
        [ testCase "the rule keeps every neighbour within its radius"
          <| fun () ->
              let rule = accepted (RuleAssembly.loadRule examples "ClippedMean")
              let far () = view [ 0.0; 0.0 ] [ [ 3.0; 4.0 ]; [ 0.0; 0.5 ]; [ nan; 0.0 ] ]
              let found = result rule [] far
              Expect.floatClose Accuracy.high found[0] 0.2 "one is shortened, one is not, one does not count"
              Expect.floatClose Accuracy.high found[1] (1.3 / 3.0) "the other coordinate"

          testCase "what a class throws names it"
          <| fun () ->
              let rule = accepted (RuleAssembly.loadRule here "Settable")

              match
                  Expect.throwsC
                      (fun () ->
                          result rule [ "rounds", Value.Whole 9L ] (fun () -> view [ 1.0 ] [ [ 1.0 ] ]) |> ignore)
                      id
              with
              | CodeException _ as error -> Expect.stringContains error.Message "nine is too many" "reason"
              | other -> failtest $"{other}"

          testCase "the interfaces mention no type of F#"
          <| fun () ->
              let mentioned (kind: Type) =
                  [ yield kind
                    for member' in kind.GetMembers() do
                        match member' with
                        | :? Reflection.MethodInfo as method ->
                            yield method.ReturnType
                            yield! method.GetParameters() |> Seq.map _.ParameterType
                        | :? Reflection.PropertyInfo as property -> yield property.PropertyType
                        | _ -> () ]

              let rec parts (kind: Type) = kind :: (kind.GetGenericArguments() |> List.ofArray |> List.collect parts)

              let foreign =
                  typeof<IAggregationRule>.Assembly.GetExportedTypes()
                  |> Seq.collect mentioned
                  |> Seq.collect parts
                  |> Seq.filter (fun kind -> (string kind.Namespace).StartsWith "Microsoft.FSharp")

              Expect.isEmpty foreign "none" ]

[<Tests>]
let tests = testList "rules in assemblies" [ parameters; refusals; work ]
