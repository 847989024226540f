namespace UbarFs.Report

/// Figures as SVG: for papers, and on their own. A unit is a 96th of an inch; text has the same size in all of them,
/// however wide they are and however many panels they have.
[<RequireQualifiedAccess>]
module Figure =

    let private at name value = name, Markup.number value

    /// A group of elements somewhere else.
    let moved x y content =
        Markup.element "g" [ "transform", $"translate({Markup.number x} {Markup.number y})" ] content

    let label cls anchor x y text =
        Markup.element "text" [ "class", cls; "text-anchor", anchor; at "x" x; at "y" y ] [ Markup.text text ]

    let private failureKey: Key =
        { Label = "the run failed"
          Class = "failure"
          Dash = ""
          Marker = None
          Rule = None }

    let private levelKey: Key =
        { Label = "guessing"; Class = "level"; Dash = ""; Marker = None; Rule = None }

    let private keyOf (line: Line) : Key =
        { Label = line.Label
          Class = line.Class
          Dash = line.Dash
          Marker = line.Marker
          Rule = line.Rule }

    // Every thing once, in an order that is that of all lists as far as they agree.
    let rec private merged (lists: 'thing list list) : 'thing list =
        match lists |> List.filter (List.isEmpty >> not) with
        | [] -> []
        | lists ->
            let isBehind thing = lists |> List.exists (fun things -> List.contains thing things.Tail)
            let firsts = lists |> List.map List.head
            let first = firsts |> List.tryFind (isBehind >> not) |> Option.defaultValue firsts.Head
            first :: merged (lists |> List.map (List.filter ((<>) first)))

    /// The keys of panels' lines, each once, in the order that the panels have them in: what they are compared with comes
    /// last, and the level of guessing.
    let keys (multiples: Multiples) : Key list =
        let lines = multiples.Panels |> List.collect _.Lines
        let kinds = multiples.Panels |> List.map (_.Lines >> List.map keyOf) |> List.distinct |> merged
        let baselines, others = kinds |> List.partition (fun key -> key.Class = "baseline")

        [ yield! others
          yield! baselines
          if multiples.Panels |> List.exists _.Level.IsSome then
              levelKey
          if List.exists _.Fails lines then
              failureKey ]

    /// How wide a key's sample is.
    let sampleWidth = 30.0

    /// A short piece of a key's line with its marker, 12 units high.
    let sample (key: Key) : Markup list =
        if key.Class.StartsWith "failure" then
            [ Markers.failure key.Class [] (sampleWidth / 2.0, 6.0) ]
        else
            [ Markup.element
                  "path"
                  ([ "class", $"line {key.Class}"
                     "d", $"M1 6L{Markup.number (sampleWidth - 1.0)} 6" ]
                   @ (if key.Dash = "" then
                          []
                      else
                          [ "stroke-dasharray", key.Dash ]))
                  []
              for marker in Option.toList key.Marker do
                  Markers.draw key.Class [] (sampleWidth / 2.0, 6.0) marker ]

    let private rowHeight = 18.0

    /// Things of some widths side by side, in as many rows as it takes, and the height of all rows.
    let flow width (things: (float * Markup list) list) : Markup list * float =
        let place (x, y, placed) (advance, content) =
            if x > 0.0 && x + advance > width then
                advance, y + rowHeight, moved 0.0 (y + rowHeight) content :: placed
            else
                x + advance, y, moved x y content :: placed

        let _, bottom, placed = List.fold place (0.0, 0.0, []) things
        List.rev placed, bottom + rowHeight

    /// A sample of something with its name, as wide as it takes, at most a width.
    let named width (sample: Markup list) sampleWidth (name: string) : float * Markup list =
        let name = Lettering.fitted "key" (width - sampleWidth - 6.0) name

        sampleWidth + 20.0 + Lettering.width "key" name, sample @ [ label "key" "start" (sampleWidth + 6.0) 10.0 name ]

    /// The legend's rows within a width, and their height.
    let legend width (keys: Key list) : Markup list * float =
        keys |> List.map (fun key -> named width (sample key) sampleWidth key.Label) |> flow width

    // Room for the name of the vertical axis.
    let private margin = 18.0

    let private narrowest, usual = 190.0, 264.0

    // The columns and the width of a panel.
    let private arranged width (multiples: Multiples) =
        let wanted = multiples.Columns |> min multiples.Panels.Length |> max 1

        match width with
        | None -> min wanted 4, usual
        | Some width ->
            let columns = int ((width - margin) / narrowest) |> min wanted |> max 1
            columns, (width - margin) / float columns

    /// Panels in rows under a legend, with the names of the axes: as wide as they usually are, or of a given width, which
    /// decides how many there are to a row.
    let ofMultiples (width: float option) (keys: Key list) (multiples: Multiples) : Drawing =
        let columns, panelWidth = arranged width multiples
        let panelHeight = 0.72 * panelWidth |> min 240.0 |> max 160.0
        let frame = Panel.frame panelWidth panelHeight multiples.Panels
        let frame = { frame with Height = panelHeight + 14.0 * float (frame.TitleLines - 1) }
        let rows = (multiples.Panels.Length + columns - 1) / columns
        let whole = margin + float columns * frame.Width
        let legend, legendHeight = legend (whole - margin - 8.0) keys
        let top = legendHeight + 8.0

        let panels =
            multiples.Panels
            |> List.mapi (fun index panel ->
                let column, row = index % columns, index / columns

                Panel.draw frame panel
                |> moved (margin + float column * frame.Width) (top + float row * frame.Height))

        let plots = float rows * frame.Height

        let up =
            Markup.element
                "text"
                [ "class", "axis"
                  "text-anchor", "middle"
                  "transform", $"translate(13 {Markup.number (top + plots / 2.0)}) rotate(-90)" ]
                [ Markup.text (Lettering.fitted "axis" plots multiples.Up) ]

        { Width = whole
          Height = top + plots + 18.0
          Content =
            [ moved margin 4.0 legend ]
            @ panels
            @ [ up
                label "axis" "middle" ((whole + margin) / 2.0) (top + plots + 8.0) multiples.Across ] }

    /// How wide a scale of colours is.
    let scaleWidth = 126.0

    /// The colours of shares, with what they are shares of.
    let scaleOf (name: string) x y : Markup =
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
              label "tick" "end" scaleWidth 19.0 "100 %"
              label "tick" "middle" (scaleWidth / 2.0) 19.0 name ]

    /// The colours of accuracies.
    let scale x y : Markup = scaleOf "accuracy" x y

    /// The drawing as an element of a page, in its own size.
    let inline' (description: string) (drawing: Drawing) : Markup =
        Markup.element
            "svg"
            [ at "width" drawing.Width
              at "height" drawing.Height
              "viewBox", $"0 0 {Markup.number drawing.Width} {Markup.number drawing.Height}"
              "role", "img"
              "aria-label", description ]
            drawing.Content

    /// The drawing as a file of its own.
    let file (description: string) (drawing: Drawing) : string =
        Markup.element
            "svg"
            [ "xmlns", "http://www.w3.org/2000/svg"
              at "width" drawing.Width
              at "height" drawing.Height
              "viewBox", $"0 0 {Markup.number drawing.Width} {Markup.number drawing.Height}"
              "role", "img"
              "aria-label", description ]
            (Markup.Own("style", [], Style.figure ())
             :: Markup.element "rect" [ "width", "100%"; "height", "100%"; "fill", Style.lightColour "paper" ] []
             :: drawing.Content)
        |> Markup.write
        |> sprintf "%s\n"
