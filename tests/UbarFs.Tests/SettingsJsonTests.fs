/// Laws of settings as JSON: every value has its type, and says what the canonical text says.
module UbarFs.Tests.SettingsJsonTests

open System
open System.Text
open System.Text.Json
open System.Text.Json.Nodes
open Expecto
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario

let private relaxed =
    JsonSerializerOptions(Encoder = Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

let private written (node: JsonNode | null) =
    match node with
    | null -> "null"
    | node -> node.ToJsonString relaxed

let private nameOf (node: JsonNode | null) =
    let name = (nonNull node)["name"]
    written name

/// What JSON has to say of a parameter's value.
let private expected (value: Value) =
    match value with
    | Value.Real number -> written (JsonValue.Create number)
    | Value.Whole number -> written (JsonValue.Create number)
    | Value.Truth truth -> if truth then "true" else "false"
    | Value.Wholes _ -> string value |> _.Replace(" ", "")
    | Value.Word word -> written (JsonValue.Create word)

let private isComplete path (component': Component<'value>) =
    let chosen = Component.choose Map.empty component'

    match SettingsJson.value path (Chosen.canonical chosen) with
    | :? JsonObject as json ->
        Expect.equal (written json["name"]) $"\"{chosen.Name}\"" "its name"

        for parameter, value in chosen.Arguments do
            Expect.equal (written json[parameter.Name]) (expected value) $"{chosen.Name}: {parameter.Name}"

        Expect.equal json.Count (1 + chosen.Arguments.Length) "and nothing else"
    | other -> failtest $"{path}: no object: {written other}"

let private components =
    testCase "every component is an object with its name and its parameters, typed as they are"
    <| fun () ->
        Catalogue.rules |> List.iter (isComplete "rule")
        Catalogue.attacks |> List.iter (isComplete "attack")
        Catalogue.topologies |> List.iter (isComplete "network.topology")
        Catalogue.datasets |> List.iter (isComplete "data.dataset")
        Catalogue.partitions |> List.iter (isComplete "data.partition")
        Catalogue.models |> List.iter (isComplete "model")

let private scenario =
    """data: { dataset: digits }
model: [{ dense: 20 }, relu, { dense: 10 }]
network: { topology: { random: 0.7 }, benign: 4, byzantine: 50%, placement: [1, 2, 5, 6] }
training: { batch: 16, iterations: 40, rate: 0.1, fading: none }
measure: { every: 1 epoch }
attack: [bit-flip, { gaussian: 2 }]
rule: { ubar: { rho: 0.3 } }
"""

let private whole =
    testCase "numbers are numbers, truths are truths, lists are lists"
    <| fun () ->
        match Scenario.parse "s.yaml" scenario [] with
        | Error problems -> failtest (problems |> List.map Rendering.plain |> String.concat "")
        | Ok(scenario, _) ->
            let settings = SettingsJson.ofCanonical (Run.canonical scenario.Runs.Head)

            for path, value in
                [ "seed", "1"
                  "network.benign", "4"
                  "network.byzantine", "0.5"
                  "network.enforce-benign-ratio", "true"
                  "network.placement", "[1,2,5,6]"
                  "training.batch", "16"
                  "training.rate", "0.1"
                  "training.fading", "\"none\""
                  "training.iterations", "40"
                  "training.loss", "\"cross-entropy\""
                  "measure.every", """{"epochs":1}"""
                  "measure.images", "\"all\""
                  "network.topology", """{"name":"random","ratio":0.7}""" ] do
                Expect.equal (written settings[path]) value path

            let rule = settings["rule"] |> nonNull
            Expect.equal (written rule["rho"]) "0.3" "a parameter"
            let attacks = (settings["attack"] |> nonNull).AsArray()

            Expect.equal
                (attacks |> Seq.map (fun attack -> nameOf attack) |> List.ofSeq)
                [ "\"bit-flip\""; "\"gaussian\"" ]
                "attacks that take turns"

            let layers = (settings["model"] |> nonNull).AsArray()
            Expect.equal layers.Count 3 "layers"
            Expect.equal (nameOf layers[1]) "\"relu\"" "by their names"

let private code =
    testCase "code goes by the name of its file or its type, and its parameters are under 'with'"
    <| fun () ->
        let json path text = written (SettingsJson.value path text)

        Expect.equal
            (json "rule" "{ script: rules/mine.fsx, with: { share: 0.7, strict: true } }")
            """{"name":"mine.fsx","script":"rules/mine.fsx","with":{"share":0.7,"strict":true}}"""
            "a script"

        Expect.equal
            (json "attack" "[{ assembly: 'a b.dll', type: Theirs }, none]")
            """[{"name":"Theirs","assembly":"a b.dll","type":"Theirs"},{"name":"none"}]"""
            "an assembly"

        let print = "00" + String('1', 61) + "e"
        Expect.equal (json "rule.code" print) $"\"{print}\"" "a checksum is a text, whatever its digits"

[<Tests>]
let tests = testList "settings as JSON" [ components; whole; code ]
