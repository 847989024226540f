/// Laws of figures: nothing is cut, text keeps its size, lines can be told apart, bars and tables agree.
module UbarFs.Tests.FigureTests

open System
open System.Buffers.Binary
open System.IO
open System.Text
open System.Xml.Linq
open Expecto
open FsCheck.FSharp
open SkiaSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Testing.Generators

let private rules =
    [ "average"
      "dkrum"
      "ubar"
      "ubar (rho: 0.2)"
      "mine.fsx"
      "zeno"
      "trimmed (a: 1)" ]

let private widths =
    [ None
      for text in [ "60"; "single"; "double"; "400mm" ] do
          FigureRequest.tryWidth text |> Result.defaultWith failtest |> Some ]

let private failOf result = result |> Result.defaultWith failtest

/// Every figure of some studies in some width.
let private drawings folder width : (string * Drawing) list =
    [ for index, study in
          List.indexed
              [ Studies.usual
                Studies.hostile
                Studies.attacked
                Studies.failing "dkrum" (Studies.swept rules) ] do
          let request =
              { FigureRequest.usual with
                  Width = width
                  Metrics = [ Metric.worst; Metric.all[3] ] }

          let own = Path.Combine(folder, $"study-{index}")
          let groups = Studies.withNetworks own study |> Summary.groups

          for exported in Figures.ofGroups request groups |> failOf do
              match exported.Drawing with
              | Some drawing -> $"{exported.Name} at {width}", drawing
              | None -> () ]

/// Whether anything is drawn beyond the edges.
let private isCut (drawing: Drawing) =
    let margin = 30
    let wide, high = int (ceil drawing.Width), int (ceil drawing.Height)
    use bitmap = new SKBitmap(SKImageInfo(wide + 2 * margin, high + 2 * margin))
    use canvas = new SKCanvas(bitmap)
    canvas.Translate(float32 margin, float32 margin)
    Painter.onto canvas drawing

    let pixels = bitmap.Pixels
    let isInside x y = x >= margin && x < margin + wide && y >= margin && y < margin + high
    let white = SKColors.White

    pixels
    |> Seq.indexed
    |> Seq.exists (fun (index, pixel) -> pixel <> white && not (isInside (index % bitmap.Width) (index / bitmap.Width)))

let private isScaled (svg: XDocument) =
    svg.Descendants()
    |> Seq.filter (fun element -> element.Name.LocalName = "text")
    |> Seq.exists (fun text ->
        text.AncestorsAndSelf()
        |> Seq.exists (fun element ->
            match element.Attribute(XName.Get "transform") with
            | null -> false
            | transform -> transform.Value.Contains "scale"))

let private sizes =
    [ testCase "nothing of any figure is beyond its edges, however wide it is to be"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              for width in widths do
                  for name, drawing in drawings folder width do
                      Expect.isFalse (isCut drawing) name

                      match width with
                      | Some width -> Expect.isLessThanOrEqual drawing.Width (width + 0.01) $"{name}: as wide as asked"
                      | None -> ())

      testCase "text has one size in all figures: nothing that holds a text is scaled"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              for width in widths do
                  for name, drawing in drawings folder width do
                      Expect.isFalse (Figure.file name drawing |> XDocument.Parse |> isScaled) name)

      testCase "every figure has the same size in all formats"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              for name, drawing in drawings folder None |> List.truncate 12 do
                  let svg = (Figure.file name drawing |> XDocument.Parse).Root |> Option.ofObj |> Option.get
                  let attribute (key: string) = svg.Attribute(XName.Get key) |> Option.ofObj |> Option.get |> float
                  Expect.floatClose Accuracy.medium (attribute "width") drawing.Width $"{name}: SVG"
                  use png = SKBitmap.Decode(Painter.png drawing)
                  let dots size = int (ceil (size * 300.0 / 96.0))
                  Expect.equal (png.Width, png.Height) (dots drawing.Width, dots drawing.Height) $"{name}: PNG"
                  let pdf = Encoding.Latin1.GetString(Painter.pdf name drawing)
                  let box = RegularExpressions.Regex.Match(pdf, @"/MediaBox \[0 0 ([0-9.]+) ([0-9.]+)\]")
                  let points (group: int) = float box.Groups[group].Value
                  Expect.isLessThan (abs (points 1 - 0.75 * drawing.Width)) 0.5 $"{name}: PDF's width"
                  Expect.isLessThan (abs (points 2 - 0.75 * drawing.Height)) 0.5 $"{name}: PDF's height"
                  Expect.stringContains pdf "/ToUnicode" $"{name}: its text can be selected")

      testCase "PNG says that it has 300 dots per inch, in a chunk whose checksum is right"
      <| fun () ->
          let picture = Painter.png { Width = 8.0; Height = 8.0; Content = [] }
          let whole at = BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(picture, at, 4))
          // Behind the signature and the header.
          Expect.equal (Encoding.ASCII.GetString(picture, 37, 4)) "pHYs" "the chunk"
          Expect.equal (whole 33, whole 41, whole 45, picture[49]) (9u, 11811u, 11811u, 1uy) "dots per metre"
          Expect.equal (whole 50) (Png.crc picture[37..49]) "its checksum"
          Expect.equal (whole 29) (Png.crc picture[12..28]) "as the encoder computes that of the header"
          Expect.equal (Png.crc (Encoding.ASCII.GetBytes "123456789")) 0xCBF43926u "CRC-32's check value"

      testCase "PNG and PDF have text on a machine without fonts"
      <| fun () ->
          let text = Markup.element "text" [ "class", "key"; "x", "2"; "y", "12" ] [ Markup.text "ubar ρ ± é" ]
          let drawing = { Width = 80.0; Height = 16.0; Content = [ text ] }
          use png = SKBitmap.Decode(Painter.png drawing)
          let dark = png.Pixels |> Array.filter (fun pixel -> pixel.Red < 100uy) |> Array.length
          Expect.isGreaterThan dark 300 "ink"
          Expect.isEmpty (Painter.unreadable drawing) "all letters"
          let chinese = { drawing with Content = [ Markup.element "text" [] [ Markup.text "规则" ] ] }
          Expect.equal (Painter.unreadable chinese) [ "规则" ] "what has no picture is told" ]

let private names =
    Gen.oneof
        [ Gen.elements (Catalogue.rules |> List.map _.Name)
          Gen.elements [ "ubar (rho: 0.1)"; "ubar (rho: 0.2)"; "dkrum (rho: 0.3)"; "a.fsx"; "b.fsx" ]
          Gen.choose (0, 99) |> Gen.map (sprintf "rule-%d") ]

let private strokes =
    [ testProperty "lines of up to 45 rules differ in dash or marker, whatever their colours"
      <| forAll (Gen.listOf names) (fun rules ->
          let rules = rules |> List.distinct |> List.truncate Palette.distinct

          let looks =
              Palette.strokes rules |> Map.toList |> List.map (fun (_, stroke) -> stroke.Dash, stroke.Marker)

          List.distinct looks = looks)

      testProperty "a rule of the catalogue looks the same in every study"
      <| forAll (Gen.zip (Gen.listOf names) (Gen.elements (Catalogue.rules |> List.map _.Name))) (fun (others, rule) ->
          let alone = Palette.strokes [ rule ]
          let among = Palette.strokes (List.distinct (others @ [ rule ]))
          alone[rule] = among[rule])

      testCase "eight rules that nobody knows have eight colours"
      <| fun () ->
          let strokes = Palette.strokes [ for index in 1..8 -> $"mine-{index}" ]
          Expect.hasLength (strokes.Values |> Seq.distinctBy _.Colour |> List.ofSeq) 8 "colours"

      testCase "every marker of the palette has a shape of its own, in ink"
      <| fun () ->
          let shapes =
              [ for place in 0 .. Palette.distinct - 1 do
                    let marker = (Palette.ofPlace place).Marker

                    let drawing =
                        { Width = 12.0
                          Height = 12.0
                          Content = [ Markers.draw "c0" [] (6.0, 6.0) marker ] }

                    use png = SKBitmap.Decode(Painter.png drawing)
                    marker, png.Pixels |> Array.map (fun pixel -> pixel.Red < 100uy) |> List.ofArray ]
              |> List.distinct

          Expect.hasLength shapes 9 "nine markers, each always the same"
          Expect.hasLength (shapes |> List.map snd |> List.distinct) 9 "and no two alike"

          for marker, ink in shapes do
              Expect.isGreaterThan (ink |> List.filter id |> List.length) 100 $"{marker}"

      testCase "a legend shows each line as its panels do"
      <| fun () ->
          let groups = Summary.groups (Studies.swept rules)
          let multiples = Curves.multiples groups
          let keys = Figure.keys multiples

          for line in multiples.Panels |> List.collect _.Lines do
              let key = keys |> List.find (fun key -> key.Label = line.Label)
              Expect.equal (key.Class, key.Dash, key.Marker) (line.Class, line.Dash, line.Marker) line.Label ]

let private positive = Gen.choose (-60, 60) |> Gen.map (fun tenths -> 10.0 ** (float tenths / 10.0))

let private axes =
    [ testProperty "an axis holds all of its values, in their order"
      <| forAll (Gen.nonEmptyListOf positive) (fun values ->
          let axis = Axis.covering Axis.plain values
          let places = values |> List.sort |> List.map (Axis.place axis)

          axis.High >= List.max values * (1.0 - 1e-9)
          && places = List.sort places
          && List.forall (fun place -> place >= 0.0 && place <= 1.0) places
          && axis.Ticks.Length >= 2)

      testCase "orders of magnitude take powers of ten, and what is not finite takes nothing"
      <| fun () ->
          let axis = Axis.covering Axis.plain [ 1e-3; 5.0; infinity; nan; 2e7 ]
          Expect.equal (axis.Spacing, axis.Low) (Spacing.Logarithmic, 1e-3) "from the smallest"
          Expect.floatClose Accuracy.high axis.High 1e8 "to the largest" ]

let private timing =
    [ testCase "the pieces of a bar and the columns of the table add up to the same"
      <| fun () ->
          let rows = Timing.rows (Summary.groups Studies.usual)

          for row in rows do
              let pieces = Timing.phases |> List.map (fun phase -> phase.Seconds row.Times)
              Expect.floatClose Accuracy.high (List.sum pieces) row.All "all pieces"

              let aggregation =
                  Timing.phases
                  |> List.filter _.Name.StartsWith("aggregation")
                  |> List.sumBy (fun phase -> phase.Seconds row.Times)

              Expect.floatClose Accuracy.high aggregation row.Aggregation "the paper's aggregation"

          let headings, cells = Timing.table rows

          for phase in Timing.phases do
              Expect.contains headings $"{phase.Name} (ms)" "a column for each piece, with its unit"

          let row = cells.Head |> List.zip headings |> Map.ofList
          Expect.equal row["training (ms)"] "50.0" "0.5 s in ten iterations"
          Expect.equal row["aggregation: rule (ms)"] "10.0" "without the losses"
          Expect.equal row["aggregation in all (ms)"] "20.0" "with them"
          Expect.equal row["in all (ms)"] "70.0" "with training"

      testCase "networks of different sizes have times of their own"
      <| fun () ->
          let rows = Timing.rows (Summary.groups (Studies.swept [ "ubar" ]))
          Expect.hasLength rows 5 "one for each Byzantine ratio, over both attacks"
          Expect.equal rows[1].Task "11 nodes" "which the name tells, without what is the same for all"

      testCase "in a narrow figure no two bars are called alike, and what tells them apart is not cut off"
      <| fun () ->
          let long (run: StudyRun) =
              { run with
                  StudyRun.Identity.Rule = "a rule with a long name (rho: 0.25, alpha: 0.5)" }

          let study = Studies.swept [ "ubar" ]
          let rows = Timing.rows (Summary.groups { study with Runs = List.map long study.Runs })
          let width = FigureRequest.tryWidth "single" |> Result.defaultWith failtest
          let text = Figure.file "times" (TimingFigure.draw width rows)

          for row in rows do
              Expect.stringContains text $">{row.Task}<" "its nodes"

          Expect.isFalse (text.Contains '…') "nothing is cut off" ]

let private failures =
    [ testCase "the network of a failed run has no colours, and says that it failed"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let groups = Studies.usual |> Studies.failing "average" |> Studies.withNetworks folder |> Summary.groups

              let shown = ShownNetwork.bySetting groups |> List.collect snd
              let average = shown |> List.find (fun shown -> shown.Rule = "average")
              let ubar = shown |> List.find (fun shown -> shown.Rule = "ubar")
              Expect.isTrue average.Drawn.Accuracies.IsEmpty "no accuracies of before"
              Expect.equal (ShownNetwork.caption average) "failed after epoch 2" "its caption"
              Expect.equal (ShownNetwork.caption ubar) "60.0 – 80.0 %" "the other's")

      testCase "networks say which setting and seed they are of, and what their shapes are"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let groups = Studies.usual |> Studies.withNetworks folder |> Summary.groups

              let networks =
                  match Figures.ofGroups FigureRequest.usual groups with
                  | Ok figures -> figures |> List.find (fun figure -> figure.Name = "networks")
                  | Error reason -> failtest reason

              let text = Figure.file "networks" networks.Drawing.Value

              for words in [ "bit-flip, seed 1"; "benign"; "Byzantine"; "accuracy" ] do
                  Expect.stringContains text $">{words}<" "its heading and legend")

      testCase "an axis of powers of ten says so in its name"
      <| fun () ->
          let consensus = (Metric.tryFind "consensus-error").Value
          let groups = Summary.groups Studies.usual
          let multiples = Curves.ofMetric consensus 50 groups groups
          Expect.equal multiples.Up "consensus error, log scale" "of values from 1e-3 to 10"
          Expect.equal (Curves.multiples groups).Up "worst accuracy" "others are linear"

      testCase "a line that ends because its runs failed ends with a cross, which the legend explains"
      <| fun () ->
          let groups = Studies.usual |> Studies.failing "average" |> Summary.groups
          let multiples = Curves.multiples groups
          let failing = multiples.Panels |> List.collect _.Lines |> List.filter _.Fails
          Expect.equal (failing |> List.map _.Label |> List.distinct) [ "average" ] "the rule's"
          let labels = Figure.keys multiples |> List.map _.Label
          Expect.contains labels "the run failed" "in the legend" ]

[<Tests>]
let tests =
    testList
        "figures"
        [ testList "sizes" sizes
          testList "strokes" strokes
          testList "axes" axes
          testList "times" timing
          testList "failures" failures ]
