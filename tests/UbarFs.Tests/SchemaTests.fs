/// The JSON Schema says what the parser says, as far as a schema can.
module UbarFs.Tests.SchemaTests

open System
open System.IO
open System.Text.Json.Nodes
open Expecto
open FsCheck
open FsCheck.FSharp
open NJsonSchema
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Tests.LanguageSamples

let private root = Path.GetFullPath(Path.Combine(__SOURCE_DIRECTORY__, "..", ".."))

let private schema = lazy (JsonSchema.FromJsonAsync(Schema.document ()).GetAwaiter().GetResult())

/// What the schema finds wrong with a scenario's text; nothing can be said of what is no YAML.
let private complaints (text: string) : string list option =
    match Yaml.parse (Source.create (Origin.File file) text) 0 with
    | Some node, [] ->
        let json =
            match Json.ofNode node with
            | null -> "null"
            | json -> json.ToJsonString()

        schema.Value.Validate json |> Seq.map string |> List.ofSeq |> Some
    | _ -> None

let private accepts text = complaints text = Some []

let private parses text =
    match Scenario.parse file text [] with
    | Ok _ -> true
    | Error _ -> false

let private shipped =
    testList
        "every scenario of the repository fits the schema"
        [ for path in Directory.EnumerateFiles(Path.Combine(root, "scenarios"), "*.yaml", SearchOption.AllDirectories) do
              testCase (Path.GetRelativePath(root, path)) (fun () ->
                  Expect.equal (complaints (File.ReadAllText path)) (Some []) "complaints")

          for starter in Starter.all do
              testCase starter.Template (fun () ->
                  Expect.equal (complaints (Starter.text "mine" starter)) (Some []) "complaints") ]

// What a schema cannot know: how values go together, and what lies outside of the file.
let private beyond =
    set
        [ "attack-rounded-away"
          "attack-search-upside-down"
          "batch-larger-than-share"
          "extends-nothing-there"
          "many-rounded-ratios"
          "ratio-rounded"
          "ratios-that-round-alike"
          "seeds-count-too-far"
          "short-path-on-command-line"
          "attack-without-effect"
          "backdoor-covers-images"
          "backdoor-of-no-class"
          "backdoor-without-data"
          "backdoors-that-differ"
          "classes-that-are-not-there"
          "groups-beyond-nodes"
          "exclusion-of-everything"
          "exclusion-of-nothing"
          "extends-missing"
          // Which item of a list is the last.
          "pipeline-ends-with-a-stage"
          "pipeline-label-of-a-stage"
          "pipeline-merges-senders"
          "pipeline-of-rules-alone"
          "pipeline-own-twice"
          "pipeline-rule-before-the-end"
          "placement-without-byzantine-nodes"
          "protocol-of-a-server"
          "protocol-without-images"
          "reference-incomplete"
          "reference-to-what-is-swept"
          "model-does-not-fit"
          "more-nodes-than-images"
          "reference-cycle"
          "reference-to-nothing"
          "repeated-runs"
          "rule-beyond-tolerance"
          "rho-above-benign-share"
          "seed-beside-seeds"
          "set-inside-sweep"
          "set-malformed"
          "set-misspelt"
          "sweep-combination-does-not-fit"
          "sweep-inside-another"
          "sweep-of-alternatives"
          "sweep-of-another-component"
          "sweep-too-large"
          "too-many-nodes"
          "sybils-of-byzantine-nodes"
          "sybils-with-too-many-edges"
          "unset-variable"
          "validation-of-everything"
          "validation-of-listed-shares"
          "variant-against-another-sweep"
          "variants-that-repeat-runs"
          "zip-of-different-lengths" ]

let private broken =
    let folder = Path.Combine(root, "tests", "UbarFs.Tests", "broken")

    testList
        "what is structurally broken does not fit the schema"
        [ for path in Directory.EnumerateFiles(folder, "*.yaml") do
              let name = Path.GetFileNameWithoutExtension path

              testCase name (fun () ->
                  match complaints (File.ReadAllText path) with
                  | None -> ()
                  | Some found -> Expect.equal found.IsEmpty (beyond.Contains name) $"{found}") ]

// ---- Generated scenarios

/// Texts for a value: right ones and wrong ones, as somebody would write them.
let private ofKind kind =
    let ends interval =
        [ interval.Low; interval.High; 0.3; 2.5; -1.0 ]
        |> List.filter Double.IsFinite
        |> List.map (Value.Real >> string)

    match kind with
    | Kind.Real interval -> ends interval
    | Kind.RealOrWord(interval, words) -> ends interval @ words @ [ "nonsense" ]
    | Kind.Whole(low, high) -> [ low; high; low - 1L; low + 1L ] |> List.map string |> List.append [ "x"; "1.5" ]
    | Kind.WholeOrWord(low, high, words) -> ([ low; high; low - 1L ] |> List.map string) @ words @ [ "nonsense" ]
    | Kind.Truth -> [ "true"; "false"; "maybe"; "3" ]
    | Kind.Choice words -> words @ [ "nonsense" ]
    | Kind.Wholes(low, high) -> [ $"[{low}, {high}]"; $"{low}"; $"[{low - 1L}]"; "[1.5]"; "[]"; "nonsense" ]
    | Kind.WholesOrWord(low, high, words) -> [ $"[{low}, {high}]"; $"{low}"; "[]"; "nonsense" ] @ words
    | Kind.Names words ->
        words
        @ [ Kind.listed (List.truncate 2 words)
            "[]"
            $"[{words[0]}, nonsense]"
            "nonsense" ]
    | Kind.Text -> [ "some/path" ]
    | Kind.Layers -> [ "[relu]"; "[{ conv: 3 }, { residual: [relu] }]"; "[]"; "relu" ]

let private arguments (owner: Member) =
    gen {
        let! parameters = Gen.subListOf owner.Parameters

        let! values =
            parameters
            |> List.map (fun parameter ->
                Gen.elements (ofKind parameter.Kind) |> Gen.map (fun value -> $"{parameter.Name}: {value}"))
            |> Gen.sequenceToList

        let! odd = Gen.frequency [ 12, Gen.constant []; 1, Gen.constant [ "nonsense: 1" ] ]
        return "{ " + String.concat ", " (values @ odd) + " }"
    }

let private component' (members: Member list) =
    gen {
        let! owner = Gen.elements members

        let first =
            match owner.Parameters with
            | first :: _ -> Gen.elements (ofKind first.Kind)
            | [] -> Gen.constant "1"

        let! inner = Gen.oneof [ arguments owner; first; Gen.constant "" ]

        return!
            Gen.frequency
                [ 4, Gen.constant owner.Name
                  4, Gen.constant $"{{ {owner.Name}: {inner} }}"
                  1, Gen.elements [ "nonsense"; "3"; "[]"; "{}"; "{ average: , ubar: }" ] ]
    }

let private durations =
    [ "3"
      "1 epoch"
      "2 epochs"
      "5 iterations"
      "0"
      "-1"
      "3 days"
      "soon"
      "1000001" ]

let rec private ofShape (path: string) shape : Gen<string> =
    match shape with
    | Shape.Scalar kind -> Gen.elements (ofKind kind)
    | Shape.Text _ when path.StartsWith "training" || path.StartsWith "measure" -> Gen.elements durations
    | Shape.Text _ -> Gen.elements [ "some-name"; "[]"; "{}" ]
    | Shape.Component(_, members, _) -> component' members
    | Shape.OrList(one, item) ->
        Gen.frequency
            [ 3, ofShape path one
              1, Gen.listOfLength 2 (ofShape path item) |> Gen.map (String.concat ", " >> sprintf "[%s]") ]
    | Shape.List item -> Gen.listOfLength 2 (ofShape path item) |> Gen.map (String.concat ", " >> sprintf "[%s]")
    | Shape.Fields fields -> ofFields path fields |> Gen.map (sprintf "{ %s }")
    | Shape.Sweep -> Gen.constant "{}"

and private ofFields path fields : Gen<string> =
    gen {
        let isUsual (field: KeyShape) =
            field.Default = Default.Required || field.Key = "epochs" || field.Shape.IsFields

        let! chosen =
            fields
            |> List.filter (fun field -> field.Key <> "extends" && field.Key <> "sweep")
            |> List.map (fun field ->
                Gen.choose (0, if isUsual field then 30 else 3)
                |> Gen.map (fun dice -> if (dice > 0) = isUsual field then Some field else None))
            |> Gen.sequenceToList

        let! values =
            chosen
            |> List.choose id
            |> List.map (fun field ->
                ofShape (path + "." + field.Key |> fun path -> path.TrimStart '.') field.Shape
                |> Gen.map (fun value -> $"{field.Key}: {value}"))
            |> Gen.sequenceToList

        return String.concat ", " values
    }

let private generated =
    match Grammar.scenario.Shape with
    | Shape.Fields fields -> ofFields "" fields |> Gen.map (fun text -> "{ " + text + " }\n")
    | _ -> failwith "a scenario has fields"

/// Whether the parser only complains of what a schema cannot know.
let private isBeyondSchema text =
    let phrases =
        [ "does not fit the images"
          "training images"
          "more than"
          "the placement"
          "cannot be mixed"
          "'seeds'"
          "listed twice" ]

    errors text []
    |> List.forall (fun error -> phrases |> List.exists (fun phrase -> error.Message.Contains phrase))

let private agreement =
    testList
        "the schema and the parser agree"
        [ testPropertyWithConfig
              { FsCheckConfig.defaultConfig with maxTest = 1000 }
              "on generated scenarios, but for how their values go together"
          <| Prop.forAll (Arb.fromGen generated) (fun text ->
              let fits = accepts text
              let label = $"{text}{complaints text}{errors text [] |> List.map _.Message}"

              (if fits then isBeyondSchema text else not (parses text))
              |> Prop.label label
              |> Prop.classify fits "accepted")

          testCase "on the samples of the tests"
          <| fun () ->
              for sample in [ text; minimal; many; referring; "extends: other.yaml\n" ] do
                  Expect.equal (complaints sample) (Some []) sample

          testCase "on references and on sweeps of parameters"
          <| fun () ->
              let fits =
                  [ "seed: ${repeat}\nrepeat: 2\n"
                    "sweep: { rule.ubar.rho: [0.2, network], rule.ubar: [{ alpha: 0.3 }] }\n"
                    "attack: [bit-flip, { stale: 7 }]\n" ]

              let misfits =
                  [ "sweep: { rule.ubar.rho: 0.2 }\n"
                    "sweep: { rule.ubar.rhoo: [0.2] }\n"
                    "sweep: { repeat: [1, 2] }\n"
                    "seeds: [1]\nrepeat: 2\n" ]

              for sample in fits do
                  Expect.equal (complaints (minimal + sample)) (Some []) sample

              for sample in misfits do
                  Expect.isFalse (accepts (minimal + sample)) sample ]

let private file =
    testCase "the schema in the repository is up to date"
    <| fun () ->
        let written = File.ReadAllText(Path.Combine(root, "ubarfs.schema.json")).ReplaceLineEndings "\n"
        Expect.isTrue (written = Schema.document ()) $"write it anew: {Schema.command}"

let private repeated =
    testCase "the schema is the same each time, also for several threads at once"
    <| fun () ->
        let documents = Array.Parallel.init 8 (fun _ -> Schema.document ())
        Expect.hasLength (Array.distinct documents) 1 "one text"

let private completions =
    testCase "every key and every component is described for editors"
    <| fun () ->
        match JsonNode.Parse(Schema.document ()) with
        | null -> failtest "no schema"
        | document ->
            let definitions = document["definitions"].AsObject()

            for entry in definitions do
                if not (entry.Key.StartsWith "sweep-" || entry.Key.Contains "item") then
                    let json = entry.Value
                    let isComponent = not (isNull json["anyOf"]) && isNull json["description"]
                    Expect.isTrue (isComponent || not (isNull json["description"])) entry.Key

[<Tests>]
let tests = testList "schema" [ file; repeated; shipped; broken; agreement; completions ]
