/// The search for the Byzantine ratios at which rules fall.
module UbarFs.Tests.BreakingTests

open System.IO
open Expecto
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Report
open UbarFs.Tests.CommandProcess

/// How a rule does in truth: from which places on each attack degrades and destroys it, which is never beyond the last.
type private Truth = { Places: int; Attacks: (string * int * int) list }

let private truths =
    gen {
        let! places = Gen.choose (1, 12)
        let! count = Gen.choose (1, 5)

        let! thresholds =
            Gen.two (Gen.choose (1, places + 1))
            |> Gen.map (fun (one, other) -> min one other, max one other)
            |> Gen.listOfLength count

        return
            { Places = places
              Attacks =
                thresholds |> List.mapi (fun index (degraded, destroyed) -> $"attack-{index}", degraded, destroyed) }
    }
    |> Arb.fromGen

let private seeds = [ 1L .. 5L ]

let private question (truth: Truth) : BreakingQuestion =
    { Attacks = truth.Attacks |> List.map (fun (name, _, _) -> name)
      Places = truth.Places
      Seeds = seeds
      Chance = 0.1
      Sample = None }

/// The share kept that the truth has at a place; seeds differ by less than any limit.
let private keptIn (truth: Truth) (probe: Probe) =
    let _, degraded, destroyed = truth.Attacks |> List.find (fun (name, _, _) -> name = probe.Attack)
    let noise = 0.001 * float probe.Seed

    if probe.Place = 0 || probe.Place < degraded then
        1.0 - noise
    elif probe.Place < destroyed then
        0.6 - noise
    else
        0.1 - noise

let private measured (kept: Probe -> float) (probe: Probe) =
    Answer.Measured { Seed = probe.Seed; Accuracy = 0.1 + 0.8 * kept probe; Baseline = 0.9 }

/// Searches to the end, doing each run once: the finding, and the runs.
let private searched answer question =
    let rec go (known: Set<Probe>) rounds =
        let ask probe =
            if known.Contains probe then
                answer probe
            else
                Answer.Unknown

        match BreakingPoint.find ask question "rule" with
        | Search.Found finding -> finding, known
        | Search.Needs probes ->
            Expect.isNonEmpty probes "something is needed"
            Expect.isEmpty (probes |> List.filter known.Contains) "nothing is asked for twice"
            Expect.isLessThan rounds 200 "the search ends"
            go (known + Set.ofList probes) (rounds + 1)

    go Set.empty 0

let private placesOf (threshold: Threshold) =
    threshold.Holds |> Option.map _.Place, threshold.Falls |> Option.map _.Place

let private expected first places = Some(first - 1), (if first > places then None else Some first)

let private property name (law: 'value -> unit) arbitrary = testProperty name (Prop.forAll arbitrary law)

let private exact =
    truths
    |> property "finds the first place at which any attack degrades and destroys, and an attack that does" (fun truth ->
        let degraded = truth.Attacks |> List.map (fun (_, degraded, _) -> degraded) |> List.min
        let destroyed = truth.Attacks |> List.map (fun (_, _, destroyed) -> destroyed) |> List.min

        match searched (measured (keptIn truth)) (question truth) with
        | Finding.Points(first, second), _ ->
            Expect.equal (placesOf first) (expected degraded truth.Places) "degraded"
            Expect.equal (snd (placesOf second)) (snd (expected destroyed truth.Places)) "destroyed"

            match first.Falls with
            | Some fallen ->
                let _, from, _ = truth.Attacks |> List.find (fun (name, _, _) -> name = fallen.Attack)
                Expect.equal from degraded "by an attack that degrades it there"
                Expect.equal fallen.Comparison.Seeds seeds.Length "with all seeds"
            | None -> ()
        | other, _ -> failtest $"{other}")

let private few =
    truths
    |> property "asks for fewer runs than all places, attacks and seeds have, from some size on" (fun truth ->
        let _, runs = searched (measured (keptIn truth)) (question truth)
        let steps = 1 + int (ceil (log (float (truth.Places + 2)) / log 2.0))
        let attacks = truth.Attacks.Length
        // Two bisections with one seed, and four places with all seeds under what halving leaves.
        let most = 2 * steps * attacks + 4 * (3 * attacks + seeds.Length)
        Expect.isLessThanOrEqual runs.Count most "bisection and halving")

/// A rule whose seeds disagree between two places.
let private noisy =
    gen {
        let! places = Gen.choose (3, 10)
        let! first = Gen.choose (1, places - 1)
        let! last = Gen.choose (first, places)
        let! salt = Gen.choose (0, 1000)
        return places, first, last, salt
    }
    |> Arb.fromGen
    |> property
        "where seeds disagree nothing is decided: what holds and what falls is so for all of them"
        (fun parameters ->
            let places, first, last, salt = parameters
            let truth = { Places = places; Attacks = [ "attack", first, places + 1 ] }

            let kept (probe: Probe) =
                if probe.Place < first then
                    1.0
                elif probe.Place > last then
                    0.5
                else
                    (if (int probe.Seed + probe.Place + salt) % 2 = 0 then
                         1.0
                     else
                         0.5)

            match searched (measured kept) (question truth) with
            | Finding.Points(degraded, _), _ ->
                let isDecided standing (confirmed: Confirmed) = confirmed.Verdict = Verdict.Decided standing
                Expect.isTrue (degraded.Holds |> Option.forall (isDecided Standing.AsGood)) "what holds"
                Expect.isTrue (degraded.Falls |> Option.forall (isDecided Standing.Degraded)) "what falls"

                Expect.equal
                    (placesOf degraded)
                    (Some(first - 1), (if last < places then Some(last + 1) else None))
                    "where"

                Expect.equal (degraded.Open |> List.map _.Place) [ first..last ] "the places that stay open"

                Expect.all
                    degraded.Open
                    (fun confirmed -> confirmed.Verdict.Possible.Length > 1)
                    "because more than one verdict is possible there"
            | other, _ -> failtest $"{other}")

let private nothing =
    testList
        "without results"
        [ testCase "a rule whose runs fail says why"
          <| fun () ->
              let truth = { Places = 4; Attacks = [ "attack", 2, 3 ] }
              let finding, _ = searched (fun _ -> Answer.Without "no luck") (question truth)
              Expect.equal finding (Finding.NoResult "no luck") "why"

          testCase "an attack that cannot run leaves the others to decide"
          <| fun () ->
              let truth = { Places = 4; Attacks = [ "fine", 2, 3; "broken", 1, 1 ] }

              let answer (probe: Probe) =
                  if probe.Attack = "broken" && probe.Place > 0 then
                      Answer.Without "no luck"
                  else
                      measured (keptIn truth) probe

              match searched answer (question truth) with
              | Finding.Points(degraded, destroyed), _ ->
                  Expect.equal (placesOf degraded) (Some 1, Some 2) "degraded"
                  Expect.equal (placesOf destroyed |> snd) (Some 3) "destroyed"
              | other, _ -> failtest $"{other}" ]

// ---- The command

let private scenario =
    """name: small
data: { dataset: digits }
model: softmax
network: { topology: complete, benign: 6 }
training: { batch: 32, iterations: 30, rate: 0.5 }
attack: bit-flip
measure: { every: 30 iterations }
repeat: 5
sweep: { rule: [average, { dmedian: { alpha: 0.5 }, label: Median }] }
"""

let private files = [ "small.yaml", scenario ]

let private lines (text: string) = text.Split '\n' |> Array.map _.Trim()

let private row (output: string) (rule: string) =
    lines output |> Array.tryFind (fun line -> line.StartsWith $"│ {rule}") |> Option.defaultValue ""

let private command =
    testList
        "ubarfs break"
        [ testCase "finds that averaging falls to one liar, writes what shows it, and goes on from a spent budget"
          <| fun () ->
              inFolderWith files (fun folder ->
                  let options = [ "break"; "small.yaml"; "--ratios"; "10%,30%,60%"; "--quiet" ]
                  let cut = ubarfs folder (options @ [ "--budget"; "4" ])
                  Expect.equal cut.Code 1 cut.Errors
                  Expect.stringContains cut.Errors "the budget is spent" "why"
                  Expect.stringContains cut.Output "not found yet" "what is open"
                  Expect.stringContains cut.Output "runs left at" "and where runs are left"

                  let outcome = ubarfs folder options
                  Expect.equal outcome.Code 0 (outcome.Errors + outcome.Output)
                  Expect.stringContains (row outcome.Output "average") "14 % (1 of 7), bit-flip" outcome.Output
                  Expect.stringContains (row outcome.Output "Median") "14 % (1 of 7)" outcome.Output

                  let again = ubarfs folder options
                  Expect.equal again.Output outcome.Output "twice the same"

                  let store = Path.Combine(folder, "runs", "small-break")

                  for file in [ "csv"; "md"; "tex"; "svg" ] do
                      Expect.isTrue (File.Exists(Path.Combine(store, $"breaking-points.{file}"))) file

                  let shown = Path.Combine(store, "scenarios", "average-degraded.yaml")
                  let run = ubarfs folder [ shown; "--quiet" ]
                  Expect.equal run.Code 0 run.Errors
                  Expect.stringContains run.Output "bit-flip" run.Output
                  Expect.isMatch run.Output "(degraded|destroyed)" run.Output)

          testCase "a rule that fails is no success: its reason is told, and the others are searched"
          <| fun () ->
              let failing = "let rule = Rule.aggregating 0.5 (fun (view: View) -> failwith \"no luck\" : Aggregate)\n"

              let written = scenario.Replace("[average,", "[{ script: failing.fsx }, average,")

              inFolderWith [ "small.yaml", written; "failing.fsx", failing ] (fun folder ->
                  let options = [ "break"; "small.yaml"; "--ratios"; "30%"; "--quiet" ]
                  let outcome = ubarfs folder options
                  Expect.equal outcome.Code 1 outcome.Errors
                  Expect.stringContains outcome.Errors "no luck" "why"
                  Expect.stringContains (row outcome.Output "failing.fsx") "no result" outcome.Output
                  Expect.stringContains (row outcome.Output "average") "bit-flip" outcome.Output)

          testCase "JSON says the same"
          <| fun () ->
              inFolderWith files (fun folder ->
                  let options = [ "break"; "small.yaml"; "--ratios"; "30%"; "--quiet"; "--json" ]
                  let outcome = ubarfs folder options
                  Expect.equal outcome.Code 0 outcome.Errors
                  use json = System.Text.Json.JsonDocument.Parse outcome.Output
                  let rule = json.RootElement.GetProperty("rules")[0]
                  Expect.equal (rule.GetProperty("rule").GetString()) "average" "the rule"
                  let from = rule.GetProperty "degraded_from"
                  Expect.equal (from.GetProperty("attack").GetString()) "bit-flip" "the attack"
                  Expect.floatClose Accuracy.high (from.GetProperty("ratio").GetDouble()) (3.0 / 9.0) "the ratio") ]

let private refused =
    let change (before: string) (after: string) = scenario.Replace(before, after)

    [ "a sweep of something else", change "sweep: {" "sweep: { training.rate: [0.1, 0.5],", [], "sweeps 'training.rate'"
      "no attack", change "attack: bit-flip\n" "", [], "no attack to search with"
      "a ratio of 2", scenario, [ "--ratios"; "2" ], "--ratios has '2'"
      "no ratios", scenario, [ "--ratios"; "," ], "--ratios is empty"
      "a budget in apples", scenario, [ "--budget"; "3apples" ], "--budget is '3apples'"
      "few listed seeds", change "repeat: 5" "seeds: [3, 8]", [], "lists 2 seeds" ]
    |> List.map (fun (name, text, options, reason) ->
        testCase $"{name} is refused"
        <| fun () ->
            inFolderWith [ "small.yaml", text ] (fun folder ->
                let outcome = ubarfs folder ("break" :: "small.yaml" :: options)
                Expect.equal outcome.Code 2 outcome.Errors
                Expect.stringContains outcome.Errors reason "why"
                Expect.isFalse (Directory.Exists(Path.Combine(folder, "runs"))) "nothing is left"))

[<Tests>]
let tests =
    testList "breaking points" [ exact; few; noisy; nothing; command; testList "errors" refused ]
