/// What can be chosen of figures: metrics, runs, rules, their order and width; and what is drawn against swept numbers.
module UbarFs.Tests.FigureChoiceTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Testing.Generators

let private rules = [ "average"; "dkrum"; "ubar" ]
let private study = Studies.swept rules
let private groups = Summary.groups study
let private request = FigureRequest.usual
let private failOf result = result |> Result.defaultWith failtest

let private refusal result =
    match result with
    | Ok _ -> failtest "it should be refused"
    | Error(reason: string) -> reason

let private withRho (value: string) (run: StudyRun) =
    let rule = $"ubar (rho: {value})"

    { run with
        StudyRun.Identity.Rule = rule
        StudyRun.Resolved = Map.add "rule" rule run.Resolved
        StudyRun.Settings = [ "rule.ubar.rho", value; "attack", run.Identity.Attack ] }

let private trends =
    [ testProperty "a number is the same with and without a percent sign"
      <| forAll (Gen.choose (0, 100)) (fun percent ->
          Trends.tryNumber $"{percent}%%" = Trends.tryNumber (UbarFs.Engine.Csv.number (float percent / 100.0)))

      testCase "a swept path with three numbers gets panels; names, and two numbers, do not"
      <| fun () ->
          Expect.equal (Trends.paths groups |> List.map _.Path) [ "network.byzantine" ] "not the attack, nor the rule"

          let two =
              study.Runs
              |> List.filter (fun run ->
                  List.contains run.Settings.Head [ "network.byzantine", "0%"; "network.byzantine", "50%" ])

          Expect.isEmpty (Trends.paths (Summary.groups { study with Runs = two })) "two values are a table"

      testCase "one panel for each other setting, one line for each rule, a point for each value in order"
      <| fun () ->
          let multiples = Trends.ofMetric Metric.worst (Trends.paths groups).Head groups groups
          Expect.equal (multiples.Panels |> List.map _.Title) [ "gaussian"; "bit-flip" ] "panels"
          let labels = Figure.keys multiples |> List.map _.Label
          Expect.equal labels (rules @ [ "guessing" ]) "the legend has every line"

          for panel in multiples.Panels do
              Expect.equal (panel.Lines |> List.map _.Label) rules "lines"

              for line in panel.Lines do
                  Expect.equal (line.Points |> List.map fst) [ 0.0; 0.1; 0.2; 0.3; 0.5 ] "values"
                  Expect.hasLength line.Band 5 "with the seeds' range"

          let mean = (snd multiples.Panels.Head.Lines.Head.Points.Head)
          Expect.floatClose Accuracy.high mean 0.885 "the mean of 0.89 and 0.88"

      testCase "a parameter of a rule can be what is swept"
      <| fun () ->
          let runs =
              [ for rho in [ "0.2"; "0.4"; "0.6" ] do
                    for seed in 1L .. 2L -> Studies.run "ubar" "bit-flip" seed 0.8 |> withRho rho ]

          let groups = Summary.groups { study with Runs = runs }
          let swept = Trends.paths groups |> List.exactlyOne
          let multiples = Trends.ofMetric Metric.worst swept groups groups
          let line = (multiples.Panels |> List.exactlyOne).Lines |> List.exactlyOne
          Expect.equal (line.Points |> List.map fst) [ 0.2; 0.4; 0.6 ] "one line through all values"
          Expect.equal line.Label "ubar" "of the rule"

      testCase "labels that a sweep gives a rule's values part no line, and stand at the axis"
      <| fun () ->
          let labelled (share, label) seed =
              let run = Studies.run label "bit-flip" seed 0.8

              { run with
                  StudyRun.Identity.RuleName = "mine"
                  StudyRun.Resolved = run.Resolved |> Map.add "rule" $"mine (share: {share})"
                  StudyRun.Settings = [ "rule.with.share", share; "attack", run.Identity.Attack ] }

          let runs =
              [ for point in [ "0.1", "A"; "0.2", "B"; "0.3", "C" ] do
                    for seed in 1L .. 2L -> labelled point seed ]

          let groups = Summary.groups { study with Runs = runs }
          let swept = Trends.paths groups |> List.exactlyOne
          let panel = (Trends.ofMetric Metric.worst swept groups groups).Panels |> List.exactlyOne
          let line = panel.Lines |> List.exactlyOne
          Expect.hasLength line.Points 3 "one line"
          Expect.equal (panel.X.Ticks |> List.map snd) [ "0.1 A"; "0.2 B"; "0.3 C" ] "ticks"

      testCase "the legend says what the dashed line is and what the dotted one"
      <| fun () ->
          let keys = Figure.keys (Curves.multiples (Summary.groups Studies.usual)) |> List.map _.Label
          Expect.equal keys [ "average"; "ubar"; "baseline without attack"; "guessing" ] "all lines"

      testCase "runs that are not complete, and values that are not finite, have no point"
      <| fun () ->
          let spoilt (run: StudyRun) =
              { run with
                  StudyRun.Points = run.Points |> List.map (fun point -> { point with Loss = Some nan }) }

          let loss = (Metric.tryFind "training-loss").Value
          Expect.isNone (Metric.final loss (spoilt study.Runs.Head)) "not a number"
          Expect.isSome (Metric.final loss study.Runs.Head) "otherwise the last evaluation's"
          let failed = (Studies.failing "average" study).Runs.Head
          Expect.isNone (Metric.final loss failed) "failed" ]

let private choices =
    [ testCase "runs are chosen by value, whichever way the number is written, in the order asked for"
      <| fun () ->
          let wanted =
              { request with
                  Where = [ "byzantine", [ "0.3"; "10%" ] ]
                  Rules = [ "ubar"; "average" ] }

          let chosen = FigureRequest.groups wanted groups |> failOf

          Expect.equal
              (chosen
               |> List.map (fun group -> Map.find "network.byzantine" (Map.ofList group.Settings))
               |> List.distinct)
              [ "30%"; "10%" ]
              "values"

          Expect.equal (chosen |> List.map _.Rule |> List.distinct) [ "ubar"; "average" ] "rules"

      testCase "a rule looks the same among fewer rules"
      <| fun () ->
          let only = FigureRequest.groups { request with Rules = [ "ubar" ] } groups |> failOf
          let all = Figure.keys (Curves.multiples groups) |> List.find (fun key -> key.Label = "ubar")
          let alone = Figure.keys (Curves.ofMetric Metric.worst 50 groups only)
          Expect.equal alone.Head all "its key"

      testProperty "lines and legends of every figure come in the order of --rules"
      <| forAll (Gen.shuffle rules |> Gen.map List.ofArray) (fun wanted ->
          let shown = FigureRequest.groups { request with Rules = wanted } groups |> failOf
          let curves = Curves.ofMetric Metric.worst 50 groups shown
          let trends = Trends.ofMetric Metric.worst (Trends.paths shown).Head groups shown

          let isOrdered (multiples: Multiples) =
              (Figure.keys multiples |> List.map _.Label) = wanted @ [ "guessing" ]
              && multiples.Panels |> List.forall (fun panel -> (panel.Lines |> List.map _.Label) = wanted)

          isOrdered curves && isOrdered trends)

      testCase "commas part the rules that are asked for, but for those of a name"
      <| fun () ->
          for text, items in
              [ "ubar, average", [ "ubar"; "average" ]
                "ubar (rho: 0.2, alpha: 0.3),average", [ "ubar (rho: 0.2, alpha: 0.3)"; "average" ]
                "\"Ours, tuned\",average", [ "Ours, tuned"; "average" ]
                "Ours\\, tuned,average", [ "Ours, tuned"; "average" ]
                "the \"best\" rule,a\\b", [ "the \"best\" rule"; "a\\b" ]
                ",", [] ] do
              Expect.equal (UbarFs.Cli.FigureArguments.listed text) items text

      testProperty "every name can be asked for in quotes, whatever is in it"
      <| forAll (Gen.listOf (Gen.elements [ 'a'; ','; '"'; '\\'; '('; ' '; 'b' ])) (fun letters ->
          let name = (String.Concat letters).Trim()
          let quoted = "\"" + name.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\""
          UbarFs.Cli.FigureArguments.listed $"{quoted},ubar" = List.filter ((<>) "") [ name; "ubar" ])

      testCase "a legend keeps the order of rules that the first panel lacks"
      <| fun () ->
          let few =
              groups
              |> List.filter (fun group ->
                  group.Rule = "ubar" || not (List.contains ("network.byzantine", "0%") group.Settings))

          let keys = Figure.keys (Curves.ofMetric Metric.worst 50 groups few)
          Expect.equal (keys |> List.map _.Label) (rules @ [ "guessing" ]) "the order of the study"

      testCase "the overview has the looks and the baseline of the curves, whatever part is chosen"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              // Both rules are of the program's user, so that their looks depend on each other.
              let own (run: StudyRun) =
                  if run.Identity.Rule = "ubar" then
                      { run with
                          StudyRun.Identity.Rule = "mine"
                          StudyRun.Resolved = Map.add "rule" "mine" run.Resolved }
                  else
                      run

              let more =
                  [ for attack in [ "absent"; "bit-flip" ] do
                        for seed in 1L .. 2L -> Studies.run "first" attack seed 0.7 ]

              let study =
                  { Studies.usual with Runs = more @ List.map own Studies.usual.Runs } |> Studies.withNetworks folder

              let wanted = { request with Rules = [ "mine" ]; Where = [ "attack", [ "bit-flip" ] ] }

              let figures = Figures.ofGroups wanted (Summary.groups study) |> failOf

              let lines name =
                  let drawing =
                      figures |> List.pick (fun figure -> if figure.Name = name then figure.Drawing else None)

                  let text = Figure.file name drawing

                  Text.RegularExpressions.Regex.Matches(text, "<path class=\"line ([^\"]+)\"")
                  |> Seq.map _.Groups[1].Value
                  |> Seq.distinct
                  |> Seq.sort
                  |> List.ofSeq

              Expect.contains (lines "curves") "baseline" "what it is compared with"
              Expect.equal (lines "overview") (lines "curves") "the same lines")

      testCase "what is not there is told, with what there is"
      <| fun () ->
          let refused request = FigureRequest.groups request groups |> refusal
          Expect.stringContains (refused { request with Where = [ "attac", [ "x" ] ] }) "'network.byzantine'" "paths"
          Expect.stringContains (refused { request with Where = [ "attack", [ "x" ] ] }) "'bit-flip'" "values"
          Expect.stringContains (refused { request with Rules = [ "x" ] }) "'dkrum'" "rules"
          let bare (point: Point) = { point with TestLoss = None }

          let older =
              { study with
                  Runs = study.Runs |> List.map (fun run -> { run with Points = List.map bare run.Points }) }

          let wanted = { request with Metrics = [ (Metric.tryFind "test-loss").Value ] }
          let reason = FigureRequest.groups wanted (Summary.groups older) |> refusal
          Expect.stringContains reason "'training-loss'" "metrics"

      testCase "widths are columns of papers or millimetres"
      <| fun () ->
          let width text = FigureRequest.tryWidth text |> failOf
          Expect.floatClose Accuracy.high (width "100") (width "100mm") "either way"
          Expect.floatClose Accuracy.high (width "254mm") 960.0 "96 units an inch"
          Expect.isGreaterThan (width "double") (width "single") "columns"

          for wrong in [ "wide"; "5"; "1e9"; "-80"; "50%"; "NaN"; "" ] do
              Expect.stringContains (FigureRequest.tryWidth wrong |> refusal) "single" wrong

      testCase "every metric has figures against time and against what was swept, with its data"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let request = { request with Metrics = Metric.all }

              let measuring (run: StudyRun) =
                  { run with
                      StudyRun.Points =
                          run.Points
                          |> List.map (fun point ->
                              { point with Success = Some 0.25; Validation = Some 0.75; Averaged = Some 0.5 }) }

              let study = { study with Runs = List.map measuring study.Runs }
              let files = Export.write folder FigureFormat.Svg request study |> failOf |> List.map fst

              for metric in Metric.all do
                  let file = $"{metric.Name}-against-network-byzantine"
                  Expect.contains files (Path.Combine(folder, file + ".svg")) "the figure"
                  let rows = File.ReadAllLines(Path.Combine(folder, file + ".csv"))
                  Expect.stringContains rows[0] metric.Column "its column"
                  Expect.hasLength rows (1 + 5 * 2 * 3) "a row for each value, attack and rule") ]

[<Tests>]
let tests = testList "figure choices" [ testList "trends" trends; testList "choices" choices ]
