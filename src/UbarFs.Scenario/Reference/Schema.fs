/// The language as a JSON Schema (draft 7), for editors that complete and check scenarios while they are written. It
/// comes from the same shapes as the decoders.
///
/// A schema knows one value at a time. What it cannot say is left to `ubarfs check`: that the lists of a zip have one
/// length, that swept paths do not get in each other's way, that a model fits the images and nodes have some, that
/// exclusions leave runs over, that references and inherited files exist, ranges of percentages and of quoted numbers,
/// names that Windows keeps for devices, and what a sweep or an inherited file gives of the required keys.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Schema

open System
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.Json.Nodes
open UbarFs.Core
open UbarFs.Scenario.SchemaNode

/// What writes the file, for the test that compares it.
let command = "dotnet fsi build.fsx format"

/// What is written in forms of their own, by their paths.
let private ofText (path: string) : JsonNode list =
    let epochs = "(0*[1-9][0-9]{0,5}|0*1000000) +epochs?"
    let iterations = "(0*[1-9][0-9]{0,8}|0*1000000000) +iterations?"

    match path with
    | "name" ->
        [ pattern "^[A-Za-z0-9_-]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?$"
          object' [ "type", text "number"; "minimum", JsonValue.Create 0 ] ]
    | "training.epochs" -> [ whole 1L 1_000_000L; pattern $"^{epochs}$" ]
    | "training.iterations" -> [ whole 1L 1_000_000_000L; pattern $"^{iterations}$" ]
    | "measure.every" -> [ pattern $"^({epochs}|{iterations})$" ]
    | "measure.validation" ->
        [ whole 1L 100_000_000L
          oneOf [ "none" ]
          pattern @"^\+?0*([1-9][0-9]?(\.[0-9]*)?|0?\.[0-9]*[1-9][0-9]*)%$" ]
    | "training.warmup" -> [ pattern $"^({epochs}|{iterations}|none)$" ]
    | _ -> [ anyText () ]

/// A value that refers to another one.
let private reference = "reference"

// ---- The language

/// A definition: its name, and its schema.
type private Definition = string * JsonNode

let private summaries =
    lazy
        (Map
            [ for family in Family.all do
                  for described in family.Members do
                      (family.Name, described.Name), described.Summary ])

// Items of a pipeline are stages, and a rule at the end.
let private summary family name =
    [ family; "rule" ]
    |> List.tryPick (fun family -> summaries.Value.TryFind(family, name))
    |> Option.defaultValue $"a {family}"

/// The JSON of a default, which the language has as text.
let private ofDefault (written: string) =
    match Yaml.parse (Source.create (Origin.File "default") written) 0 with
    | Some node, [] -> Json.ofNode node
    | _ -> null

let private described (meaning: string) (initial: Default) (schema: JsonNode) =
    let more: (string * JsonNode) list =
        [ "description", text meaning
          match initial with
          | Default.Written written ->
              match ofDefault written with
              | null -> ()
              | json -> "default", json
          | _ -> () ]

    let schema = schema.AsObject()

    for key, value in more do
        schema[key] <- value

    schema :> JsonNode

/// The parameters of a component, as they stand behind its name, and each by its path.
let private ofMember path (owner: Member) : Definition list =
    let parameterPath (parameter: Parameter) = $"{path}.{parameter.Name}"

    let parameter (parameter: Parameter) : Definition =
        let schema = anyOf (ofKind parameter.Kind @ [ ref reference ])

        parameterPath parameter,
        described
            $"{parameter.Meaning} (expected: {Kind.describe parameter.Kind})"
            (Default.Written(string parameter.Default))
            schema

    let keys = owner.Parameters |> List.map (fun parameter -> parameter.Name, ref (parameterPath parameter))

    let shorthand =
        match owner.Parameters with
        | first :: _ -> [ ref (parameterPath first) ]
        | [] -> []

    (path, anyOf (mapping true keys [] :: shorthand)) :: List.map parameter owner.Parameters

let private ofLabel path family : Definition =
    let meaning = $"what tables and legends call the {family}; it changes no number"

    let label =
        object'
            [ "type", words [ "string"; "number"; "boolean" ]
              "minLength", JsonValue.Create 1
              "maxLength", JsonValue.Create Label.longest ]

    $"{path}.{Label.key}", described meaning Default.Absent (anyOf [ label; ref reference ])

/// What names code in place of a component: each key by its path.
let private ofCode path family : JsonNode list * Definition list =
    let key name meaning schema : Definition = $"{path}.{name}", described meaning Default.Absent schema
    let path' name = $"{path}.{name}"
    let keys names = mapping false [ for name in names -> name, ref (path' name) ]
    let required names : (string * JsonNode) list = [ "required", words names ]

    [ keys [ "script"; "with"; Label.key ] (required [ "script" ])
      keys [ "assembly"; "type"; "with"; Label.key ] (required [ "assembly"; "type" ])
      // The code is in what this inherits from.
      keys [ "with" ] [ "minProperties", JsonValue.Create 1 ] ],
    [ key "script" $"an F# script that defines the {family}, relative to the scenario" (anyText ())
      key "assembly" $"an assembly with the {family}, relative to the scenario" (anyText ())
      key "type" $"the class in the assembly that is the {family}" (anyText ())
      key "with" $"parameters of the {family} that the code defines" (object' [ "type", words [ "object"; "null" ] ]) ]

let private ofComponent path family (members: Member list) isOpen : JsonNode * Definition list =
    let inner (owner: Member) = $"{path}.{owner.Name}"

    let name (owner: Member) =
        object'
            [ "enum", words [ owner.Name ]
              "description", text (summary family owner.Name) ]

    let keys = members |> List.map (fun owner -> owner.Name, ref (inner owner))

    let one: (string * JsonNode) list =
        [ "minProperties", JsonValue.Create 1; "maxProperties", JsonValue.Create 1 ]

    let label = ofLabel path family

    let labelled =
        mapping
            false
            (keys @ [ Label.key, ref (fst label) ])
            [ "required", words [ Label.key ]
              "minProperties", JsonValue.Create 2
              "maxProperties", JsonValue.Create 2 ]

    let code, definitions =
        if isOpen then
            let forms, definitions = ofCode path family
            labelled :: forms, label :: definitions
        else
            [], []

    anyOf (List.map name members @ [ mapping false keys one ] @ code @ [ ref reference ]),
    (members |> List.collect (fun owner -> ofMember (inner owner) owner)) @ definitions

let private both one other = object' [ "required", words [ one; other ] ]

/// A schema for the values of a shape at a path, and the definitions that it needs.
let rec private ofShape (path: string) shape : JsonNode * Definition list =
    match shape with
    | Shape.Scalar kind -> anyOf (ofKind kind @ [ ref reference ]), []
    | Shape.Text _ -> anyOf (ofText path @ [ ref reference ]), []
    | Shape.Component(family, members, isOpen) -> ofComponent path family members isOpen
    | Shape.OrList(one, item) when one = item ->
        let one, definitions = ofShape path one
        anyOf [ one; listOf (one.DeepClone()) ], definitions
    | Shape.OrList(one, item) ->
        let one, definitions = ofShape path one
        let item, others = ofShape (path + ".item") item
        anyOf [ one; listOf item ], definitions @ others
    | Shape.List item ->
        let item, definitions = ofShape (path + ".item") item
        anyOf [ listOf item; ref reference ], definitions
    | Shape.Fields fields -> ofFields path fields
    | Shape.Sweep -> ref "sweep-plan", []

and private ofFields path (fields: KeyShape list) : JsonNode * Definition list =
    let inner (field: KeyShape) = if path = "" then field.Key else $"{path}.{field.Key}"

    let define (field: KeyShape) : Definition list =
        let schema, definitions = ofShape (inner field) field.Shape
        (inner field, described field.Meaning field.Default schema) :: definitions

    let exclusive =
        [ for field in fields do
              match field.InsteadOf with
              | Some other -> object' [ "not", both field.Key other ]
              | None -> () ]

    let more =
        if exclusive.IsEmpty then
            []
        else
            [ "allOf", list exclusive ]

    let keys = fields |> List.map (fun field -> field.Key, ref (inner field))
    let whole = mapping (path <> "") keys more
    let schema = if path = "" then whole else anyOf [ whole; ref reference ]
    schema, List.collect define fields

// ---- What must be there

/// Whether a key, or one inside of it, has to be there.
let rec private isRequired (field: KeyShape) =
    match field.Default, field.Shape with
    | Default.Required, _ -> true
    | Default.OfKeys, Shape.Fields inner ->
        List.exists isRequired inner
        || inner |> List.exists (fun field -> field.InsteadOf.IsSome && field.Default = Default.Absent)
    | _ -> false

/// The keys without which no run can be, unless a sweep or another scenario gives them.
let rec private required (fields: KeyShape list) : JsonNode =
    let alternatives =
        [ for field in fields do
              match field.InsteadOf, field.Default with
              | Some other, Default.Absent when
                  fields |> List.exists (fun field -> field.Key = other && field.Default = Default.Absent)
                  ->
                  anyOf
                      [ object' [ "required", words [ other ] ]
                        object' [ "required", words [ field.Key ] ] ]
              | _ -> () ]

    let own = fields |> List.filter isRequired

    let inside =
        [ for field in own do
              match field.Shape with
              | Shape.Fields inner -> field.Key, required inner
              | _ -> () ]

    object' (
        [ "required", words (own |> List.map _.Key); "properties", object' inside ]
        @ if alternatives.IsEmpty then
              []
          else
              [ "allOf", list alternatives ]
    )

// ---- The sweep

/// The paths that a sweep may vary: those of all definitions but what belongs to the scenario as a whole.
let private sweepable (fields: KeyShape list) (definitions: Definition list) =
    let isFixed (path: string) =
        let first = path.Split('.')[0]
        fields |> List.exists (fun field -> field.Key = first && field.Fixed)

    definitions
    |> List.map fst
    |> List.filter (fun path -> not (isFixed path || (path.Split '.' |> Array.contains "item")))

/// The definitions of a sweep: lists side by side, what a variant sets, what an exclusion asks, and the whole.
let private ofSweep (paths: string list) : Definition list =
    // The parameters of code are known to the code alone.
    let parameters (value: JsonNode) : (string * JsonNode) list =
        let prefixes =
            paths
            |> List.filter (fun path -> path.EndsWith($".{CodeFile.arguments}", StringComparison.Ordinal))
            |> String.concat "|"
            |> _.Replace(".", @"\.")

        [ "patternProperties", object' [ $@"^({prefixes})\.[^.]+$", value ] ]

    let lists () = paths |> List.map (fun path -> path, listOf (ref path))
    let values = paths |> List.map (fun path -> path, ref path)

    let label: JsonNode =
        object'
            [ "type", words [ "string"; "number"; "boolean" ]
              "maxLength", JsonValue.Create Label.longest
              "description", text "what tables call the variant, if not by its name" ]

    let conditions = paths |> List.map (fun path -> path, anyOf [ ref path; listOf (ref path) ])
    let itemsOf name = object' [ "type", text "array"; "items", ref name ]

    let names =
        object'
            [ "type", words [ "object"; "null" ]
              "additionalProperties", ref "sweep-variant" ]

    let keywords =
        [ "zip",
          "lists that are taken side by side; a list of such makes several",
          [ ref "sweep-zip"; itemsOf "sweep-zip" ]
          "variants", "names, each with several values that it sets at once", [ names ]
          "exclude",
          "combinations that are left out: runs that have all of these values",
          [ typed "null"; ref "sweep-exclusion"; itemsOf "sweep-exclusion" ] ]
        |> List.map (fun (key, meaning, schemas) -> key, described meaning Default.Absent (anyOf schemas))

    let anyList () = parameters (listOf (object' []))
    let one: (string * JsonNode) list = [ "minProperties", JsonValue.Create 1 ]

    [ "sweep-zip", mapping true (lists ()) (anyList ())
      "sweep-variant", mapping true (values @ [ Label.key, label ]) (parameters (object' []))
      "sweep-exclusion", mapping false ((Level.column, anyText ()) :: conditions) (one @ parameters (object' []))
      "sweep-plan", mapping true (keywords @ lists ()) (anyList ()) ]

// ---- The whole

let private options =
    JsonSerializerOptions(WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

/// The schema of a scenario file, as text.
let document () : string =
    let fields =
        match Grammar.scenario.Shape with
        | Shape.Fields fields -> fields
        | _ -> []

    let whole, definitions = ofFields "" fields
    let given key = object' [ "required", words [ key ] ]

    let shared =
        (reference, described "the value of another key, or an environment variable" Default.Absent (pattern @"\$\{"))
        :: ofSweep (sweepable fields definitions)

    let root = whole.AsObject()
    root["anyOf"] <- list [ given "extends"; given "sweep"; required fields ]
    root["definitions"] <- object' (shared @ definitions)

    let head =
        [ "$schema", text "http://json-schema.org/draft-07/schema#"
          "title", text "UbarFs scenario"
          "description", text "An experiment on Byzantine-resilient decentralized learning." ]

    let document = object' head

    for key in root |> Seq.map _.Key |> List.ofSeq do
        let value = root[key]
        root.Remove key |> ignore
        document.AsObject()[key] <- value

    document.ToJsonString(options).ReplaceLineEndings "\n" + "\n"
