/// What changes at the foot of a terminal: text in cells, labels, bars and the screen that holds them.
module UbarFs.Tests.ScreenTests

open System
open Expecto
open FsCheck.FSharp
open UbarFs.Cli
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario

// Words of every width: accents take no cell, Chinese characters two, and some are longer than a line.
let private word =
    let letter = Gen.elements [ "a"; "B"; "é"; "e\u0301"; "汉"; "字"; "ρ"; "…"; "🙂" ]

    Gen.frequency [ 8, Gen.choose (1, 9); 1, Gen.choose (30, 90) ]
    |> Gen.bind (fun length -> Gen.listOfLength length letter |> Gen.map (String.concat ""))

let private sentence =
    Gen.choose (1, 20)
    |> Gen.bind (fun count -> Gen.listOfLength count word |> Gen.map (String.concat " "))

let private withoutSpaces (text: string) = text.Replace(" ", "")

let private cells =
    testList
        "cells"
        [ testProperty "wrapping loses nothing and keeps every line within its cells"
          <| Prop.forAll (Arb.fromGen (Gen.zip sentence (Gen.choose (2, 60)))) (fun (text, width) ->
              let lines = Cells.wrap width text

              lines |> List.forall (fun line -> Cells.width line <= width)
              && withoutSpaces (String.concat "" lines) = withoutSpaces text)

          testProperty "wrapping breaks no word that fits into a line"
          <| Prop.forAll (Arb.fromGen (Gen.zip sentence (Gen.choose (2, 60)))) (fun (text, width) ->
              let words = Cells.wrap width text |> List.collect (fun line -> List.ofArray (line.Split ' '))

              text.Split ' '
              |> Array.filter (fun word -> Cells.width word <= width)
              |> Array.forall (fun word -> List.contains word words))

          testProperty "what commands say loses nothing, whatever its columns and colours, and keeps within a terminal"
          <| Prop.forAll
              (Arb.fromGen (Gen.zip3 sentence (Gen.choose (20, 90)) (Gen.choose (0, 12))))
              (fun (text, width, label) ->
                  let bare = text.Trim()
                  let line = String.replicate label "l" + "   \u001b[2m" + bare + "\u001b[0m"
                  let lines = Say.wrapped width line
                  let colourless (text: string) = text.Replace("\u001b[2m", "").Replace("\u001b[0m", "")

                  let hangs =
                      List.tail lines
                      |> List.forall (fun line -> line = "" || line.StartsWith(String.replicate (label + 3) " "))

                  withoutSpaces (String.concat "" lines) = withoutSpaces line
                  && (bare.Split ' ' |> Array.exists (fun word -> Cells.width word > width - label - 3)
                      || (hangs && lines |> List.forall (fun line -> Cells.width (colourless line) <= width))))

          testProperty "what is shortened fits, and what fits is not shortened"
          <| Prop.forAll (Arb.fromGen (Gen.zip sentence (Gen.choose (0, 60)))) (fun (text, width) ->
              let short = Cells.shorten width text
              Cells.width short <= width && (Cells.width text > width || short = text))

          testCase "no text moves the cursor or changes the colour"
          <| fun () ->
              Expect.equal (Cells.line "a\u001b[31mb\r\u0007c\u2028d") "a [31mb  c d" "control characters are spaces" ]

/// What happens to a screen.
type private Step =
    | Show of string list
    | Say of string
    | Resize of columns: int

let private steps =
    let lines = Gen.choose (1, 5) |> Gen.bind (fun count -> Gen.listOfLength count sentence)

    Gen.frequency
        [ 5, Gen.map Show lines
          3, Gen.map Say sentence
          1, Gen.choose (12, 130) |> Gen.map Resize ]
    |> Gen.listOf

let private play (columns: int) (steps: Step list) =
    let rows = 200
    let model = TerminalModel(columns, rows)
    let mutable size: Terminal.Size = { Columns = columns; Rows = rows }
    let screen = Screen(model.Write, (fun () -> size), true)

    for step in steps do
        match step with
        | Show lines -> screen.Show [ for line in lines -> [ Span.coloured 32 line ] ]
        | Say message -> screen.Say message
        | Resize columns ->
            size <- { size with Columns = columns }
            model.Resize columns rows

    model, screen

let private said steps =
    steps
    |> List.choose (function
        | Say message -> Some(withoutSpaces message)
        | _ -> None)

let private screens =
    testList
        "screen"
        [ testProperty "what was said stays whole and in order, and nothing that was shown does"
          <| Prop.forAll (Arb.fromGen (Gen.zip steps (Gen.choose (12, 130)))) (fun (steps, columns) ->
              let model, screen = play columns steps
              screen.Close()
              withoutSpaces (String.concat "" model.Lines) = String.concat "" (said steps))

          testProperty "the latest lines are below everything else, each in one row"
          <| Prop.forAll (Arb.fromGen (Gen.zip steps sentence)) (fun (steps, last) ->
              let model, screen = play 60 steps
              screen.Show [ [ Span.plain last ] ]
              screen.Show [ [ Span.plain "first" ]; [ Span.plain last ] ]
              let lines = model.Lines

              let columns =
                  steps
                  |> List.tryFindBack _.IsResize
                  |> Option.map (function
                      | Resize columns -> columns
                      | _ -> 60)
                  |> Option.defaultValue 60

              List.item (lines.Length - 2) lines = "first"
              && List.last lines = (Cells.shorten (columns - 1) last).TrimEnd())

          testCase "the cursor is never hidden"
          <| fun () ->
              let model, _ = play 80 [ Show [ "one"; "two" ]; Say "three"; Show [ "four" ] ]
              Expect.isTrue model.IsCursorVisible "no end of a process can leave it hidden"

          testCase "without colours there are none"
          <| fun () ->
              let mutable written = ""
              let size: Terminal.Size = { Columns = 80; Rows = 24 }
              let screen = Screen((fun text -> written <- written + text), (fun () -> size), false)
              screen.Show [ [ Span.coloured 32 "green" ] ]
              Expect.equal written "green" "the text alone"

          testCase "what others write goes above the lines, line by line"
          <| fun () ->
              let model = TerminalModel(40, 24)
              let screen = Screen(model.Write, (fun () -> { Columns = 40; Rows = 24 }), true)
              screen.Show [ [ Span.plain "bar" ] ]
              use writer = new ScreenWriter(screen)
              writer.Write "half a "
              Expect.equal model.Lines [ "bar" ] "not before the line is complete"
              writer.WriteLine "line"
              writer.Write "the rest"
              writer.Finish()
              Expect.equal model.Lines [ "half a line"; "the rest"; "bar" ] "in order" ]

let private swept path value (run: Run) = { run with Swept = run.Swept @ [ path, value ] }

let private sweep =
    [ for rule in [ "ubar"; "average"; "dkrum" ] do
          for ratio in [ "0.1"; "0.3" ] do
              for seed in 1L .. 3L ->
                  { Runs.digits with Seed = seed; Rule = Runs.choose rule Catalogue.rules }
                  |> swept "network.byzantine" ratio
                  |> swept "rule" rule ]

/// Rules with long settings, of which only the end differs.
let private variants =
    [ for index in 1..9 ->
          let rho = $"0.4{index}"

          { Runs.digits with
              Rule = Runs.chooseWith [ "rho", Value.Real(float rho) ] "ubar" Catalogue.rules
              Seed = int64 (index % 2) }
          |> swept "rule" $"{{ ubar: {{ rho: {rho} }} }}" ]

let private labels =
    let someOf runs = Gen.subListOf runs |> Gen.filter (List.isEmpty >> not)

    [ "a sweep with seeds", sweep
      "variants of one rule", variants
      "runs that nothing tells apart", [ for _ in 1..5 -> { Runs.digits with Seed = 1L } ] ]
    |> List.map (fun (name, runs) ->
        testProperty $"{name}: no two runs under way are called alike, whatever the room"
        <| Prop.forAll (Arb.fromGen (Gen.zip (someOf runs) (Gen.choose (8, 60)))) (fun (underway, cells) ->
            let labels = RunLabels.create runs underway cells

            labels.Length = underway.Length
            && List.distinct labels = labels
            && labels |> List.forall (fun label -> Cells.width label <= cells)))

let private labelExamples =
    let seeds =
        sweep
        |> List.filter (fun run -> run.Rule.Name = "ubar" && run.Swept.Head = ("network.byzantine", "0.1"))

    testList
        "labels"
        (labels
         @ [ testCase "with room they say all that differs in the command"
             <| fun () ->
                 Expect.equal
                     (RunLabels.create sweep (List.truncate 1 seeds) 60)
                     [ "byzantine 0.1, ubar, seed 1" ]
                     "one of them"

             testCase "with less the seed stays, which stands last"
             <| fun () ->
                 Expect.equal
                     (RunLabels.create sweep (List.truncate 1 seeds) 22)
                     [ "byzantine 0.1…, seed 1" ]
                     "one of them"

             testCase "without, what differs among those under way"
             <| fun () ->
                 Expect.equal (RunLabels.create sweep seeds 12) [ "seed 1"; "seed 2"; "seed 3" ] "the seeds alone"

             testCase "of long values the part that differs stays"
             <| fun () ->
                 Expect.equal
                     (RunLabels.create variants [ variants[0]; variants[2] ] 14)
                     [ "ubar…0.41)"; "ubar…0.43)" ]
                     "not the beginning" ])

let private schedule: Schedule =
    { PerEpoch = 10; LocalSteps = 1; Iterations = 100; Every = 10; Warmup = 0 }

let private state (total: int) (events: (float * Event) list) =
    events |> List.fold (fun state (now, event) -> Underway.take now event state) (Underway.start total)

let private complete run : RunResult = { Run = run; Status = Status.Complete; Record = None }

let private times =
    testList
        "time left"
        [ testCase "a run that goes on after a checkpoint is judged by what it does now"
          <| fun () ->
              let run = sweep.Head

              let state = state 1 [ 0.0, Event.Started(run, schedule, 50); 10.0, Event.Iterated(run, 60) ]

              let left = Underway.secondsLeft 10.0 state.Runs.Head
              Expect.floatClose Accuracy.high (Option.get left) 40.0 "ten seconds for each tenth"

          testCase "what was complete before says nothing of the rest"
          <| fun () ->
              let reused = sweep |> List.truncate 8 |> List.map (fun run -> 0.0, Event.Reused(complete run))
              let run = sweep[8]

              let state = state 10 (reused @ [ 0.0, Event.Started(run, schedule, 0); 10.0, Event.Iterated(run, 50) ])

              Expect.floatClose Accuracy.high (Underway.share state) 0.85 "eight and a half of ten"

              Expect.floatClose
                  Accuracy.high
                  (Underway.allSecondsLeft 10.0 state |> Option.get)
                  30.0
                  "one and a half runs, of twenty seconds each"

          testCase "nothing is said in the first second"
          <| fun () ->
              let run = sweep.Head
              let state = state 1 [ 0.0, Event.Started(run, schedule, 0); 0.5, Event.Iterated(run, 60) ]
              Expect.isNone (Underway.secondsLeft 0.5 state.Runs.Head) "too early" ]

let private bars =
    let sizes = Gen.zip (Gen.choose (8, 200)) (Gen.choose (3, 60))

    testList
        "bars"
        [ testProperty "at any size the lines fit the terminal"
          <| Prop.forAll (Arb.fromGen (Gen.zip sizes (Gen.choose (0, sweep.Length)))) (fun ((columns, rows), count) ->
              let started = sweep |> List.truncate count |> List.map (fun run -> 0.0, Event.Started(run, schedule, 0))

              let size: Terminal.Size = { Columns = columns; Rows = rows }
              let lines = Bars.lines (RunLabels.create sweep) size 5.0 (state sweep.Length started)

              lines.Length <= max 3 (rows - 1)
              && (columns < 16 || lines |> List.forall (fun line -> Span.width line < columns)))

          testCase "a wide terminal shows everything"
          <| fun () ->
              let run = sweep.Head

              let lines =
                  state 2 [ 0.0, Event.Started(run, schedule, 0); 10.0, Event.Iterated(run, 50) ]
                  |> Bars.lines (RunLabels.create sweep) { Columns = 120; Rows = 24 } 10.0
                  |> List.map (List.map _.Text >> String.concat "" >> _.TrimEnd())

              Expect.equal
                  lines
                  [ "byzantine 0.1, ubar, seed 1  ━━━━━━━━────────   50 %  epoch  5/10                10 s left"
                    "runs 0/2                     ━━━━────────────   25 %                             30 s left" ]
                  "label, bar, percent, epoch, time left"

          testProperty "the lines of files on their way fit the terminal"
          <| Prop.forAll (Arb.fromGen (Gen.zip (Gen.choose (16, 150)) word)) (fun (columns, name) ->
              let transfer total : Transfers.Transfer =
                  { File = name; Received = 123_456_789L; Total = total; Seconds = 12.0 }

              Transfers.lines { Columns = columns; Rows = 24 } [ transfer None; transfer (Some 987_654_321L) ]
              |> List.forall (fun line -> Span.width line < columns)) ]

[<Tests>]
let tests = testList "live lines" [ cells; screens; labelExamples; times; bars ]
