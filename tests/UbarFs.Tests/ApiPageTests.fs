/// docs/api.md: made from the library's comments, whole, and with examples that hold.
module UbarFs.Tests.ApiPageTests

open System
open System.IO
open Expecto
open FSharp.Compiler.Interactive.Shell
open UbarFs.Core
open UbarFs.Scripting

let private path = Path.GetFullPath(Path.Combine(__SOURCE_DIRECTORY__, "..", "..", "docs", "api.md"))

/// The values of all examples, as `%A` prints them.
let private evaluated () : string list =
    use output = new StringWriter()

    let arguments =
        [| yield! [ "fsi"; "--noninteractive"; "--nologo"; "--quiet"; "--gui-" ]
           for assembly in [ typeof<Rule>.Assembly; typeof<TorchSharp.torch>.Assembly ] do
               $"-r:{assembly.Location}" |]

    use session =
        FsiEvaluationSession.Create(
            FsiEvaluationSession.GetDefaultConfiguration(),
            arguments,
            new StringReader "",
            output,
            output,
            collectible = true
        )

    let list =
        ApiExamples.all
        |> List.map (fun example -> $"    sprintf \"%%A\" ({example.Code})\n")
        |> String.concat ""

    session.EvalInteraction $"open TorchSharp\nopen UbarFs.Core\n{ApiExamples.preparation}\n"

    match session.EvalExpression $"[\n{list}]" with
    | Some value -> unbox value.ReflectionValue
    | None -> failtest "no value"

// One at a time: it holds a compiler.
[<Tests>]
let tests =
    testSequenced
    <| testList
        "page on what scripts see"
        [ testCase "is what 'ubarfs api' prints"
          <| fun () ->
              let written = File.ReadAllText(path).ReplaceLineEndings "\n"
              Expect.equal (ApiPage.document ()) written "write it anew: dotnet fsi build.fsx format"

          testCase "says something of everything that it lists"
          <| fun () -> Expect.isEmpty (ApiPage.undocumented ()) "without a comment"

          testCase "shows what its examples give"
          <| fun () ->
              for example, value in List.zip ApiExamples.all (evaluated ()) do
                  Expect.equal value example.Gives example.Code

          testCase "has a place for each example"
          <| fun () ->
              for example in ApiExamples.all do
                  Expect.stringContains (ApiPage.document ()) $"`{example.Code}`" example.Of ]
