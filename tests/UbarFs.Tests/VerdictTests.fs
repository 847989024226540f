/// Baselines and verdicts of studies: what is compared with what, what is said of it, and what is not.
module UbarFs.Tests.VerdictTests

open System.IO
open Expecto
open FsCheck.FSharp
open Spectre.Console
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Testing.Generators

/// A complete run at some settings.
let private at (settings: (string * string) list) rule attack seed worst : StudyRun =
    let run = Studies.run rule attack seed worst
    let code = String.concat "/" (List.map snd settings)

    { run with
        StudyRun.Identity =
            { run.Identity with
                Id = $"{run.Identity.Id}-{code}"
                RuleName = (rule.Split " (")[0]
                TestImages = Some 359
                TestSize = Some 359 }
        StudyRun.Settings = settings @ run.Settings
        StudyRun.Resolved = List.fold (fun resolved (path, value) -> Map.add path value resolved) run.Resolved settings }

let private study runs = { Studies.usual with Study.Runs = runs }

let private judged (study: Study) = Summary.groups study |> Judgement.ofGroups

let private judgement rule attack (judged: Judged list) =
    (judged |> List.find (fun one -> one.Group.Rule = rule && one.Group.Attack = attack)).Judgement

let private seeded settings rule attack accuracies =
    accuracies |> List.mapi (fun seed worst -> at settings rule attack (int64 seed) (worst / 100.0))

// The gallery at 30 % Byzantine nodes under bit-flip, seeds 0 to 9.
let private averageAbsent = [ 86.6; 87.7; 81.1; 77.7; 82.7; 86.4; 76.6; 83.3; 85.8; 84.7 ]
let private dbulyanFlipped = [ 5.8; 28.1; 58.8; 7.8; 81.6; 75.2; 14.5; 81.3; 7.8; 5.8 ]
let private ubarFlipped = [ 87.2; 81.3; 83.8; 79.9; 84.4; 83.6; 85.2; 86.4; 84.7; 87.5 ]
let private averageFlipped = List.replicate 10 5.8

let private gallery count =
    [ "average", "absent", averageAbsent
      "average", "bit-flip", averageFlipped
      "dbulyan", "bit-flip", dbulyanFlipped
      "ubar", "bit-flip", ubarFlipped ]
    |> List.collect (fun (rule, attack, accuracies) -> seeded [] rule attack (List.truncate count accuracies))
    |> study
    |> judged

let private word rule attack judged = VerdictText.word (judgement rule attack judged)

let private examples =
    [ testCase "ten seeds of the gallery: averaging is destroyed, UBAR as good, and DBulyan undecided"
      <| fun () ->
          let judged = gallery 10
          Expect.equal (word "average" "absent" judged) "baseline" "the baseline"
          Expect.equal (word "average" "bit-flip" judged) "destroyed" "averaging"
          Expect.equal (word "ubar" "bit-flip" judged) "as good" "UBAR"
          let dbulyan = judgement "dbulyan" "bit-flip" judged
          Expect.equal (VerdictText.short dbulyan) "◐✕ undecided" "DBulyan"

          match dbulyan with
          | Judgement.Compared(_, comparison, _) ->
              Expect.equal (VerdictText.destroyed comparison) "6 of 10" "how many are destroyed"
              Expect.equal (VerdictText.difference comparison) "−60.8 [−78.9, −2.0]" "second lowest to second highest"
          | other -> failtest $"{other}"

      testCase "two seeds decide nothing, whichever they are"
      <| fun () ->
          for first in 0..8 do
              for second in first + 1 .. 9 do
                  let pick values = [ List.item first values; List.item second values ]

                  let judged =
                      seeded [] "average" "absent" (pick averageAbsent)
                      @ seeded [] "dbulyan" "bit-flip" (pick dbulyanFlipped)
                      |> study
                      |> judged

                  let short = VerdictText.short (judgement "dbulyan" "bit-flip" judged)
                  Expect.stringContains short "2 seeds" $"seeds {first} and {second}"

      testCase "one seed gets a mark that says so"
      <| fun () ->
          let judged = gallery 1
          Expect.equal (VerdictText.short (judgement "average" "bit-flip" judged)) "(✕) 1 seed" "averaging"
          Expect.equal (VerdictText.short (judgement "ubar" "bit-flip" judged)) "(●) 1 seed" "UBAR"

      testCase "a variant is not compared with a baseline of other settings, and the page says what to add"
      <| fun () ->
          let quarter, more = [ "network.byzantine", "0.25" ], [ "network.byzantine", "0.4" ]

          let runs =
              seeded quarter "average" "absent" [ 88.0; 88.1; 87.9; 88.0; 88.0 ]
              @ seeded more "ubar" "bit-flip" [ 79.1; 79.1; 79.0; 79.2; 79.1 ]

          let alone = judged (study runs)

          Expect.equal
              (judgement "ubar" "bit-flip" alone)
              (Judgement.NotCompared NoBaseline.NothingAttackFree)
              "88.0 is another network's"

          let note = VerdictNotes.withoutBaseline alone |> List.exactlyOne
          Expect.stringContains note "byzantine 0.4" "where"
          Expect.stringContains note "'sweep: { attack: [absent, bit-flip], rule: [average, ubar] }'" "what to write"
          let own = seeded more "average" "absent" [ 79.1; 79.0; 79.1; 79.1; 79.2 ]
          Expect.equal (word "ubar" "bit-flip" (judged (study (runs @ own)))) "as good" "its own baseline is 79.1"

      testCase "without an attack-free run there is no mark, also not for the best rule"
      <| fun () ->
          let judged =
              seeded [] "ubar" "bit-flip" [ 62.4; 80.0; 44.1; 62.0; 63.0 ]
              @ seeded [] "average" "bit-flip" [ 51.4; 51.0; 52.0; 51.1; 51.0 ]
              |> study
              |> judged

          for one in judged do
              Expect.equal (VerdictText.short one.Judgement) "no baseline" one.Group.Rule

          Expect.isEmpty (VerdictNotes.definition judged) "nothing to explain"

      testCase "an ablation is compared with the rule that was named, not with the best of many"
      <| fun () ->
          let rules = [ for tenths in 1..9 -> $"ubar (rho: 0.{tenths})" ] @ [ "ubar" ]

          let runs =
              rules
              |> List.mapi (fun index rule ->
                  seeded [] rule "none" [ for seed in 0..4 -> 80.0 + float ((3 * index + seed) % 7) ])
              |> List.concat

          for one in judged (study runs) do
              match one.Judgement with
              | Judgement.NotCompared(NoBaseline.OtherRules others) -> Expect.hasLength others 10 "all of them"
              | other -> failtest $"averaging was not run: {other}"

          let named = judged { study runs with Study.Baselines = [ "ubar" ] }
          Expect.equal (word "ubar" "none" named) "baseline" "the label"
          Expect.notEqual (word "ubar (rho: 0.1)" "none" named) "no baseline" "the others are compared with it"

          let both = judged { study runs with Study.Baselines = [ "ubar"; "ubar (rho: 0.1)" ] }

          match judgement "ubar" "none" both with
          | Judgement.NotCompared(NoBaseline.Several rules) -> Expect.hasLength rules 2 "merged studies that disagree"
          | other -> failtest $"{other}"

      testCase "a baseline within five points of guessing has learned too little"
      <| fun () ->
          let judged =
              seeded [] "average" "absent" [ 88.0; 14.0; 88.0; 88.0; 88.0 ]
              @ seeded [] "ubar" "bit-flip" [ 88.0; 88.0; 88.0; 88.0; 88.0 ]
              |> study
              |> judged

          Expect.equal
              (judgement "ubar" "bit-flip" judged)
              (Judgement.NotCompared(NoBaseline.LearnedTooLittle [ 1L ]))
              "seed 1"

      testCase "seeds that one side lacks are not paired, and what is missing is listed with its reason"
      <| fun () ->
          let failed (run: StudyRun) =
              if run.Identity.Seed = 3L then
                  { run with
                      StudyRun.Outcome =
                          { run.Outcome with
                              Status = Status.Failed
                              Reason = Some "out of memory"
                              Worst = None } }
              else
                  run

          let judged =
              seeded [] "average" "absent" (List.truncate 9 averageAbsent)
              @ (seeded [] "ubar" "bit-flip" ubarFlipped |> List.map failed)
              |> study
              |> judged

          match judgement "ubar" "bit-flip" judged with
          | Judgement.Compared(_, comparison, _) ->
              Expect.equal (comparison.Pairs |> List.map _.Seed) [ 0L; 1L; 2L; 4L; 5L; 6L; 7L; 8L ] "paired"
          | other -> failtest $"{other}"

          let ubar = judged |> List.find (fun one -> one.Group.Rule = "ubar")
          Expect.equal (VerdictText.seeds ubar) "8 of 10" "n"

          Expect.equal
              (VerdictNotes.leftOut judged)
              [ "Without a result: bit-flip, ubar, seed 3: failed: out of memory"
                "Not compared: bit-flip, ubar, seed 9: the baseline lacks them" ]
              "left out" ]

let private runs =
    gen {
        let! ratios = Gen.subListOf [ "0.1"; "0.3" ] |> Gen.filter (List.isEmpty >> not)
        let! attacks = Gen.subListOf [ "absent"; "none"; "bit-flip"; "mhamdi" ]
        let! rules = Gen.subListOf [ "average"; "ubar"; "ubar (rho: 0.3)"; "dkrum" ]

        let all =
            [ for ratio in ratios do
                  for attack in attacks do
                      for rule in rules -> ratio, attack, rule ]

        let! kept = Gen.subListOf all
        let! seeds = Gen.listOfLength kept.Length (Gen.subListOf [ 0L .. 6L ])
        let! worst = Gen.listOfLength (7 * kept.Length) (Gen.choose (0, 100))
        let! baseline = Gen.elements [ "average"; "ubar"; "dkrum"; "ubar (rho: 0.3)" ]

        let runs =
            List.zip kept seeds
            |> List.mapi (fun index ((ratio, attack, rule), seeds) ->
                seeds
                |> List.map (fun seed ->
                    let accuracy = List.item (7 * index + int seed) worst
                    at [ "network.byzantine", ratio ] rule attack seed (float accuracy / 100.0)))
            |> List.concat

        return baseline, { study runs with Study.Baselines = [ baseline ] }
    }

let private baselines =
    [ testProperty "what is compared agrees with its baseline in all but rule and attack, and nobody lies there"
      <| forAll runs (fun (name, study) ->
          judged study
          |> List.forall (fun one ->
              match one.Judgement with
              | Judgement.Compared(baseline, comparison, _) ->
                  Baseline.settings baseline = Baseline.settings one.Group
                  && baseline.IsAttackFree
                  && baseline.Rule.StartsWith name
                  && comparison.Seeds <= min one.Group.Complete baseline.Complete
              | _ -> true))

      testProperty "no result has a say in what the baseline is"
      <| forAll runs (fun (_, study) ->
          let found (study: Study) =
              let groups = Summary.groups study
              let baselineOf = Baseline.among groups

              groups
              |> List.map (fun group -> baselineOf group |> Result.map (fun found -> found.Rule, found.Attack))

          let turned (run: StudyRun) =
              { run with
                  StudyRun.Outcome.Worst = run.Outcome.Worst |> Option.map (fun worst -> 1.0 - worst) }

          found study = found { study with Runs = List.map turned study.Runs })

      testProperty "the order of the runs changes no verdict"
      <| forAll runs (fun (_, study) ->
          let verdicts (study: Study) =
              judged study
              |> List.map (fun one ->
                  (one.Group.Settings, one.Group.Rule, one.Group.Attack), VerdictText.short one.Judgement)
              |> List.sort

          verdicts study = verdicts { study with Runs = List.rev study.Runs }) ]

let private withoutResult =
    testCase "runs that failed are no pending ones"
    <| fun () ->
        let judged = Studies.usual |> Studies.failing "ubar" |> judged
        Expect.equal (word "ubar" "bit-flip" judged) "failed" "in tables"
        let page = Studies.usual |> Studies.failing "ubar" |> Page.create
        Expect.stringContains page "1 failed" "in the page's tally"
        Expect.isFalse (page.Contains "pending") "and nothing is pending"

let private digits =
    [ testProperty "a share kept is printed on the side of each limit on which it lies"
      <| forAll (Gen.zip (Gen.elements [ 0.25; 0.95 ]) (Gen.choose (-2_000_000, 2_000_000))) (fun (limit, offset) ->
          let value = limit + float offset / 1e8
          let printed = float (VerdictText.share value) / 100.0
          [ 0.25; 0.95 ] |> List.forall (fun limit -> (value >= limit) = (printed >= limit - 1e-15)))

      testCase "one digit where one is enough"
      <| fun () ->
          let shown = [ 1.084; 0.946; 0.9496; 0.95; 0.2496; -0.004 ] |> List.map VerdictText.share
          Expect.equal shown [ "108"; "94.6"; "94.96"; "95"; "24.96"; "0" ] "as many digits as it takes" ]

let private printed width study =
    use writer = new StringWriter()

    let console =
        AnsiConsole.Create(AnsiConsoleSettings(Ansi = AnsiSupport.No, Out = AnsiConsoleOutput writer))

    console.Profile.Width <- width
    console.Write(ResultsTable.create width study)
    writer.ToString().Split '\n' |> Array.map _.TrimEnd()

let private galleryStudy =
    [ "average", "absent", averageAbsent
      "dbulyan", "bit-flip", dbulyanFlipped
      "ubar", "bit-flip", ubarFlipped ]
    |> List.collect (fun (rule, attack, accuracies) -> seeded [] rule attack accuracies)
    |> study

let private tables =
    [ withoutResult
      yield! digits

      testCase "the terminal's table has what fits, and always the number of seeds and the verdict"
      <| fun () ->
          for width in [ 60; 80; 120; 200 ] do
              let lines = printed width galleryStudy
              let widest = lines |> Array.map _.Length |> Array.max
              Expect.isLessThanOrEqual widest width $"{width} columns"
              let ubar = lines |> Array.find _.Contains("ubar")
              Expect.stringContains ubar " 10 │" "seeds"
              Expect.stringContains ubar "● as good" "verdict"

          Expect.stringContains (String.concat "" (printed 120 galleryStudy)) "difference" "with room"
          Expect.isFalse ((String.concat "" (printed 80 galleryStudy)).Contains "difference") "without"

      testProperty "no line is longer than the terminal, whatever is swept, and nothing leaves without a word"
      <| forAll
          (Gen.zip
              (Gen.choose (0, 12))
              (Gen.elements
                  [ "0.1"
                    "own"
                    "dirichlet (alpha: 0.25)"
                    "a-long-word-that-cannot-break"
                    "字字字" ]))
          (fun (paths, value) ->
              let varied (run: StudyRun) =
                  let settings =
                      [ for path in 1..paths -> $"training.setting-{path}", $"{value} {run.Identity.Seed % 2L}" ]

                  { run with StudyRun.Settings = settings @ run.Settings }

              let study = { galleryStudy with Runs = galleryStudy.Runs |> List.map varied }

              List.forall
                  (fun width ->
                      let lines = printed width study
                      let text = String.concat "\n" lines
                      let left = ResultsTable.leftOut width study

                      (lines |> Array.forall (fun line -> StringExtensions.GetCellWidth line <= width))
                      && text.Contains "● as good"
                      && List.contains "curve" left = not (text.Contains "curve"))
                  [ 60; 80; 120 ])

      testCase "every row of a table has a cell for each heading, and pairs recompute the verdict"
      <| fun () ->
          let judged = judged galleryStudy

          for headings, rows in [ VerdictTable.text judged; VerdictTable.csv judged; FigureData.pairs judged ] do
              for row in rows do
                  Expect.hasLength row headings.Length "cells"

          let headings, rows = FigureData.pairs judged
          let column name = List.findIndex ((=) name) headings
          let number name row = float (List.item (column name) row)

          let ubar =
              rows
              |> List.filter (fun row -> List.item (column "rule") row = "ubar")
              |> List.map (fun row ->
                  (number "worst_accuracy" row - number "chance" row) / (number "baseline" row - number "chance" row))
              |> Interval.ofValues

          match judgement "ubar" "bit-flip" judged with
          | Judgement.Compared(_, comparison, _) ->
              Expect.floatClose Accuracy.high comparison.Kept.Middle ubar.Middle "the median"
              Expect.isLessThanOrEqual comparison.Kept.Low ubar.Low "the images' error only widens it"
          | other -> failtest $"{other}"

      testCase "figures stay to the right in papers where a rule has no baseline to differ from"
      <| fun () ->
          let headings, rows = VerdictTable.text (judged galleryStudy)
          let table = { Caption = []; Headings = headings; Rows = rows }
          let latex = TableText.latex table
          Expect.stringContains latex @"\begin{tabular}{llrrrrrrl}" "the columns"
          Expect.stringContains (TableText.markdown table) "worst accuracy, %, mean ± s.d." "units" ]

[<Tests>]
let tests =
    testList
        "verdicts"
        [ testList "examples" examples
          testList "baselines" baselines
          testList "tables" tables ]
