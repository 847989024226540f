/// A run's settings as JSON, for programs that do not read YAML: numbers as numbers, truths as truths, a component as an
/// object with its `name` and its parameters, a list as a list. It is made of the canonical text (`Run.canonical`) with
/// what the grammar knows of each path.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.SettingsJson

open System
open System.IO
open System.Text.Json.Nodes
open System.Text.RegularExpressions
open UbarFs.Core

let private ofValue (value: Value) : JsonNode | null =
    match value with
    | Value.Real number when Double.IsFinite number -> JsonValue.Create number
    | Value.Whole number -> JsonValue.Create number
    | Value.Truth truth -> JsonValue.Create truth
    | Value.Wholes numbers ->
        JsonArray(numbers |> List.map (fun number -> JsonValue.Create number :> JsonNode | null) |> Array.ofList)
    | Value.Real _
    | Value.Word _ -> JsonValue.Create(string value)

let private named (name: string) (parameters: (string * (JsonNode | null)) seq) : JsonNode | null =
    let json = JsonObject()
    json.Add("name", JsonValue.Create name)

    for parameter, value in parameters do
        json.Add(parameter, value)

    json

let private duration = Regex @"^(\d+) (epoch|iteration)s?$"

/// A text in a form of its own: a count, a stretch of training as `{ "epochs": 3 }` or `{ "iterations": 100 }`, or words.
let private ofText (text: string) : JsonNode | null =
    match duration.Match text with
    | found when found.Success ->
        let json = JsonObject()
        json.Add(found.Groups[2].Value + "s", JsonValue.Create(Int64.Parse found.Groups[1].Value))
        json
    | _ when text <> "" && Seq.forall Char.IsAsciiDigit text -> JsonValue.Create(Int64.Parse text)
    | _ -> JsonValue.Create text

let private ofScalar kind (text: string) : JsonNode | null =
    match Kind.read kind text with
    | Some(Value.Word text) when kind.IsNames && text.StartsWith '[' ->
        JsonArray [| for name in Kind.namesIn text -> JsonValue.Create name :> JsonNode | null |]
    | Some value -> ofValue value
    | None -> ofText text

let private text (node: Node) =
    match node.Content with
    | Content.Scalar(text, _) -> text
    | _ -> Node.flow node

/// The name that code goes by: its type, or else its file.
let private nameOfCode (entries: Entry list) =
    let find key =
        entries |> List.tryFind (fun entry -> entry.Key.Value = key) |> Option.map (_.Value >> text)

    match find "type", find "script" with
    | Some name, _ -> name
    | None, Some path -> Path.GetFileName path |> string
    | None, None -> ""

// What the parameters of code are is not known here: a plain scalar is what YAML makes of it.
let private ofCode (entries: Entry list) =
    named (nameOfCode entries) [ for entry in entries -> entry.Key.Value, Json.ofNode entry.Value ]

let private ofComponent (members: Member list) (name: string) (given: Entry list) =
    let kind parameter =
        members
        |> List.tryFind (fun known -> known.Name = name)
        |> Option.bind (fun known -> known.Parameters |> List.tryFind (fun known -> known.Name = parameter))
        |> Option.map _.Kind

    named
        name
        [ for entry in given do
              match kind entry.Key.Value with
              | Some kind -> entry.Key.Value, ofScalar kind (text entry.Value)
              | None -> entry.Key.Value, Json.ofNode entry.Value ]

let rec private ofNode (shape: Shape option) (node: Node) : JsonNode | null =
    match shape, node.Content with
    | Some(Shape.OrList(_, item)), Content.Sequence items ->
        JsonArray [| for node in items -> ofNode (Some item) node |]
    | Some(Shape.OrList(one, _)), _ -> ofNode (Some one) node
    | Some(Shape.Component _), Content.Mapping entries when
        entries |> List.exists (fun entry -> CodeFile.isKey entry.Key.Value)
        ->
        ofCode entries
    | Some(Shape.Component(_, members, _)), Content.Scalar(name, _) -> ofComponent members name []
    | Some(Shape.Component(_, members, _)), Content.Mapping [ entry ] ->
        match entry.Value.Content with
        | Content.Mapping given -> ofComponent members entry.Key.Value given
        | _ -> ofComponent members entry.Key.Value []
    | Some(Shape.Scalar kind), Content.Scalar(text, _) -> ofScalar kind text
    | _, Content.Scalar(text, _) -> ofText text
    | _, Content.Sequence items -> JsonArray [| for node in items -> ofNode None node |]
    | _, Content.Mapping _ -> Json.ofNode node

let private isText shape =
    match shape with
    | None
    | Some(Shape.Text _) -> true
    | Some _ -> false

/// The value at a path, out of its canonical text.
let value (path: string) (canonical: string) : JsonNode | null =
    let shape = Shape.at (path.Split '.' |> List.ofArray) Grammar.scenario.Shape

    match Yaml.parse (Source.create (Origin.File "settings") canonical) 0 with
    | Some node, [] when not (isText shape) -> ofNode shape node
    | _ when shape.IsSome -> ofText canonical
    // A checksum can look like a number.
    | _ -> JsonValue.Create canonical

/// Settings by their paths, in their order.
let ofCanonical (settings: (string * string) seq) : JsonObject =
    let json = JsonObject()

    for path, text in settings do
        json.Add(path, value path text)

    json
