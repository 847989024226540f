namespace UbarFs.Report

open System
open System.Globalization

/// A line of a panel, perhaps with a band around it; the points are in the units of the axes.
type Line =
    {
        /// Which rule it is of, as an index into the study's rules; none for what is there to compare with.
        Rule: int option
        /// Classes of the style sheet.
        Class: string
        Dash: string
        Points: (float * float) list
        Band: (float * float * float) list
    }

/// One small chart.
type Panel =
    {
        Title: string
        Lines: Line list
        /// The largest x of all panels that share the axis.
        Across: float
        /// The largest y, and how to write a value.
        Up: float
        Unit: float -> string
        /// A level worth a dotted line, such as that of guessing.
        Level: float option
    }

/// Draws panels as SVG.
[<RequireQualifiedAccess>]
module Panel =

    let width, height = 264.0, 190.0
    let private left, right, top, bottom = 38.0, 10.0, 24.0, 24.0

    /// A round step that divides a range into about so many parts.
    let step (range: float) (parts: float) =
        let raw = range / parts
        let magnitude = 10.0 ** floor (log10 raw)

        [ 1.0; 2.0; 2.5; 5.0; 10.0 ]
        |> List.map ((*) magnitude)
        |> List.find (fun step -> step >= raw * 0.999)

    let private ticks (largest: float) parts =
        let step = step largest parts
        [ for index in 0 .. int (largest / step + 1e-6) -> float index * step ]

    let private plain (value: float) = value.ToString("0.###", CultureInfo.InvariantCulture)
    let private at name value = name, Markup.number value

    let private x panel value = left + (width - left - right) * value / panel.Across
    let private y panel value = height - bottom - (height - top - bottom) * value / panel.Up

    let private label cls anchor horizontal vertical text =
        Markup.element
            "text"
            [ "class", cls; "text-anchor", anchor; at "x" horizontal; at "y" vertical ]
            [ Markup.text text ]

    let private rule cls (x1, y1) (x2, y2) =
        Markup.element "line" [ "class", cls; at "x1" x1; at "y1" y1; at "x2" x2; at "y2" y2 ] []

    let private grid panel =
        [ for tick in ticks panel.Up 4.0 do
              rule "grid" (left, y panel tick) (width - right, y panel tick)
              label "tick" "end" (left - 5.0) (y panel tick + 3.5) (panel.Unit tick)

          for tick in ticks panel.Across 4.0 do
              label "tick" "middle" (x panel tick) (height - bottom + 14.0) (plain tick)

          match panel.Level with
          | Some level -> rule "level" (left, y panel level) (width - right, y panel level)
          | None -> () ]

    let private path panel points =
        points
        |> List.mapi (fun index (horizontal, vertical) ->
            let command = if index = 0 then "M" else "L"
            $"{command}{Markup.number (x panel horizontal)} {Markup.number (y panel vertical)}")
        |> String.concat ""

    let private band panel points =
        let upper = points |> List.map (fun (horizontal, _, high) -> horizontal, high)
        let lower = points |> List.map (fun (horizontal, low, _) -> horizontal, low) |> List.rev
        path panel (upper @ lower) + "Z"

    let private owner line =
        match line.Rule with
        | Some rule -> [ "data-rule", string rule ]
        | None -> []

    let private dashed line =
        if line.Dash = "" then
            []
        else
            [ "stroke-dasharray", line.Dash ]

    let private bands panel line =
        if line.Band.IsEmpty then
            []
        else
            [ Markup.element "path" ([ "class", $"band {line.Class}"; "d", band panel line.Band ] @ owner line) [] ]

    let private stroke panel line =
        match line.Points with
        | [] -> []
        | [ horizontal, vertical ] ->
            [ Markup.element
                  "circle"
                  ([ "class", $"dot {line.Class}"
                     at "cx" (x panel horizontal)
                     at "cy" (y panel vertical)
                     at "r" 2.5 ]
                   @ owner line)
                  [] ]
        | points ->
            [ Markup.element
                  "path"
                  ([ "class", $"line {line.Class}"; "d", path panel points ] @ dashed line @ owner line)
                  [] ]

    /// A bold letter's width, on the generous side.
    let private letter = 7.4

    /// The title above the plot, narrower where it would not fit.
    let private title panel =
        let room = width - left - right

        let narrowed =
            if float panel.Title.Length * letter > room then
                [ at "textLength" room; "lengthAdjust", "spacingAndGlyphs" ]
            else
                []

        Markup.element "text" ([ "class", "title"; at "x" left; at "y" 14.0 ] @ narrowed) [ Markup.text panel.Title ]

    /// What a panel consists of, in a box of its own size.
    let draw (panel: Panel) : Markup list =
        [ title panel ]
        @ grid panel
        @ List.collect (bands panel) panel.Lines
        @ List.collect (stroke panel) panel.Lines

    /// Where the plot is in the box: for whoever points at it.
    let plot = left, top, width - left - right, height - top - bottom

    /// At most so many of the points, evenly, with the first and the last.
    let thinned most (points: 'point list) =
        if points.Length <= most then
            points
        else
            let points = Array.ofList points
            let last = points.Length - 1

            [ for index in 0 .. most - 1 -> points[int (Math.Round(float index * float last / float (most - 1)))] ]
