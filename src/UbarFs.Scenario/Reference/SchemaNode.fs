/// The parts that a JSON Schema (draft 7) is made of.
module internal UbarFs.Scenario.SchemaNode

open System
open System.Text.Json.Nodes
open UbarFs.Core

// ---- JSON

let text (value: string) : JsonNode = JsonValue.Create value

// A node can stand in one place only.
let owned (node: JsonNode) = if isNull node.Parent then node else node.DeepClone()

let list (items: JsonNode list) : JsonNode = JsonArray(items |> List.map owned |> Array.ofList)
let words (values: string list) = values |> List.map text |> list

let object' (keys: (string * JsonNode) list) : JsonNode =
    let json = JsonObject()

    for key, value in keys do
        json[key] <- owned value

    json

let typed (name: string) = object' [ "type", text name ]
let anyOf (schemas: JsonNode list) = object' [ "anyOf", list schemas ]
let ref name = object' [ "$ref", text $"#/definitions/{name}" ]
let pattern (regex: string) = object' [ "type", text "string"; "pattern", text regex ]

/// A mapping with these keys and no others.
let mapping nothing (keys: (string * JsonNode) list) (more: (string * JsonNode) list) =
    let kind =
        if nothing then
            words [ "object"; "null" ]
        else
            text "object"

    object' (
        [ "type", kind
          "properties", object' keys
          "additionalProperties", (JsonValue.Create false: JsonNode) ]
        @ more
    )

let items (item: JsonNode) : (string * JsonNode) list =
    [ "type", text "array"; "items", item; "minItems", JsonValue.Create 1 ]

let listOf item = object' (items item)

// ---- Scalars

let bounds (interval: Interval) : (string * JsonNode) list =
    let bound ``end`` isClosed closed opened =
        if Double.IsInfinity ``end`` then
            []
        else
            [ (if isClosed then closed else opened), (JsonValue.Create ``end``: JsonNode) ]

    bound interval.Low interval.LowClosed "minimum" "exclusiveMinimum"
    @ bound interval.High interval.HighClosed "maximum" "exclusiveMaximum"

let number interval = object' (("type", text "number") :: bounds interval)
let percentage () = pattern @"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?%$"

let whole (low: int64) (high: int64) =
    object'
        [ "type", text "integer"
          "minimum", JsonValue.Create low
          "maximum", JsonValue.Create high ]

/// YAML takes `true` and `false` for truth values, also where they are words among others.
let oneOf values =
    let truths = values |> List.filter (fun word -> word = "true" || word = "false")
    let truth word : JsonNode = JsonValue.Create((word = "true"))
    object' [ "enum", list (List.map text values @ List.map truth truths) ]

/// A text that YAML may take for a number or a truth value.
let anyText () = object' [ "type", words [ "string"; "number"; "boolean" ] ]

let rec ofKind kind : JsonNode list =
    match kind with
    | Kind.Real interval -> [ number interval; percentage () ]
    | Kind.RealOrWord(interval, words) -> [ number interval; percentage (); oneOf words ]
    | Kind.Whole(low, high) -> [ whole low high ]
    | Kind.WholeOrWord(low, high, words) -> [ whole low high; oneOf words ]
    | Kind.Truth -> [ typed "boolean" ]
    | Kind.Choice words -> [ oneOf words ]
    | Kind.Wholes(low, high) ->
        let several =
            object'
                [ "type", text "array"
                  "items", whole low high
                  "minItems", JsonValue.Create 1 ]

        [ several; whole low high ]
    | Kind.WholesOrWord(low, high, words) -> ofKind (Kind.Wholes(low, high)) @ [ oneOf words ]
    | Kind.Names words ->
        [ oneOf words
          object'
              [ "type", text "array"
                "items", oneOf words
                "minItems", JsonValue.Create 1
                "uniqueItems", JsonValue.Create true ] ]
    | Kind.Text -> [ anyText () ]
    // Items are not looked into: a list of layers can have lists of layers in it.
    | Kind.Layers -> [ object' [ "type", text "array"; "minItems", JsonValue.Create 1 ] ]
