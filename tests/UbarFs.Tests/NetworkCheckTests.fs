/// What only drawn networks tell of a scenario: Byzantine nodes that nobody hears, topologies that come to the same.
module UbarFs.Tests.NetworkCheckTests

open Expecto
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Cli
open UbarFs.Testing.Generators

let private scenario network rest =
    let text =
        $"data: {{ dataset: digits }}\nmodel: softmax\nnetwork: {network}\ntraining: {{ epochs: 1 }}\nattack: bit-flip\n{rest}"

    match Scenario.parse "networks.yaml" text [] with
    | Ok(scenario, _) -> scenario
    | Error errors -> failtest (errors |> List.map Rendering.plain |> String.concat "")

/// The seeds whose network has a Byzantine node without an edge, drawn here anew.
let private isolating (scenario: Scenario) =
    scenario.Runs
    |> List.filter (fun run ->
        match Experiment.drawNetwork run with
        | Ok network ->
            Seq.exists2
                (fun isByzantine (neighbours: int[]) -> isByzantine && neighbours.Length = 0)
                network.Byzantine
                network.Neighbours
        | Error _ -> false)
    |> List.map _.Seed

let private said scenario = NetworkChecks.warnings scenario |> List.map Rendering.plain

[<Tests>]
let tests =
    testList
        "network checks"
        [ testCase "a rule is warned of where a benign node has more Byzantine neighbours than it is defined for"
          <| fun () ->
              // Each benign node has 11 benign neighbours and all 8 liars; dbulyan is defined for 4 of 19.
              let text topology =
                  scenario
                      $"{{ benign: 12, byzantine: 40%%, benign-ratio: 0.1, topology: {topology} }}"
                      "sweep: { rule: [average, dbulyan, ubar] }\n"

              match said (text "complete") with
              | [ warning ] ->
                  Expect.stringContains warning "'dbulyan' is defined for at most 4 Byzantine neighbours of 19" "what"
                  Expect.stringContains warning "a benign node has 8 in the network of seed 1" "where"
                  Expect.stringContains warning ":6:26:" "its place"
              | others -> failtest $"one warning: {others}"

              Expect.isFalse (said (text "ring") |> List.exists _.Contains("dbulyan")) "nobody has so many neighbours"

          testCase "check says where alie does next to nothing"
          <| fun () ->
              let lines attacks =
                  Assumptions.lines (
                      scenario "{ benign: 30, byzantine: 10%, topology: complete }" $"sweep: {{ attack: {attacks} }}\n"
                  )

              Expect.equal (lines "[bit-flip, alie, { alie: published }]") [] "1.5, and 0.19"

              Expect.equal
                  (lines "[bit-flip, { alie: baruch }]")
                  [ "alie (z: baruch): z is 0.084 with 3 of 33 nodes Byzantine, so that it sends next to the benign mean; \
                     1.5 is common" ]
                  "the paper's formula"

          testCase "check says where a rule would assume more liars than it is defined for"
          <| fun () ->
              let said rest = Assumptions.lines (scenario "{ benign: 6, topology: ring }" rest)

              let line rule wanted =
                  $"{rule}: the cap on n̂ applies at 6 of 6 benign nodes: of 2 neighbours it would assume {wanted} to be \
                    Byzantine, and is defined for 0"

              Expect.equal
                  (said "rule: { trimmed-mean: { assumed: 3 } }\n")
                  [ line "trimmed-mean (assumed: 3)" 3 ]
                  "a number"

              Expect.equal (said "rule: trimmed-mean\n") [ line "trimmed-mean" 1 ] "from ρ: ⌈2/2⌉"
              Expect.equal (said "rule: { trimmed-mean: { assumed: known } }\n") [] "there is none"
              Expect.equal (said "rule: { cs-plus: { assumed: 2 } }\n") [] "any number"
              Expect.equal (said "rule: average\n") [] "no number at all"

              Expect.equal
                  (said "sweep: { rule: [trimmed-mean, average, mda] }\nrepeat: 3\n")
                  [ line "trimmed-mean" 1; line "mda" 1 ]
                  "each rule once"

              // Everyone has 5 neighbours, 3 of them liars, and trimmed-mean is defined for 2.
              let complete = scenario "{ benign: 3, byzantine: 50%, topology: complete, enforce-benign-ratio: false }"

              let known = complete "rule: { trimmed-mean: { assumed: known } }\n"
              Expect.equal (Assumptions.lines known) [] "the networks' own warning says it"
              Expect.hasLength (NetworkChecks.warnings known) 1 "once"

          testCase "mda is refused where a node would search more than a million sets, at its place and once"
          <| fun () ->
              let checkedWith assumed =
                  scenario
                      "{ benign: 30, topology: complete }"
                      $"sweep: {{ rule: [average, {{ mda: {{ assumed: {assumed} }} }}] }}\nrepeat: 3\n"
                  |> Preflight.scenario

              match checkedWith "network" with
              | Error [ refused ] ->
                  let text = Rendering.plain refused
                  Expect.stringContains text "node 0 cannot aggregate by 'mda': with m = 29 neighbours and n̂ = 14" "who"
                  Expect.stringContains text "take 'nna' or 'meamed', or a smaller 'assumed'" "what to do"
                  Expect.stringContains text ":6:26:" "its place"
              | other -> failtest $"one error: {other}"

              Expect.isOk (checkedWith "5") "C(29, 5) = 118755"
              Expect.isError (checkedWith "7") "C(29, 7) = 1560780"

          testProperty "mda objects exactly where C(m, n̂) is more than a million"
          <| forAll (Gen.zip (Gen.choose (1, 60)) (Gen.choose (0, 60))) (fun (neighbours, assumed) ->
              let arguments = Map [ "assumed", Value.Whole(int64 assumed) ]
              let rule = (Component.choose arguments Mda.rule).Value
              let byzantine = min assumed ((neighbours - 1) / 2)
              let product count = Seq.fold (fun product factor -> product * bigint (factor: int)) 1I count
              let sets = product [ neighbours - byzantine + 1 .. neighbours ] / product [ 1..byzantine ]

              let headcount =
                  { BenignRatio = 0.4
                    Neighbours = neighbours
                    Received = neighbours
                    Byzantine = 0 }

              (rule.Objection.Value headcount).IsSome = (sets > 1000000I))

          testProperty "isolated liars are warned of exactly when there are some, with their seeds"
          <| forAll
              (gen {
                  let! benign = Gen.choose (2, 12)
                  let! ratio = Gen.elements [ "10%"; "25%"; "40%" ]
                  let! topology = Gen.elements [ "random"; "{ random: 0.8 }"; "complete" ]
                  let! seed = Gen.choose (1, 1000)
                  return benign, ratio, topology, seed
              })
              (fun (benign, ratio, topology, seed) ->
                  let scenario =
                      scenario
                          $"{{ benign: {benign}, byzantine: {ratio}, topology: {topology} }}"
                          $"seed: {seed}\nrepeat: 4\n"

                  match isolating scenario, said scenario with
                  | [], [] -> true
                  | seeds, [ warning ] ->
                      let listed = seeds |> List.map string |> String.concat ", "

                      seeds <> []
                      && warning.Contains $"{seeds.Length} of 4 networks drawn"
                      && warning.Contains $" {listed})"
                      && warning.StartsWith "networks.yaml:3:"
                  | _ -> false)

          testCase "with six benign nodes and 25 %, enforcing ρ takes all edges of a liar"
          <| fun () ->
              let scenario = scenario "{ benign: 6, byzantine: 25% }" "seed: 1\nrepeat: 10\n"
              let warnings = NetworkChecks.warnings scenario
              Expect.hasLength warnings 1 "one warning"

              match warnings.Head.Place with
              | Place.Text span -> Expect.equal (span.Line, span.Column) (3, 34) "at the ratio"
              | Place.File _ -> failtest "no place"

          testCase "edges that sybils lose to ρ are told, and none where they keep them"
          <| fun () ->
              let warnings network =
                  NetworkChecks.warnings (scenario network "")
                  |> List.map _.Message
                  |> List.filter _.Contains("sybils")

              let crowd = "benign: 8, byzantine: 40%, topology: complete, placement: { sybil: { to: [0] } }"
              // Node 0 hears 7 benign ones, and of 5 liars fewer than 1.5 times as many.
              Expect.equal
                  (warnings $"{{ {crowd}, benign-ratio: 0.75 }}")
                  [ "of the 5 edges that sybils choose, 3 are dropped in the network of seed 1" ]
                  "dropped"

              Expect.isEmpty (warnings $"{{ {crowd}, enforce-benign-ratio: false }}") "kept"

          testCase "a large sweep has few warnings"
          <| fun () ->
              let ratios = [ 20..59 ] |> List.map (fun percent -> $"{percent}%%") |> String.concat ", "

              let scenario =
                  scenario
                      "{ benign: 5, topology: { random: 0.5 } }"
                      $"sweep: {{ network.byzantine: [{ratios}], rule: [average, ubar] }}\nrepeat: 5\n"

              Expect.isLessThanOrEqual (NetworkChecks.warnings scenario).Length 10 "warnings"

          testCase "topologies that come to the same network are told, with both places"
          <| fun () ->
              let scenario =
                  scenario
                      "{ benign: 6, byzantine: 25%, enforce-benign-ratio: false }"
                      "sweep: { network.topology: [{ random: 1 }, { random: 0.9999999 }, { random: 0.5 }] }\n"

              match NetworkChecks.warnings scenario with
              | [ warning ] ->
                  Expect.stringContains warning.Message "gives the same network as" "the message"
                  Expect.hasLength warning.Notes 1 "the other place"
              | others -> failtestf "%d warnings" others.Length

          testCase "nobody minds liars that do not attack"
          <| fun () ->
              let scenario = scenario "{ benign: 6, byzantine: 25% }" "repeat: 10\n"

              let none = Catalogue.attacks |> List.find (fun attack -> attack.Name = "none")
              let behaving = [ Component.choose Map.empty none ]

              let harmless =
                  { scenario with
                      Runs = scenario.Runs |> List.map (fun run -> { run with Attacks = behaving }) }

              Expect.isEmpty (NetworkChecks.warnings harmless) "no warnings" ]
