/// YAML as JSON, as an editor reads it before it asks the schema.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Json

open System.Globalization
open System.Text.Json.Nodes
open System.Text.RegularExpressions

let private integer = Regex @"^[-+]?[0-9]+$"
let private real = Regex @"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"

/// The value of a plain scalar by YAML 1.2's core schema.
let private plain (text: string) : JsonNode | null =
    match text with
    | ""
    | "~"
    | "null"
    | "Null"
    | "NULL" -> null
    | "true"
    | "True"
    | "TRUE" -> JsonValue.Create true
    | "false"
    | "False"
    | "FALSE" -> JsonValue.Create false
    | _ ->
        match System.Int64.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
        | true, whole when integer.IsMatch text -> JsonValue.Create whole
        | _ when real.IsMatch text -> JsonValue.Create(System.Double.Parse(text, CultureInfo.InvariantCulture))
        | _ -> JsonValue.Create text

let rec ofNode (node: Node) : JsonNode | null =
    match node.Content with
    | Content.Scalar(text, true) -> JsonValue.Create text
    | Content.Scalar(text, false) -> plain text
    | Content.Sequence items -> JsonArray(items |> List.map ofNode |> Array.ofList)
    | Content.Mapping entries ->
        let json = JsonObject()

        for entry in entries do
            json[entry.Key.Value] <- ofNode entry.Value

        json
