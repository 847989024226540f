/// `ubarfs show`: a scenario in its canonical form.
module UbarFs.Cli.ShowCommand

open Argu
open FsToolkit.ErrorHandling
open UbarFs.Scenario
open UbarFs.Cli.Arguments

/// Prints what a file's scenarios come to; a script's several are separated by '---'.
let run (arguments: ParseResults<ShowArguments>) : int =
    let shown =
        result {
            let! overrides = Overriding.read (arguments.GetResults ShowArguments.Set) |> Result.mapError Exit.refuse
            let scripts = not (arguments.Contains ShowArguments.NoScripts)
            return! Scenarios.load scripts Scenarios.unasked overrides [ arguments.GetResult ShowArguments.File ]
        }

    match shown with
    | Ok scenarios ->
        scenarios |> List.map YamlText.ofScenario |> String.concat "---\n" |> printf "%s"
        Exit.done'
    | Error code -> code
