/// Rules and attacks to start from.
module UbarFs.Tests.CodeTemplateTests

open System
open System.Diagnostics
open System.IO
open Expecto
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Scripting
open UbarFs.Tests.LanguageSamples

let private library = AppContext.BaseDirectory

let private written folder (files: CodeTemplate.File list) =
    for file in files do
        let path = Path.Combine(folder, file.Path)
        Directory.CreateDirectory(Path.GetDirectoryName path |> string) |> ignore
        File.WriteAllText(path, file.Text)

    files |> List.map _.Path

let private dotnet folder (arguments: string list) =
    let info =
        ProcessStartInfo("dotnet", arguments, WorkingDirectory = folder, RedirectStandardOutput = true)

    use started = Process.Start info |> nonNull
    let output = started.StandardOutput.ReadToEnd()
    started.WaitForExit()

    if started.ExitCode <> 0 then
        failtest output

let private runs folder lines =
    let file = Path.Combine(folder, "study.yaml")
    File.WriteAllText(file, minimal + lines)

    match Scenario.loadIn { World.machine with Code = UserCode.create().Access } file [] with
    | Ok(scenario, _) -> scenario.Runs.Length
    | Error problems -> failtest (problems |> List.map Rendering.plain |> String.concat "")

[<Tests>]
let tests =
    testList
        "templates of code"
        [ testCase "a class has a name whatever the project's is"
          <| fun () ->
              for name, expected in
                  [ "my-own", "MyOwn"
                    "x.y", "XY"
                    "2nd", "Own2nd"
                    "class", "Class"
                    "-", "Own" ] do
                  let files = CodeTemplate.csharp CodeTemplate.Purpose.Rule name library
                  Expect.equal (List.last files).Path $"rules/{name}/{expected}.cs" name

          testCase "the scripts run, and editors find what they refer to"
          <| fun () ->
              TinyDataset.inFolder (fun folder ->
                  let rule = written folder (CodeTemplate.script CodeTemplate.Purpose.Rule "mine" library)
                  let attack = written folder (CodeTemplate.script CodeTemplate.Purpose.Attack "theirs" library)
                  Expect.equal (rule @ attack) [ "rules/mine.fsx"; "attacks/theirs.fsx" ] "paths"

                  let lines = "rule: { script: rules/mine.fsx }\nattack: { script: attacks/theirs.fsx }\n"
                  Expect.equal (runs folder lines) 1 "a run"

                  // An editor knows a script as F# Interactive does.
                  for script in rule @ attack do
                      dotnet folder [ "fsi"; "--typecheck-only"; "--warnaserror+"; script ])

          testCase "the projects build, and their classes are rules and attacks"
          <| fun () ->
              TinyDataset.inFolder (fun folder ->
                  for purpose in [ CodeTemplate.Purpose.Rule; CodeTemplate.Purpose.Attack ] do
                      let project = written folder (CodeTemplate.csharp purpose "my-own" library) |> List.head
                      dotnet folder [ "build"; project; "--nologo"; "-v"; "q"; "-warnaserror" ]

                  let lines =
                      "rule: { assembly: rules/my-own/bin/MyOwn.dll, type: MyOwn, with: { radius: 2 } }\n"
                      + "attack: { assembly: attacks/my-own/bin/MyOwn.dll, type: MyOwn, with: { stretch: 2 } }\n"

                  Expect.equal (runs folder lines) 1 "a run") ]
