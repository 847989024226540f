/// Rules outside of scenarios, in the words of the language: a name, `{ name: { parameter: value } }`, code, or a list of
/// stages that ends with one of them.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.RuleText

open System
open UbarFs.Core

let private decoder = Pipelines.decoder

/// Reads a rule. The path of a script alone stands for the script. An error is in the user's words.
let read (code: CodeAccess) (text: string) : Result<Chosen<Rule>, string> =
    let isScript = text.EndsWith(".fsx", StringComparison.OrdinalIgnoreCase) && not (text.Contains '{')
    let quoted = text.Replace("'", "''")
    let written = if isScript then $"{{ script: '{quoted}' }}" else text

    let read (node: Node) =
        let key: Located<string> = { Value = "rule"; Span = node.Span }

        Decode.read decoder { Grammar = decoder.Shape; Trail = [ key ]; Root = node.Span; Code = code } node

    match Yaml.parse (Source.create Origin.CommandLine written) 0 with
    | Some node, [] -> read node
    | None, [] -> Error [ Diagnostic.fileError "rule" "a rule is missing" ]
    | _, problems -> Error problems
    |> Result.mapError (fun problems -> (problems |> List.map Rendering.plain |> String.concat "").TrimEnd())
