namespace UbarFs.Testing

open System.Text.Json.Nodes
open UbarFs.Core

/// Where a rule under test comes from.
[<RequireQualifiedAccess>]
type RuleOrigin =
    | Catalogue of name: string
    /// A list of stages with a rule at its end, as the language writes it and as JSON.
    | Pipeline of text: string * json: JsonNode
    | Script of path: string
    | Assembly of path: string * typeName: string

/// A rule under test as one names it: where it comes from, and the parameters that are not as usual.
type RuleSource = { Origin: RuleOrigin; Arguments: (string * Value) list }

[<RequireQualifiedAccess>]
module RuleSource =

    let private argument (value: Value) : JsonNode =
        match value with
        | Value.Real number -> JsonValue.Create number
        | Value.Whole number -> JsonValue.Create number
        | Value.Truth truth -> JsonValue.Create truth
        | Value.Word word -> JsonValue.Create word
        | Value.Wholes numbers ->
            JsonArray(numbers |> List.map (fun number -> JsonValue.Create number :> JsonNode | null) |> Array.ofList)

    /// As the language of scenarios names it.
    let notation (source: RuleSource) : JsonNode =
        let fields (fields: (string * JsonNode) list) =
            let json = JsonObject()

            for name, value in fields do
                json.Add(name, value)

            json

        let text (value: string) : JsonNode = JsonValue.Create value
        let arguments = source.Arguments |> List.map (fun (name, value) -> name, argument value)

        let given =
            if arguments.IsEmpty then
                []
            else
                [ "with", fields arguments :> JsonNode ]

        match source.Origin with
        | RuleOrigin.Catalogue name when arguments.IsEmpty -> text name
        | RuleOrigin.Catalogue name -> fields [ name, fields arguments ]
        | RuleOrigin.Pipeline(_, json) -> json.DeepClone()
        | RuleOrigin.Script path -> fields (("script", text path) :: given)
        | RuleOrigin.Assembly(path, typeName) -> fields (("assembly", text path) :: ("type", text typeName) :: given)

    let private quoted (text: string) = "\"" + text.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\""

    let private literal value =
        match value with
        | Value.Real number -> $"Value.Real {Written.literal number}"
        | Value.Truth truth -> $"Value.Truth {Value.Truth truth}"
        | Value.Whole number -> $"Value.Whole {number}L"
        | Value.Word word -> $"Value.Word {quoted word}"
        | Value.Wholes numbers ->
            let written = numbers |> List.map (fun number -> $"{number}L") |> String.concat "; "
            $"Value.Wholes [ {written} ]"

    /// F# that binds `rule` to it.
    let code (source: RuleSource) =
        let arguments =
            source.Arguments
            |> List.map (fun (name, value) -> $"{quoted name}, {literal value}")
            |> String.concat "; "

        let map =
            if arguments = "" then
                "Map.empty"
            else
                $"(Map [ {arguments} ])"

        let chosen = $"(Component.choose {map} found).Value"

        let loaded (call: string) =
            $"let rule =
    match UbarFs.Scripting.{call} with
    | Error problems -> failwithf \"%%A\" problems
    | Ok loaded ->
        let found = loaded.Component
        {chosen}"

        match source.Origin with
        | RuleOrigin.Catalogue name ->
            $"let rule =
    let found = Catalogue.rules |> List.find (fun rule -> rule.Name = {quoted name})
    {chosen}"
        | RuleOrigin.Pipeline(written, _) ->
            $"let rule =
    match UbarFs.Scenario.RuleText.read ((UbarFs.Scripting.UserCode.create ()).Access \"test.fsx\") {quoted written} with
    | Error problem -> failwith problem
    | Ok found -> found.Value"
        | RuleOrigin.Script path -> loaded $"RuleScript.loadRule {quoted path}"
        | RuleOrigin.Assembly(path, typeName) -> loaded $"RuleAssembly.loadRule {quoted path} {quoted typeName}"
