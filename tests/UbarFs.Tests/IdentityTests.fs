/// What a run's id depends on: the keys of the language, and the code that produces numbers.
module UbarFs.Tests.IdentityTests

open System.IO
open System.Text.RegularExpressions
open Expecto
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Tests.LanguageSamples

let private root = Path.GetFullPath(Path.Combine(__SOURCE_DIRECTORY__, "..", ".."))

let private isShared project (source: Sources.Source) = Identity.isShared Identity.components project source.File

let private all =
    [ for project in Identity.sources do
          for source in project.Sources do
              project.Project, source ]

let private codeOf change =
    Identity.sources
    |> List.map (fun project ->
        let changed (source: Sources.Source) =
            if change project.Project source then
                { source with Checksum = "changed" }
            else
                source

        { project with Sources = List.map changed project.Sources })
    |> Identity.codeOf "1.0" Identity.components

/// The text of a source without its comments.
let private codeText (file: string) =
    File.ReadAllLines(Path.Combine(root, "src", "UbarFs.Core", file))
    |> Array.filter (fun line -> not (line.TrimStart().StartsWith "//"))
    |> String.concat "\n"

/// The files of the catalogue, with the names of the modules that they define.
let private modules =
    Identity.components
    |> List.map (fun source ->
        let text = codeText source

        let names =
            text.Split '\n'
            |> Array.map _.Trim()
            |> Array.choose (fun line ->
                if line.StartsWith "module " then
                    Some((line.Split([| ' '; '=' |])[1]).Replace("UbarFs.Core.", ""))
                else
                    None)

        source, text, List.ofArray names)

/// Whether code uses a module.
let private uses (text: string) name = Regex.IsMatch(text, $@"(?<![A-Za-z.]){name}\.[a-z]")

let private code =
    testList
        "code"
        [ testCase "the sources of all that computes are recorded"
          <| fun () ->
              for project in [ "UbarFs.Kernels"; "UbarFs.Core"; "UbarFs.Engine" ] do
                  let recorded = all |> List.filter (fst >> (=) project)
                  Expect.isGreaterThan recorded.Length 20 project

          testCase "what every run depends on changes its id, and nothing else does"
          <| fun () ->
              let before = codeOf (fun _ _ -> false)

              for project, source in all do
                  let after = codeOf (fun owner other -> owner = project && other.File = source.File)

                  Expect.equal (after <> before) (isShared project source) $"{project}/{source.File}"

          testCase
              "rules, attacks, hints, downloads and reports are not what every run depends on; kernels and training are"
          <| fun () ->
              let counts file =
                  match all |> List.tryFind (fun (project, source) -> $"{project}/{source.File}" = file) with
                  | Some(project, source) -> isShared project source
                  | None -> failtest $"there is no {file}"

              for file in
                  [ "UbarFs.Core/Rules/Ubar.fs"
                    "UbarFs.Core/Rules/Krum/Krum.fs"
                    "UbarFs.Core/Attacks/SignFlip.fs"
                    "UbarFs.Core/Graphs/Topologies/RingTopology.fs"
                    "UbarFs.Core/Tasks/Models.fs"
                    "UbarFs.Pictures/ImageFolder.fs"
                    "UbarFs.Engine/Data/Downloads/Fetch.fs"
                    "UbarFs.Engine/Store/RunRecord.fs" ] do
                  Expect.isFalse (counts file) file

              for file in
                  [ "UbarFs.Core/Rules/Krum/KrumScores.fs"
                    "UbarFs.Core/Attacks/Attack.fs"
                    "UbarFs.Core/Attacks/Krum/KrumLine.fs"
                    "UbarFs.Core/Numbers/Random.fs"
                    // How many iterations an epoch has, and what a plan asks of its network.
                    "UbarFs.Core/Runs/Run.fs"
                    "UbarFs.Core/Runs/Plans.fs"
                    "UbarFs.Core/Tasks/Model.fs"
                    "UbarFs.Pictures/Picture.fs"
                    "UbarFs.Engine/Training/Simulation.fs"
                    "UbarFs.Kernels/Estimates/Pairs/PairKernel.cs" ] do
                  Expect.isTrue (counts file) file

          testCase "everything that is set apart exists"
          <| fun () ->
              for place, _ in Identity.apart do
                  let isThere (project, source: Sources.Source) =
                      let path = $"{project}/{source.File}"
                      path = place || path.StartsWith(place + "/")

                  Expect.exists all isThere place

          testCase "every component of the catalogue knows the file that defines it"
          <| fun () ->
              let known (components: Component<'value> list) =
                  for one in components do
                      Expect.isSome one.File one.Name

              known Catalogue.rules
              known Catalogue.stages
              known Catalogue.attacks
              known Catalogue.topologies
              known Catalogue.datasets
              known Catalogue.models
              known Catalogue.layers
              known Catalogue.partitions

          testCase "a file that defines components is all that they need: no other refers to it"
          <| fun () ->
              for source, text, _ in modules do
                  for other, _, names in modules do
                      if other <> source then
                          for name in names do
                              Expect.isFalse (uses text name) $"{source} needs {name}"

              let shared =
                  all |> List.filter (fun (project, source) -> project = "UbarFs.Core" && isShared project source)

              for _, source in shared do
                  let text = codeText source.File

                  for _, _, names in modules do
                      for name in names do
                          Expect.isFalse (uses text name) $"{source.File} needs {name}" ]

/// The keys of a run that hold values, by their paths.
let rec private leaves path (fields: KeyShape list) =
    [ for field in fields |> List.filter (fun field -> not field.Fixed) do
          let here = if path = "" then field.Key else $"{path}.{field.Key}"

          match field.Shape with
          | Shape.Fields inner -> yield! leaves here inner
          | _ -> here ]

let private keys =
    testList
        "keys"
        [ testCase "every key of the language is among the settings of a run"
          <| fun () ->
              let keys =
                  match Grammar.scenario.Shape with
                  | Shape.Fields fields -> leaves "" fields
                  | _ -> failtest "a scenario is a mapping"

              let said text =
                  let scenario, _ = accepted text []
                  Run.canonical scenario.Runs.Head |> List.map fst |> Set.ofList

              let other = minimal.Replace("epochs: 3", "iterations: 30, momentum: { beta: 0.9 }")
              let both = said minimal + said other
              Expect.equal (Set.ofList keys - both) Set.empty "none is forgotten"

              let values = both |> Set.filter (fun path -> not (path.EndsWith ".code"))
              Expect.equal values (Set.ofList keys) "and nothing is there beside them"

          testCase "a change at any key makes another run"
          <| fun () ->
              let changes =
                  [ "seed: 2"
                    "data: { dataset: mnist }"
                    "model: mlp"
                    "network: { topology: ring, benign: 8 }"
                    "network: { benign: 9 }"
                    "network: { benign: 8, byzantine: 0.2 }"
                    "network: { benign: 8, benign-ratio: 0.5 }"
                    "network: { benign: 8, enforce-benign-ratio: false }"
                    "network: { benign: 8, byzantine: 0.2, placement: degree }"
                    "network: { benign: 8, byzantine: 0.2, placement: { sybil: 3 } }"
                    "network: { benign: 8, weights: metropolis }"
                    "training: { epochs: 4 }"
                    "training: { iterations: 4 }"
                    "training: { epochs: 3, batch: 16 }"
                    "training: { epochs: 3, rate: 0.06 }"
                    "training: { epochs: 3, fading: none }"
                    "training: { epochs: 3, last-batch: keep }"
                    "training: { epochs: 3, start: own }"
                    "training: { epochs: 3, loss: hinge }"
                    "rule: average"
                    "rule: { ubar: { alpha: 0.6 } }"
                    "attack: bit-flip"
                    "attack: [bit-flip, gaussian]"
                    "measure: { every: 2 epochs }"
                    "measure: { images: 100 }"
                    "measure: { validation: 100 }" ]

              let runOf (change: string) =
                  let key = change.Substring(0, change.IndexOf ':')

                  let others =
                      minimal.Split '\n'
                      |> Array.filter (fun line -> not (line.StartsWith(key + ":")))
                      |> String.concat "\n"

                  let scenario, _ = accepted (others.TrimEnd() + "\n" + change + "\n") []
                  RunStore.id scenario.Runs.Head

              let ids = runOf "seed: 1" :: List.map runOf changes
              Expect.equal (List.distinct ids).Length ids.Length "each its own"

          testCase "how a run is written does not matter"
          <| fun () ->
              let idOf text =
                  let scenario, _ = accepted text []
                  RunStore.id scenario.Runs.Head

              for other in
                  [ minimal + "rule: { ubar: }\n"
                    minimal + "rule: { ubar: 'network' }\n"
                    minimal + "attack: [none]\n"
                    minimal + "description: other words\n"
                    minimal + "rule: { ubar: { alpha: 50% }, label: Ours }\n"
                    minimal.Replace("epochs: 3", "epochs: 3 epochs") ] do
                  Expect.equal (idOf other) (idOf minimal) other ]

[<Tests>]
let tests = testList "identity" [ code; keys ]
