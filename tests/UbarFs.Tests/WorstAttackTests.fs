/// Laws of the worst over attacks: which attack is the hardest, over what, and what is marked rather than filled in.
module UbarFs.Tests.WorstAttackTests

open System.IO
open System.Text.Json.Nodes
open Expecto
open FsCheck.FSharp
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Testing.Generators

let private ofRuns runs = Summary.groups { Studies.usual with Runs = runs }

let private panels (study: Study) =
    let groups = Summary.groups study
    WorstAttack.panels groups groups

let private panelOf runs =
    let groups = ofRuns runs
    WorstAttack.panels groups groups |> List.exactlyOne

let private cell (panel: WorstPanel) rule column =
    match panel.TryCell(rule, column) with
    | Some cell -> cell
    | None -> failtest $"no cell for {rule} at {column}"

let private hardest (cell: WorstCell) = cell.Hardest |> Option.defaultWith (fun () -> failtest "no result")

let private baseline = Studies.at "10%" "average" "absent" [ 0.9; 0.9; 0.9 ]
let private gaussian accuracies = Studies.at "10%" "ubar" "gaussian" accuracies
let private flip accuracies = Studies.at "10%" "ubar" "bit-flip" accuracies
let private only runs = cell (panelOf runs) "ubar" ""

let private inState status (run: StudyRun) =
    { run with StudyRun.Outcome.Status = status; StudyRun.Outcome.Worst = None }

let private picked =
    [ testCase "every cell has its own hardest attack, by the median share kept and not by the mean"
      <| fun () ->
          let panel = panels Studies.attacked |> List.exactlyOne
          Expect.equal panel.Path (Some "network.byzantine") "against the ratio"
          Expect.equal panel.Across "Byzantine ratio" "in words"
          Expect.equal panel.Rules [ "average"; "ubar" ] "a row for each rule"
          Expect.equal (panel.Columns |> List.map fst) [ "10%"; "30%" ] "a column for each ratio"

          for rule, ratio, attack, accuracy, kept in
              [ "average", "10%", "alie (z: 1)", 0.3, 0.25
                "average", "30%", "gaussian", 0.1, 0.0
                "ubar", "10%", "bit-flip", 0.8, 0.875
                "ubar", "30%", "bit-flip", 0.6, 0.5 ] do
              let cell = cell panel rule ratio
              let found = hardest cell
              Expect.equal found.Attack attack $"{rule} at {ratio}"
              Expect.floatClose Accuracy.high found.Accuracy accuracy "the mean over the seeds"
              Expect.floatClose Accuracy.high found.Kept.Value kept "the median share kept"
              Expect.equal (cell.Seeds, cell.Compared) ([ 1L; 2L; 3L ], 3) "all seeds, all attacks"
              Expect.isEmpty cell.Remarks "whole"

      testCase "attacks that are equally hard are told, and the name decides which is shown"
      <| fun () ->
          let tie = cell (panels Studies.attacked |> List.exactlyOne) "ubar" "10%"
          Expect.equal (hardest tie).AsHard [ "gaussian" ] "the other one"
          let panel = panels Studies.attacked |> List.exactlyOne
          Expect.equal (WorstTable.attack panel tie) "bit-flip (+1)" "in the cell"
          Expect.stringContains (WorstTable.full panel tie) "as hard: gaussian" "in full"

      testCase "short names stay apart, and the whole name is told"
      <| fun () ->
          let panel = panels Studies.attacked |> List.exactlyOne
          let alie = cell panel "average" "10%"
          Expect.equal (WorstTable.attack panel alie) "alie" "short"
          Expect.stringContains (WorstTable.full panel alie) "under alie (z: 1)" "in full"
          let both = { panel with Attacks = "alie (z: 2)" :: panel.Attacks }
          Expect.equal (WorstTable.attack both alie) "alie (z: 1)" "where there are two of them" ]

let private marked =
    [ testCase "runs that failed or wait are told, and what is left decides"
      <| fun () ->
          let left =
              only (baseline @ gaussian [ 0.8; 0.8; 0.8 ] @ List.map (inState Status.Failed) (flip [ 0.1; 0.1; 0.1 ]))

          Expect.equal (hardest left).Attack "gaussian" "the only result"
          Expect.equal left.Compared 1 "of one attack"
          Expect.equal left.Remarks [ "bit-flip: 3 of 3 runs failed" ] "marked"

          let waiting =
              flip [ 0.5; 0.5; 0.1 ]
              |> List.map (fun run ->
                  if run.Identity.Seed = 3L then
                      inState Status.Pending run
                  else
                      run)

          let half = only (baseline @ gaussian [ 0.8; 0.8; 0.8 ] @ waiting)
          Expect.equal (half.Seeds, (hardest half).Attack) ([ 1L; 2L ], "bit-flip") "over the common seeds"
          Expect.floatClose Accuracy.high (hardest half).Accuracy 0.5 "of which the mean is"
          Expect.equal half.Remarks [ "bit-flip: 1 of 3 runs pending" ] "marked"

      testCase "attacks with other seeds are compared over those in common, and marked"
      <| fun () ->
          let cell = only (baseline @ gaussian [ 0.8; 0.8; 0.1 ] @ flip [ 0.7; 0.7 ])

          Expect.equal
              (cell.Seeds, (hardest cell).Attack)
              ([ 1L; 2L ], "bit-flip")
              "gaussian's third seed does not count"

          Expect.equal cell.Remarks [ "the attacks were run with different seeds, 2 seeds in common" ] "marked"

          let apart =
              flip [ 0.7; 0.7; 0.7 ]
              |> List.map (fun run -> { run with StudyRun.Identity.Seed = run.Identity.Seed + 10L })

          let nothing = only (baseline @ gaussian [ 0.8; 0.8; 0.1 ] @ apart)
          Expect.isNone nothing.Hardest "no seed in common, no result"
          Expect.isNonEmpty nothing.Remarks "marked"

      testCase "an attack that others of the panel have and this cell has not is told"
      <| fun () ->
          let runs =
              Studies.attacked.Runs
              |> List.filter (fun run ->
                  not (run.Identity.Id.StartsWith "ubar-gaussian" && run.Identity.Id.EndsWith "30%"))

          let panel = panelOf runs
          let cell = cell panel "ubar" "30%"
          Expect.equal cell.Remarks [ "not run: gaussian" ] "marked"
          Expect.equal (WorstTable.attacks panel cell) "2 of 3 attacks" "and counted"

      testCase "without a baseline the accuracy decides, and nothing is coloured"
      <| fun () ->
          for others in [ []; Studies.at "10%" "average" "absent" [ 0.12; 0.12; 0.12 ] ] do
              let cell = only (others @ gaussian [ 0.8; 0.8; 0.8 ] @ flip [ 0.7; 0.7; 0.7 ])
              Expect.equal ((hardest cell).Attack, (hardest cell).Kept) ("bit-flip", None) "the lower one"
              Expect.hasLength cell.Remarks 1 "marked"

      testCase "a baseline with fewer seeds leaves fewer, and is told"
      <| fun () ->
          let cell = only (List.truncate 2 baseline @ gaussian [ 0.8; 0.8; 0.1 ] @ flip [ 0.7; 0.7; 0.7 ])
          Expect.equal (cell.Seeds, (hardest cell).Attack) ([ 1L; 2L ], "bit-flip") "those of the baseline"
          Expect.equal cell.Remarks [ "the baseline lacks 1 seed" ] "marked" ]

let private adding path value (run: StudyRun) =
    { run with
        StudyRun.Identity.Id = $"{run.Identity.Id}-{value}"
        StudyRun.Resolved = Map.add path value run.Resolved
        StudyRun.Settings = (path, value) :: run.Settings }

let private arranged =
    [ testCase "one attack is no choice: there is nothing to show"
      <| fun () ->
          Expect.isEmpty (panels Studies.usual) "bit-flip alone"
          Expect.isFalse ((Page.create Studies.usual).Contains "id=\"worst\"") "no section"

      testCase "what else was swept has panels of its own, and nothing is taken together"
      <| fun () ->
          let both =
              [ "0.1"; "0.4" ]
              |> List.collect (fun rate -> List.map (adding "training.rate" rate) Studies.attacked.Runs)

          let panels = panels { Studies.attacked with Runs = both }
          Expect.equal (panels |> List.map _.Title) [ "rate 0.1"; "rate 0.4" ] "a panel for each rate"

          for panel in panels do
              for cell in panel.Cells do
                  Expect.hasLength cell.Groups 3 "three attacks"
                  Expect.equal cell.Seeds [ 1L; 2L; 3L ] "three seeds"

      testCase "how data differs is a number where it is one, from small to large"
      <| fun () ->
          let partition alpha = List.map (adding "data.partition" $"{{ dirichlet: {{ alpha: {alpha} }} }}")
          let runs = gaussian [ 0.8 ] @ flip [ 0.7 ]
          let panel = [ "10"; "0.5" ] |> List.collect (fun alpha -> partition alpha runs) |> panelOf
          Expect.equal panel.Across "dirichlet alpha" "what it is"
          Expect.equal (panel.Columns |> List.map snd) [ "0.5"; "10" ] "in order" ]

let private accuracies =
    Gen.choose (0, 8) |> Gen.map (fun eighths -> float eighths / 8.0) |> Gen.listOfLength 3

let private someAttacks = Gen.listOfLength 4 accuracies

let private runsOf attacks =
    attacks
    |> List.mapi (fun index worst -> Studies.at "10%" "ubar" $"attack-{index}" worst)
    |> List.concat

let private laws =
    [ testProperty "the order of the attacks changes no cell"
      <| forAll (Gen.zip someAttacks (Gen.shuffle [ 0..3 ])) (fun (attacks, order) ->
          let runs = attacks |> List.mapi (fun index worst -> Studies.at "10%" "ubar" $"attack-{index}" worst)
          let one = only (baseline @ List.concat runs)
          let other = only (baseline @ List.collect (fun index -> runs[index]) (List.ofArray order))
          one.Hardest = other.Hardest && one.Remarks = other.Remarks && one.Seeds = other.Seeds)

      testProperty "another attack with the same seeds never raises the share kept"
      <| forAll (Gen.zip someAttacks accuracies) (fun (attacks, more) ->
          let kept attacks = (only (baseline @ runsOf attacks) |> hardest).Kept.Value
          kept (attacks @ [ more ]) <= kept attacks)

      testProperty "the share kept is the lowest of those that the verdicts tell"
      <| forAll someAttacks (fun attacks ->
          let groups = ofRuns (baseline @ runsOf attacks)

          let told =
              Judgement.ofGroups groups
              |> List.choose (fun judged ->
                  match judged.Judgement with
                  | Judgement.Compared(_, comparison, _) -> Some comparison.Kept.Middle
                  | _ -> None)

          (only (baseline @ runsOf attacks) |> hardest).Kept = Some(List.min told))

      testProperty "text can be read on the colour of every share"
      <| forAll (Gen.choose (-200, 1200)) (fun thousandths ->
          let colour = Palette.ofShare (float thousandths / 1000.0)
          let light = Palette.luminance colour

          let contrast =
              if Palette.textOn colour = "over-dark" then
                  1.05 / (light + 0.05)
              else
                  (light + 0.05) / 0.05

          // What WCAG 2.2 asks of small text.
          contrast >= 4.5)

      testCase "luminance is that of WCAG"
      <| fun () ->
          for colour, expected in [ "#000000", 0.0; "#ffffff", 1.0; "#ff0000", 0.2126; "#808080", 0.21586 ] do
              Expect.isLessThan (abs (Palette.luminance colour - expected)) 1e-5 colour ]

let private written test =
    TinyDataset.inFolder (fun folder ->
        Export.write folder FigureFormat.Svg FigureRequest.usual Studies.attacked
        |> Result.defaultWith failtest
        |> ignore

        test (fun extension -> File.ReadAllText(Path.Combine(folder, $"worst-over-attacks.{extension}"))))

let private files =
    [ testCase "the figure says accuracy, attack and numbers in every cell, and colours whole ones only"
      <| fun () ->
          written (fun text ->
              let svg: string = text "svg"

              for words in
                  [ ">30.0 %<"
                    ">alie<"
                    ">bit-flip (+1)<"
                    ">3 seeds, 3 attacks<"
                    ">share kept<" ] do
                  Expect.stringContains svg words "what a reader sees"

              Expect.stringContains svg $"fill=\"{Palette.ofShare 0.875}\"" "the colour of 87.5 %"
              Expect.isFalse (svg.Contains "class=\"unsure\"") "all are whole")

          let panel = panelOf (baseline @ gaussian [ 0.8; 0.8; 0.8 ] @ flip [ 0.7; 0.7 ])
          let svg = Figure.file "" (WorstFigure.draw 720.0 [ panel ])
          Expect.stringContains svg ">70.0 % *<" "marked"
          Expect.stringContains svg "class=\"unsure\"" "with a frame"
          let shares = [ 0..1000 ] |> List.map (fun share -> Palette.ofShare (float share / 1000.0))
          Expect.isFalse (shares |> List.exists (fun colour -> svg.Contains $"\"{colour}\"")) "and no colour at all"

      testCase "the tables have a column for each ratio, and say that the attack is picked by hindsight"
      <| fun () ->
          written (fun text ->
              let lines = (text "md": string).Split '\n'
              Expect.equal lines[0] "| rule | Byzantine ratio 10% | Byzantine ratio 30% |" "headings"
              Expect.equal lines[3] "| ubar | 80.0 bit-flip (+1) | 60.0 bit-flip |" "a row"

              for extension in [ "md"; "tex" ] do
                  for words in [ "by hindsight"; "in per cent"; "over 3 seeds"; "of 3 attacks" ] do
                      Expect.stringContains (text extension) words extension)

      testCase "the numbers behind the figure are those of its runs and their baselines"
      <| fun () ->
          written (fun text ->
              let rows = Csv.rows (text "csv")
              Expect.hasLength rows Studies.attacked.Runs.Length "every run once"
              let row = rows |> List.find (fun row -> row.TryCell "run" = Some "ubar-bit-flip-3-30%")
              Expect.floatClose Accuracy.high (float (row.TryCell "share_kept").Value) 0.875 "its own share"
              Expect.equal (row.TryCell "counts", row.TryCell "hardest") (Some "true", Some "true") "it counts")

      testCase "JSON has every cell"
      <| fun () ->
          let json = ResultsJson.create [ Studies.attacked ]

          let study =
              json["scenarios"] |> Option.ofObj |> Option.bind (fun all -> Option.ofObj all[0]) |> Option.get

          let cells = study["worst_over_attacks"] |> Option.ofObj |> Option.get
          let cells = cells.AsArray() |> Seq.choose Option.ofObj |> List.ofSeq
          Expect.hasLength cells 4 "two rules, two ratios"

          let said (key: string) (cell: JsonNode) = cell[key] |> Option.ofObj |> Option.map _.ToJsonString()

          let tie =
              cells
              |> List.find (fun cell ->
                  said "settings" cell = Some """{"network.byzantine":"10%"}""" && said "rule" cell = Some "\"ubar\"")

          Expect.equal (said "attack" tie) (Some "\"bit-flip\"") "the attack"
          Expect.equal (said "as_hard" tie) (Some """["gaussian"]""") "the tie"
          Expect.equal (said "seeds" tie) (Some "[1,2,3]") "the seeds"
          Expect.equal (said "remarks" tie) (Some "[]") "whole" ]

[<Tests>]
let tests =
    testList
        "worst over attacks"
        [ testList "picked" picked
          testList "marked" marked
          testList "arranged" arranged
          testList "laws" laws
          testList "files" files ]
