namespace UbarFs.Report

/// A drawing of some size.
type Drawing = { Width: float; Height: float; Content: Markup list }

/// What a legend says of one kind of line.
type Key = { Label: string; Class: string; Dash: string; Rule: int option }

/// Figures as SVG files: for papers, and on their own.
[<RequireQualifiedAccess>]
module Figure =

    let private at name value = name, Markup.number value

    let private moved x y content =
        Markup.element "g" [ "transform", $"translate({Markup.number x} {Markup.number y})" ] content

    let label cls anchor x y text =
        Markup.element "text" [ "class", cls; "text-anchor", anchor; at "x" x; at "y" y ] [ Markup.text text ]

    /// The keys of a study's curves: its rules, and the baseline if some panel has one.
    let keys (groups: Group list) (multiples: Multiples) : Key list =
        let rules = Curves.rules groups
        let strokes = Palette.strokes rules

        let baseline =
            multiples.Panels
            |> List.exists (fun panel -> panel.Lines |> List.exists (fun line -> line.Class = "baseline"))

        [ for index, rule in List.indexed rules do
              { Label = rule
                Class = $"c{strokes[rule].Colour}"
                Dash = strokes[rule].Dash
                Rule = Some index }

          if baseline then
              { Label = "baseline without attack"
                Class = "baseline"
                Dash = "5 4"
                Rule = None } ]

    /// The keys of the stages of a rule.
    let stageKeys (withReceived: bool) (stages: string[]) : Key list =
        [ if withReceived then
              { Label = "received"; Class = "received"; Dash = "4 3"; Rule = None }

          for index, stage in Array.indexed stages do
              { Label = stage; Class = InnerLife.stageClass index; Dash = ""; Rule = None } ]

    /// A short piece of a key's line.
    let sample (key: Key) =
        Markup.element
            "path"
            ([ "class", $"line {key.Class}"; "d", "M1 6L23 6" ]
             @ (if key.Dash = "" then
                    []
                else
                    [ "stroke-dasharray", key.Dash ]))
            []

    // Letters differ in width; so much is enough for most.
    let private advance (text: string) = 6.4 * float text.Length + 46.0

    /// The legend's rows within a width, and their height.
    let legend width (keys: Key list) =
        let place (x, y, placed) key =
            if x > 0.0 && x + advance key.Label > width then
                advance key.Label, y + 18.0, (0.0, y + 18.0, key) :: placed
            else
                x + advance key.Label, y, (x, y, key) :: placed

        let _, bottom, placed = List.fold place (0.0, 0.0, []) keys

        [ for x, y, key in List.rev placed ->
              moved (x + 6.0) (y + 4.0) [ sample key; label "key" "start" 29.0 10.0 key.Label ] ],
        bottom + 24.0

    /// Panels side by side under a legend, with the names of the axes.
    let ofMultiples (keys: Key list) (multiples: Multiples) : Drawing =
        let rows = (multiples.Panels.Length + multiples.Columns - 1) / multiples.Columns
        let width = float multiples.Columns * Panel.width + 16.0
        let legend, top = legend width keys

        let panels =
            multiples.Panels
            |> List.mapi (fun index panel ->
                let column, row = index % multiples.Columns, index / multiples.Columns

                Panel.draw panel |> moved (16.0 + float column * Panel.width) (top + float row * Panel.height))

        let middle = top + float rows * Panel.height / 2.0

        let up =
            Markup.element
                "text"
                [ "class", "axis"
                  "text-anchor", "middle"
                  "transform", $"translate(11 {Markup.number middle}) rotate(-90)" ]
                [ Markup.text multiples.Up ]

        let height = top + float rows * Panel.height + 16.0

        { Width = width
          Height = height
          Content =
            legend
            @ panels
            @ [ up
                label "axis" "middle" ((width + 16.0) / 2.0) (height - 5.0) multiples.Across ] }

    /// The colours of accuracies.
    let scale x y : Markup =
        let steps = [ 0..20 ]

        moved
            x
            y
            [ for step in steps do
                  Markup.element
                      "rect"
                      [ at "x" (float step * 6.0)
                        at "y" 0.0
                        at "width" 6.2
                        at "height" 8.0
                        "fill", Palette.ofShare (float step / 20.0) ]
                      []

              label "tick" "start" 0.0 19.0 "0 %"
              label "tick" "end" 126.0 19.0 "100 %"
              label "tick" "middle" 63.0 19.0 "accuracy" ]

    let private networkOf (drawn: DrawnNetwork) =
        let positions = Networks.positions drawn.Network
        Networks.edges positions drawn.Network @ Networks.nodes positions drawn

    /// Networks side by side, each under a title.
    let networks (titled: (string * DrawnNetwork) list) : Drawing =
        let box = Networks.size + 16.0
        let width = box * float titled.Length

        { Width = width
          Height = Networks.size + 52.0
          Content =
            [ for index, (title, drawn) in List.indexed titled do
                  moved
                      (box * float index + 8.0)
                      24.0
                      (label "title" "middle" (Networks.size / 2.0) -9.0 title :: networkOf drawn)

              scale (width / 2.0 - 63.0) (Networks.size + 29.0) ] }

    let private phases (times: UbarFs.Engine.PhaseTimes) =
        [ "training", "c6", times.Training
          "attack", "c7", times.Attack
          "aggregation", "c4", times.Aggregation - times.Losses
          "losses", "c3", times.Losses
          "update", "c5", times.Update ]

    /// Milliseconds with few digits.
    let private milliseconds (seconds: float) = $"%.3g{1000.0 * seconds} ms"

    /// The time of an iteration as a bar for each rule, with a piece for each phase.
    let timing (rows: RuleTiming list) : Drawing =
        let several = rows |> List.distinctBy _.Task |> List.length > 1
        let total (row: RuleTiming) = phases row.Times |> List.sumBy (fun (_, _, seconds) -> seconds)
        let largest = rows |> List.map total |> List.fold max 1e-9
        let left, span = (if several then 260.0 else 150.0), 400.0
        let scaled seconds = span * seconds / largest

        let bar index (row: RuleTiming) =
            let pieces, _ =
                ((([]: Markup list), 0.0), phases row.Times)
                ||> List.fold (fun (pieces, x) (name, cls, seconds) ->
                    let width = scaled (max 0.0 seconds)

                    let piece =
                        Markup.element
                            "rect"
                            [ "class", $"bar {cls}"
                              at "x" (left + x)
                              at "y" 0.0
                              at "width" width
                              at "height" 14.0 ]
                            [ Markup.element "title" [] [ Markup.text $"{name}: {milliseconds seconds}" ] ]

                    pieces @ [ piece ], x + width)

            let name = if several then $"{row.Rule} ({row.Task})" else row.Rule

            moved
                0.0
                (28.0 + 22.0 * float index)
                (label "key" "end" (left - 8.0) 11.5 name
                 :: label "tick" "start" (left + scaled (total row) + 6.0) 11.0 (milliseconds (total row))
                 :: pieces)

        let key index (name, cls, _) =
            moved
                (left + 96.0 * float index)
                4.0
                [ Markup.element "rect" [ "class", $"bar {cls}"; "width", "11"; "height", "11" ] []
                  label "key" "start" 16.0 10.0 name ]

        { Width = left + span + 90.0
          Height = 34.0 + 22.0 * float rows.Length
          Content = (phases UbarFs.Engine.PhaseTimes.Zero |> List.mapi key) @ List.mapi bar rows }

    /// The drawing as an element of a page.
    let inline' (description: string) (drawing: Drawing) : Markup =
        Markup.element
            "svg"
            [ "viewBox", $"0 0 {Markup.number drawing.Width} {Markup.number drawing.Height}"
              "role", "img"
              "aria-label", description ]
            drawing.Content

    /// The drawing as a file of its own.
    let file (description: string) (drawing: Drawing) : string =
        Markup.element
            "svg"
            [ "xmlns", "http://www.w3.org/2000/svg"
              "width", Markup.number drawing.Width
              "height", Markup.number drawing.Height
              "viewBox", $"0 0 {Markup.number drawing.Width} {Markup.number drawing.Height}"
              "role", "img"
              "aria-label", description ]
            (Markup.Own("style", [], Style.figure ())
             :: Markup.element "rect" [ "width", "100%"; "height", "100%"; "fill", Style.lightColour "paper" ] []
             :: drawing.Content)
        |> Markup.write
        |> sprintf "%s\n"
