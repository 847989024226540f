/// What a sweep can do beside the product of lists: lists side by side, variants, exclusions, listed seeds.
module UbarFs.Tests.PlanTests

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open UbarFs.Scenario
open UbarFs.Tests.LanguageSamples

let private lists =
    [ "network.byzantine", [ "0.1"; "0.2"; "0.3" ]
      "rule", [ "average"; "{ ubar: { rho: 0.3 } }"; "{ ubar: 0.5 }" ]
      "attack", [ "bit-flip"; "{ gaussian: { sigma: 2 } }"; "{ gaussian: { sigma: 3 } }" ]
      "training.epochs", [ "1"; "2"; "3" ]
      "model", [ "softmax"; "{ mlp: 30 }"; "{ mlp: 40 }" ] ]

let private flowOf pairs =
    pairs
    |> List.map (fun (path, value: string) -> $"{path}: {value}")
    |> String.concat ", "
    |> sprintf "{ %s }"

let private listed (path, values: string list) =
    let values = String.concat ", " values
    path, $"[{values}]"

/// Two factors, lists or lists side by side, and combinations of their values to leave out.
let private plan =
    gen {
        let! shuffled = Gen.shuffle lists
        let! first = Gen.choose (1, 2)
        let! second = Gen.choose (1, 2)
        let lists = List.ofArray shuffled
        let factors = [ List.truncate first lists; lists |> List.skip first |> List.truncate second ]

        let exclusion =
            gen {
                let! paths = Gen.subListOf (List.concat factors) |> Gen.filter (List.isEmpty >> not)
                let! indices = Gen.listOfLength (List.length paths) (Gen.choose (0, 2))
                return List.map2 (fun (path, values) index -> path, List.item index values) paths indices
            }

        let! exclusions = Gen.choose (0, 2) |> Gen.bind (fun count -> Gen.listOfLength count exclusion)
        return factors, exclusions
    }

let private canonical run = LanguageSamples.written run

let private sweepOf (factors: (string * string list) list list) exclusions =
    let zips = factors |> List.map (List.map listed >> flowOf >> sprintf "    - %s\n")
    let excluded = exclusions |> List.map (flowOf >> sprintf "    - %s\n")
    "sweep:\n  zip:\n" + String.concat "" zips + "  exclude:\n" + String.concat "" excluded

let private expected (factors: (string * string list) list list) exclusions =
    [ for first in 0..2 do
          for second in 0..2 do
              let level index = List.map (fun (path, values) -> path, List.item index values)
              let combination = level first factors[0] @ level second factors[1]
              let holds condition = List.contains condition combination

              if not (exclusions |> List.exists (List.forall holds)) then
                  combination ]

let private zips =
    testList
        "zip and exclude"
        [ check "runs are the product of the zips without what is excluded"
          <| Prop.forAll (Arb.fromGen plan) (fun (factors, exclusions) ->
              let combinations = expected factors exclusions
              let text = minimal + sweepOf factors exclusions

              if combinations.IsEmpty then
                  errors text [] |> List.exists (fun error -> error.Message.Contains "excluded")
              else
                  let alone combination =
                      runs (minimal.Replace("model: softmax\n", "")) (("model", "softmax") :: combination)
                      |> List.exactlyOne
                      |> canonical

                  List.map canonical (runs text []) = List.map alone combinations)

          testCase "a value is excluded however it is written, also beside another swept path"
          <| fun () ->
              let left exclusion =
                  let sweep = "sweep: { training.rate: [0.1, 0.25, 1], seed: [1, 2], exclude: "
                  (runs (minimal + sweep + exclusion + " }") []).Length

              Expect.equal (left "{ training.rate: 0.10 }") 4 "a zero more"
              Expect.equal (left "{ training.rate: [1.0, 2.5e-1] }") 2 "two of them"
              Expect.equal (left "[{ training.rate: 0.1, seed: 2 }, { seed: 1 }]") 2 "with a condition on another path"

          testCase "the work of many exclusions grows with them and the sweep, not with the product"
          <| fun () ->
              let allocated count =
                  let numbers = [ 1..count ] |> List.map string |> String.concat ", "
                  let excluded = [ 1..2..count ] |> List.map (sprintf "{ seed: %d }") |> String.concat ", "
                  let text = minimal + $"sweep: {{ seed: [{numbers}], exclude: [{excluded}] }}"
                  let before = GC.GetAllocatedBytesForCurrentThread()
                  Expect.hasLength (runs text []) (count / 2) "runs"
                  GC.GetAllocatedBytesForCurrentThread() - before

              allocated 20 |> ignore
              Expect.isLessThan (allocated 800) (6L * allocated 200) "four times as many"

          testCase "an exclusion can name what runs cannot be"
          <| fun () ->
              let sweep = "sweep: { data.dataset: [digits, mnist], model: [cnn, mlp]"

              let fitting =
                  minimal.Replace("softmax", "mlp") + sweep + ", exclude: { data.dataset: digits, model: cnn } }"

              Expect.isNonEmpty (errors (minimal + sweep + " }") []) "the network does not fit the images"
              Expect.hasLength (runs fitting []) 3 "runs"

          testCase "the name of a component stands for all of its parameters, and parameters for themselves"
          <| fun () ->
              let left exclusion =
                  let text =
                      minimal
                      + "sweep: { rule: [average, ubar, { ubar: 0.3 }, { ubar: { rho: 0.3, alpha: 0.1 } }], exclude: "
                      + exclusion
                      + " }"

                  (runs text []).Length

              Expect.equal (left "{ rule: ubar }") 1 "by name"
              Expect.equal (left "{ rule: { ubar: 0.3 } }") 3 "the shorthand is all that is meant"
              Expect.equal (left "{ rule: { ubar: { rho: 0.3 } } }") 2 "one parameter"
              Expect.equal (left "{ rule.ubar.rho: 0.3 }") 2 "the same by its path"
              Expect.equal (left "{ rule.ubar.alpha: 0.5 }") 2 "a default counts"
              Expect.equal (left "{ rule: [average, ubar], seed: 2 }") 4 "all conditions must be met" ]

let private variants =
    testList
        "variants"
        [ testCase "each sets its own values, and its name tells the runs apart"
          <| fun () ->
              let text =
                  minimal
                  + """sweep:
  variants:
    plain:
    lied-to: { attack: bit-flip, network.byzantine: 0.3 }
  rule: [average, ubar]
"""

              let described = runs text [] |> List.map (fun run -> run.Swept, run.Network.ByzantineRatio)

              Expect.equal
                  described
                  [ [ "variant", "plain"; "rule", "average" ], 0.0
                    [ "variant", "plain"; "rule", "ubar" ], 0.0
                    [ "variant", "lied-to"; "rule", "average" ], 0.3
                    [ "variant", "lied-to"; "rule", "ubar" ], 0.3 ]
                  "runs"

          testCase "a value that only some of them set is the scenario's in the others"
          <| fun () ->
              let text = minimal + "sweep: { variants: { plain: , long: { training.epochs: 9 } } }"

              Expect.equal
                  (runs text [] |> List.map (fun run -> string run.Training.Length))
                  [ "3 epochs"; "9 epochs" ]
                  ""

          testCase "they can be excluded by name"
          <| fun () ->
              let text =
                  minimal
                  + "sweep: { variants: { a: , b: { seed: 2 } }, rule: [average, ubar], exclude: { variant: b, rule: ubar } }"

              Expect.hasLength (runs text []) 3 "runs"

          testCase "--set replaces what they set"
          <| fun () ->
              let text = minimal + "sweep: { variants: { a: { seed: 2 }, b: { seed: 3, rule: average } } }"
              Expect.equal (runs text [ "seed", "9" ] |> List.map _.Seed) [ 9L; 9L ] "seeds" ]

let private seeds =
    testList
        "seeds"
        [ testCase "listed seeds are those of the runs, innermost"
          <| fun () ->
              let text = minimal + "seeds: [5, 1, 9]\nsweep: { rule: [average, ubar] }\n"
              let found = runs text [] |> List.map (fun run -> run.Rule.Name, run.Seed)

              Expect.equal
                  found
                  [ for rule in [ "average"; "ubar" ] do
                        for seed in [ 5L; 1L; 9L ] -> rule, seed ]
                  "runs"

          testCase "--set replaces a number of seeds by a list, and a list by a number"
          <| fun () ->
              let seeds text overrides = runs text overrides |> List.map _.Seed
              Expect.equal (seeds (minimal + "repeat: 3\n") [ "seeds", "[4, 2]" ]) [ 4L; 2L ] "a list"
              Expect.equal (seeds (minimal + "seeds: [4, 2]\n") [ "repeat", "3" ]) [ 1L; 2L; 3L ] "a number" ]

[<Tests>]
let tests = testList "plans" [ zips; variants; seeds ]
