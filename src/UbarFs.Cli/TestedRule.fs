/// The rule that a command names: one of the catalogue, or a script's.
module UbarFs.Cli.TestedRule

open System.IO
open System.Text.Json.Nodes
open System.Threading.Tasks
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Scripting

/// A rule under test.
type Subject =
    {
        /// For people and file names.
        Name: string
        /// What cases and tests call it: the name, or the script's path.
        Path: string
        /// The arguments of the command line that choose it.
        Words: string
        /// What a case for `ubarfs apply` calls it.
        Case: JsonNode
        Rule: Rule
    }

let private isFile (word: string) = Script.isScript word || File.Exists word || Path.GetFileName word <> word

let private find (word: string) : Result<Component<Rule>, int> =
    let names = Catalogue.rules |> List.map _.Name

    match Catalogue.rules |> List.tryFind (fun rule -> rule.Name = word) with
    | Some rule -> Ok rule
    | None when Script.isScript word ->
        match RuleScript.loadRule word with
        | Ok loaded ->
            Scenarios.print loaded.Warnings
            Ok loaded.Component
        | Error diagnostics ->
            Scenarios.print diagnostics
            Error Exit.badUsage
    | None when isFile word -> Error(Exit.refuse $"{word}: expected an F# script (.fsx) or the name of a rule")
    | None ->
        Error(Exit.refuse $"there is no rule '{word}'; 'ubarfs list rules' shows all of them{Exit.nearest names word}")

let private argument (parameters: Parameter list) (name: string, text: string) =
    match parameters |> List.tryFind (fun parameter -> parameter.Name = name) with
    | None ->
        let names = parameters |> List.map _.Name

        let known =
            if names.IsEmpty then
                "it has none"
            else
                String.concat ", " names

        Error $"--set {name}: the rule has no such parameter ({known}){Exit.nearest names name}"
    | Some parameter ->
        match Kind.read parameter.Kind text with
        | Some value -> Ok(name, value)
        | None -> Error $"--set {name}={text}: expected {Kind.describe parameter.Kind}"

/// The rule in a case: its name, or an object of the name with its arguments.
let private caseOf (word: string) (arguments: (string * Value) list) : JsonNode =
    let argument (value: Value) : JsonNode =
        match value with
        | Value.Real number -> JsonValue.Create number
        | Value.Whole number -> JsonValue.Create number
        | Value.Truth truth -> JsonValue.Create truth
        | Value.Word word -> JsonValue.Create word

    if arguments.IsEmpty then
        JsonValue.Create word
    else
        let inside = JsonObject()

        for name, value in arguments do
            inside.Add(name, argument value)

        JsonObject(dict [ word, inside :> JsonNode | null ])

/// Finds the rule, with `name=value` settings of its parameters; or prints why not, and gives the exit code. libtorch is
/// loaded beside it, for both take their time.
let load libtorch (settings: string list) (word: string) : Result<Subject, int> =
    result {
        let loading = Task.Run(fun () -> LibTorch.load libtorch)
        let! component' = find word
        let! _ = loading.Result |> Result.mapError Exit.refuse
        let! overrides = Overriding.read settings |> Result.mapError Exit.refuse

        let! arguments =
            overrides
            |> List.traverseResultM (argument component'.Settings.Parameters)
            |> Result.mapError Exit.refuse

        let set = settings |> List.map (fun setting -> $" --set {setting}") |> String.concat ""

        return
            { Name = Path.GetFileNameWithoutExtension component'.Name |> string
              Path = word
              Words = word + set
              Case = caseOf word arguments
              Rule = (Component.choose (Map.ofList arguments) component').Value }
    }
