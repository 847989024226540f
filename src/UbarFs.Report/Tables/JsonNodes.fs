namespace UbarFs.Report

open System.Text.Json.Nodes

/// Values as nodes of JSON.
[<RequireQualifiedAccess>]
module JsonNodes =

    /// A number; null where there is none, or JSON has no such number.
    let real (value: float option) : JsonNode | null =
        match value with
        | Some value when System.Double.IsFinite value -> JsonValue.Create value
        | _ -> null

    let text (value: string) : JsonNode | null = JsonValue.Create value

    /// An object with its fields in their order.
    let object (fields: (string * (JsonNode | null)) list) : JsonNode =
        let json = JsonObject()

        for name, value in fields do
            json.Add(name, value)

        json

    let array (items: (JsonNode | null) seq) : JsonNode =
        let array = JsonArray()
        items |> Seq.iter array.Add
        array
