/// Laws of reports: verdicts, tables, markup, figures and event files.
module UbarFs.Tests.ReportTests

open System
open System.IO
open System.Text
open System.Xml.Linq
open Expecto
open FsCheck.FSharp
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Testing.Generators

let private share = Gen.choose (0, 1000) |> Gen.map (fun thousandths -> float thousandths / 1000.0)

let private seeds =
    [ testCase "seeds are taken together: mean, standard deviation, lowest and highest"
      <| fun () ->
          let group = Summary.groups Studies.usual |> List.head
          let spread = group.Worst.Value
          Expect.floatClose Accuracy.high spread.Mean 0.915 "mean of 0.91 and 0.92"
          Expect.floatClose Accuracy.high spread.Deviation.Value (0.01 / sqrt 2.0) "of a sample"
          let last = List.last group.Curve
          Expect.floatClose Accuracy.high last.Lowest 0.91 "lowest"
          Expect.floatClose Accuracy.high last.Highest 0.92 "highest" ]

let private merging =
    [ testCase "runs that are in several stores count once, and the one that got furthest counts"
      <| fun () ->
          let study = Studies.usual

          let begun (run: StudyRun) =
              { run with
                  StudyRun.Outcome.Status = Status.Interrupted
                  StudyRun.Points = [ run.Points.Head ] }

          let half = { study with Study.Runs = List.map begun study.Runs }
          let merged = Study.merge [ half; study; half ]
          Expect.equal (merged.Runs |> List.map _.Outcome.Status |> List.distinct) [ Status.Complete ] "complete ones"
          Expect.hasLength merged.Runs study.Runs.Length "once"

      testCase "what different sweeps differ in sets their runs apart"
      <| fun () ->
          let bare (run: StudyRun) = { run with StudyRun.Settings = [ "rule", run.Identity.Rule ] }

          let half attack =
              { Studies.usual with
                  Study.Name = attack
                  Study.Runs =
                      Studies.usual.Runs |> List.filter (fun run -> run.Identity.Attack = attack) |> List.map bare }

          let merged = Study.merge [ half "absent"; half "bit-flip" ]
          Expect.equal merged.Name "absent + bit-flip" "both names"
          Expect.equal (Summary.paths (Summary.groups merged)) [ "attack" ] "the attack"

      testCase "a ratio has one form in all stores, and its numbers ascend"
      <| fun () ->
          let at (ratio: string) written seeds name : Study =
              let run seed =
                  let run = Studies.run "ubar" "bit-flip" seed 0.8

                  { run with
                      StudyRun.Identity.Id = $"{ratio}-{seed}"
                      StudyRun.Identity.Swept =
                          if written = "" then
                              [||]
                          else
                              [| [| "network.byzantine"; written |] |]
                      StudyRun.Resolved = Map.add "network.byzantine" ratio run.Resolved }

              { Studies.usual with
                  Study.Name = name
                  Study.Description = $"What {name} asks"
                  Study.Runs = [ for seed in 1L .. seeds -> run seed ] }

          let merged =
              Study.merge
                  [ at "0.4" "40%" 5L "first"
                    at "0.2" "20%" 5L "first"
                    at "0.25" "" 2L "other" ]

          let values = merged.Runs |> List.collect _.Settings |> List.filter (fst >> (=) "network.byzantine")
          Expect.equal (values |> List.map snd |> List.distinct) [ "20%"; "25%"; "40%" ] "percentages, in order"
          Expect.equal merged.Description "first: What first asks\nother: What other asks" "whose description it is"
          let page = Page.create merged
          Expect.stringContains page "2 to 5 seeds" "not as many everywhere"
          Expect.stringContains page ">other: What other asks</p>" "a line of its own" ]

let private tables =
    [ testProperty "a line of blocks is as wide as asked at most, and rises with its values"
      <| forAll (Gen.listOf share) (fun values ->
          let sorted = List.sort values
          let blocks = Sparkline.create 7 sorted
          blocks.Length <= 7 && Seq.toList blocks = List.sort (Seq.toList blocks)) ]

// Bytes rather than seconds, which are not the same twice: what goes through all groups for each of them also asks for
// memory each time.
let private growth =
    testCase "what a report takes grows with its settings, and not with their square"
    <| fun () ->
        let taken rates =
            let before = GC.GetAllocatedBytesForCurrentThread()
            let study = Studies.large rates
            let merged = Study.merge [ study; { study with Study.Name = "other" } ]
            Page.create merged |> ignore
            ResultsTable.create 120 merged |> ignore
            ResultsTable.legend merged |> ignore
            (ResultsJson.create [ merged ]).ToJsonString() |> ignore
            float (GC.GetAllocatedBytesForCurrentThread() - before)

        taken 10 |> ignore
        let few, many = taken 50, taken 200
        Expect.isLessThan (many / few) 6.0 "four times as many settings"

let private text =
    Gen.elements [ "<"; ">"; "&"; "\""; "'"; "</script>"; "<!--"; "]]>"; "a"; "\u0001"; "é" ]
    |> Gen.listOf
    |> Gen.map (String.concat "")

let private markup =
    [ testProperty "text is text, whatever is in it"
      <| forAll (Gen.zip text text) (fun (content, attribute) ->
          let written = Markup.element "p" [ "title", attribute ] [ Markup.text content ] |> Markup.write

          let read = XElement.Parse(written, LoadOptions.PreserveWhitespace)
          let seen (text: string) = text.Replace('\u0001', '\uFFFD')

          read.Value = seen content
          && (read.Attribute(XName.Get "title") |> Option.ofObj |> Option.map _.Value) = Some(seen attribute)
          && Seq.isEmpty (read.Elements()))

      testCase "every figure is an SVG file that stands alone, with its data beside it"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let study = Studies.withNetworks folder Studies.hostile

              let files =
                  Export.write (Path.Combine(folder, "figures")) FigureFormat.Svg FigureRequest.usual study
                  |> Result.defaultWith failtest
                  |> List.map fst

              let ofKind (extension: string) = files |> List.filter _.EndsWith(extension)
              Expect.hasLength (ofKind ".svg") 6 "curves, sizes, shares, networks, times, overview"

              for file in ofKind ".svg" do
                  let figure = XDocument.Load file
                  let names = figure.Descendants() |> Seq.map _.Name.LocalName |> Seq.distinct |> List.ofSeq
                  Expect.isFalse (List.contains "script" names || List.contains "img" names) $"{file}: no markup"
                  Expect.isFalse (File.ReadAllText(file).Contains "var(--") $"{file}: colours in place"
                  Expect.isTrue (File.Exists(Path.ChangeExtension(file, "csv"))) $"{file}: its data") ]

// What TensorFlow writes at the beginning of every event file: 24 bytes, their number's checksum, the event.
let private header =
    [| 0x18uy
       0uy
       0uy
       0uy
       0uy
       0uy
       0uy
       0uy
       0xA3uy
       0x7Fuy
       0x4Buy
       0x22uy
       0x09uy |]

let private events =
    [ testCase "checksums are CRC-32C, masked"
      <| fun () ->
          // RFC 3720's check value 0xE3069283, masked.
          let crc = 0xE3069283u
          let masked = ((crc >>> 15) ||| (crc <<< 17)) + 0xA282EAD8u
          Expect.equal (TensorBoard.maskedCrc (Encoding.ASCII.GetBytes "123456789")) masked "of nine digits"

      testCase "an event file begins as TensorFlow's do"
      <| fun () ->
          let record = TensorBoard.record (TensorBoard.version 1.7e9)
          Expect.sequenceEqual (Array.truncate 13 record) header "length, checksum, wall time"
          Expect.stringContains (Encoding.ASCII.GetString record) "\u001a\u000dbrain.Event:2" "version"

      testCase "an event file holds every evaluation, each record with its length and checksums"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let run = Studies.usual.Runs |> List.find (fun run -> run.Identity.Rule = "ubar")
              TensorBoard.write folder run
              let file = Directory.GetFiles(folder) |> Array.exactlyOne
              Expect.stringContains file "events.out.tfevents." "the name that TensorBoard looks for"
              let bytes = File.ReadAllBytes file

              let rec read offset =
                  if offset = bytes.Length then
                      []
                  else
                      let length = int (BitConverter.ToUInt64(bytes, offset))
                      let event = bytes[offset + 12 .. offset + 11 + length]

                      Expect.equal
                          (BitConverter.ToUInt32(bytes, offset + 8))
                          (TensorBoard.maskedCrc bytes[offset .. offset + 7])
                          "of the length"

                      Expect.equal
                          (BitConverter.ToUInt32(bytes, offset + 12 + length))
                          (TensorBoard.maskedCrc event)
                          "of the event"

                      event :: read (offset + 16 + length)

              let events = read 0
              Expect.hasLength events 6 "the version and five evaluations"
              let last = Encoding.Latin1.GetString(List.last events)

              for tag in [ "accuracy/worst"; "loss/test"; "consensus error"; "stage 1/byzantine share" ] do
                  Expect.stringContains last tag tag) ]

[<Tests>]
let tests =
    testList
        "report"
        [ testList "seeds" seeds
          growth
          testList "merging" merging
          testList "tables" tables
          testList "markup" markup
          testList "events" events ]
