/// Laws of the data behind figures: every row says whose it is, and joins results.csv.
module UbarFs.Tests.FigureDataTests

open System
open System.IO
open System.Text
open Expecto
open UbarFs.Engine
open UbarFs.Report

let private exported test =
    TinyDataset.inFolder (fun folder ->
        let study = Studies.withNetworks folder Studies.usual
        let figures = Path.Combine(folder, "figures")
        Export.write figures FigureFormat.Svg FigureRequest.usual study |> ignore
        test study figures)

let private headings (file: string) = (File.ReadLines file |> Seq.head).Split ',' |> List.ofArray

let private rows =
    testCase "every table of --figures names run, seed, rule and setting, as results.csv does"
    <| fun () ->
        exported (fun study figures ->
            let runs = study.Runs |> List.map (fun run -> run.Identity.Id, run.Identity) |> Map.ofList
            let files = Directory.GetFiles(figures, "*.csv") |> List.ofArray
            Expect.isGreaterThan files.Length 5 "curves, stages, networks, times, overview, verdicts"

            for file in files do
                if Path.GetFileName file <> "verdicts.csv" then
                    Expect.sequenceEqual
                        (headings file |> List.truncate 6)
                        [ "run"; "seed"; "dataset"; "model"; "rule"; "attack" ]
                        file

                    let rows = Csv.read file
                    Expect.isNonEmpty rows file

                    for row in rows do
                        let run = runs[(row.TryCell "run").Value]
                        Expect.equal (row.TryCell "rule") (Some run.Rule) file
                        Expect.equal (row.TryCell "attack") (Some run.Attack) file
                        Expect.equal (row.Whole "seed") (int run.Seed) file)

let private numbers =
    testCase "no table of --figures has words where other rows have numbers"
    <| fun () ->
        exported (fun _ figures ->
            for file in Directory.GetFiles(figures, "*.csv") do
                let rows = Csv.read file

                for heading in headings file do
                    let cells = rows |> List.choose (fun row -> row.TryCell heading)
                    let isNumber (cell: string) = Double.TryParse cell |> fst
                    let numbers = cells |> List.filter isNumber
                    Expect.isTrue (numbers.IsEmpty || numbers.Length = cells.Length) $"{file}: {heading}")

let private verdicts =
    testCase "a row over several seeds lists its runs"
    <| fun () ->
        exported (fun study figures ->
            let listed =
                Csv.read (Path.Combine(figures, "verdicts.csv"))
                |> List.collect (fun row -> (row.TryCell "run_ids").Value.Split ' ' |> List.ofArray)

            Expect.equal (List.sort listed) (study.Runs |> List.map _.Identity.Id |> List.sort) "each once")

let private percentages =
    testCase "a swept percentage is a number"
    <| fun () ->
        let ratio (run: StudyRun) = { run with StudyRun.Settings = ("network.byzantine", "25%") :: run.Settings }
        let columns, rows = Studies.usual.Runs |> List.map ratio |> FigureData.evaluations Metric.worst
        let place = List.findIndex ((=) "network.byzantine") columns
        Expect.equal (rows |> List.map (List.item place) |> List.distinct) [ "0.25" ] "a fraction"

let private noPercents =
    testCase "no table of --figures has a percentage, and tables of settings have no run"
    <| fun () ->
        TinyDataset.inFolder (fun folder ->
            let figures = Path.Combine(folder, "figures")

            Studies.swept [ "average"; "ubar" ]
            |> Studies.withNetworks folder
            |> Export.write figures FigureFormat.Svg FigureRequest.usual
            |> ignore

            for file in Directory.GetFiles(figures, "*.csv") do
                let ratios = Csv.read file |> List.choose _.TryCell("network.byzantine")
                Expect.isFalse (ratios |> List.exists _.Contains('%')) file

                let isOfSettings = file.Contains "-against-" || Path.GetFileName file = "verdicts.csv"

                Expect.equal (List.head (headings file) <> "run") isOfSettings file)

let private shownAlone =
    testCase "a figure's table has what the figure shows, and nothing else"
    <| fun () ->
        TinyDataset.inFolder (fun folder ->
            let figures = Path.Combine(folder, "figures")

            let request =
                { FigureRequest.usual with
                    Metrics = [ Metric.worst; (Metric.tryFind "test-loss").Value ] }

            let study = Studies.swept [ "average"; "ubar" ] |> Studies.withNetworks folder
            Export.write figures FigureFormat.Svg request study |> ignore
            let table name = File.ReadAllText(Path.Combine(figures, $"{name}.csv"))

            let settings name =
                Csv.rows (table name) |> List.choose _.TryCell("network.byzantine") |> List.distinct

            Expect.hasLength (settings "curves") 5 "curves of all settings"
            Expect.hasLength (settings "overview") 1 "one setting at a glance"
            Expect.notEqual (table "curves") (table "curves-test-loss") "each metric its own"
            Expect.isFalse ((table "ubar-sizes").Contains "byzantine_share") "sizes"
            Expect.isFalse ((table "ubar-byzantine").Contains "size") "shares"
            let all = Directory.GetFiles(figures, "*.csv") |> Array.map File.ReadAllText
            Expect.hasLength (Array.distinct all) all.Length "no two tables are the same")

let private captions =
    testCase "every table says its unit and how many runs it is over"
    <| fun () ->
        exported (fun _ figures ->
            for name, unit', n in
                [ "verdicts", "in per cent", "over n seeds"
                  "times", "in milliseconds", "over 4 runs" ] do
                for extension in [ "md"; "tex" ] do
                    let text = File.ReadAllText(Path.Combine(figures, $"{name}.{extension}"))
                    Expect.stringContains text unit' $"{name}.{extension}: its unit"
                    Expect.stringContains text n $"{name}.{extension}: n")

let private renamed name (run: StudyRun) = { run with StudyRun.Identity.Rule = name }

let private names =
    testCase "rules whose names differ in signs alone have files of their own"
    <| fun () ->
        let ubar = Studies.usual.Runs |> List.filter (fun run -> run.Identity.Rule = "ubar")
        let both = List.map (renamed "ubar (rho: 0.3)") ubar @ List.map (renamed "ubar+ (rho= 0.3)") ubar
        let groups = Summary.groups { Studies.usual with Runs = both }

        let names =
            match Figures.ofGroups FigureRequest.usual groups with
            | Ok figures -> figures |> List.map _.Name
            | Error reason -> failtest reason

        Expect.equal (List.distinct names) names "no two have one name"
        Expect.contains names "ubar-rho-0-3-sizes" "plain letters"

/// A run of two sittings: ten iterations in two seconds, and the rest an hour later.
let private interrupted =
    let run = Studies.usual.Runs.Head
    let start = DateTimeOffset.UnixEpoch.AddSeconds 1.7e9

    { run with
        StudyRun.Outcome.Sittings = [ start, 0, Some 0.0; start.AddSeconds 3600.0, 15, Some 3.0 ] }

let private times =
    [ testCase "an event's time is that of its measurement, in the sitting that made it"
      <| fun () ->
          let expected = [ 0.0; 2.0; 3601.0; 3603.0; 3605.0 ] |> List.map ((+) 1.7e9)
          Expect.equal (TensorBoard.times interrupted) expected "iterations 0, 10 | 20, 30, 40"

      testCase "records of older versions do not say what the clock said: the last measurement before does"
      <| fun () ->
          let older =
              { interrupted with
                  StudyRun.Outcome.Sittings =
                      interrupted.Outcome.Sittings |> List.map (fun (start, iteration, _) -> start, iteration, None) }

          let expected = [ 0.0; 2.0; 3602.0; 3604.0; 3606.0 ] |> List.map ((+) 1.7e9)
          Expect.equal (TensorBoard.times older) expected "from iteration 10 on"

      testCase "times never go back, whatever the clocks of two machines say"
      <| fun () ->
          let back =
              interrupted.Outcome.Sittings
              |> List.map (fun (start, iteration, clock) ->
                  start.AddHours(-2.0 * float (sign iteration)), iteration, clock)

          let times = TensorBoard.times { interrupted with StudyRun.Outcome.Sittings = back }
          Expect.equal (List.sort times) times "in order"

      testCase "the events of a run are the same bytes whenever they are written"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let bytes () =
                  TensorBoard.write folder interrupted
                  File.ReadAllBytes(Directory.GetFiles folder |> Array.exactlyOne)

              Expect.equal (bytes ()) (bytes ()) "twice"
              Expect.stringContains (Encoding.Latin1.GetString(bytes ())) "loss/test" "the new measurements, too") ]

[<Tests>]
let tests =
    testList
        "data of figures"
        ([ rows
           numbers
           verdicts
           percentages
           noPercents
           shownAlone
           captions
           names ]
         @ times)
