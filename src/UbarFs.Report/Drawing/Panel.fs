namespace UbarFs.Report

open System

/// A line of a panel, perhaps with a band around it; the points are in the units of the axes.
type Line =
    {
        /// Which rule it is of, as an index into the study's rules; none for what is there to compare with.
        Rule: int option
        Label: string
        /// Classes of the style sheet.
        Class: string
        Dash: string
        Marker: Marker option
        /// Whether every point has its marker, not only some along the way.
        MarksAll: bool
        Points: (float * float) list
        Band: (float * float * float) list
        /// Whether it ends because a run failed.
        Fails: bool
        /// How many seeds each point is of, where that is not all of them.
        Seeds: int list
    }

/// What a legend says of one kind of line.
type Key =
    {
        Label: string
        Class: string
        Dash: string
        Marker: Marker option
        /// Whose line it is, as an index into the study's rules.
        Rule: int option
    }

/// One small chart.
type Panel =
    {
        Title: string
        Lines: Line list
        X: Axis
        Y: Axis
        /// A level worth a dotted line, such as that of guessing.
        Level: float option
    }

/// The size of a panel, in units of which 96 are an inch. Text is the same size in all of them.
type Frame = { Width: float; Height: float; TitleLines: int }

/// Draws panels as SVG.
[<RequireQualifiedAccess>]
module Panel =

    let private left, right, bottom = 42.0, 12.0, 24.0
    let private titleHeight = 14.0
    let private top (frame: Frame) = 10.0 + titleHeight * float frame.TitleLines

    // A title may take so many lines.
    let private mostTitleLines = 3

    let private titleRoom width = width - left - right

    /// A frame that has room for the panels' titles.
    let frame width height (panels: Panel list) : Frame =
        let lines panel =
            Lettering.wrapped "title" (titleRoom width) mostTitleLines panel.Title |> List.length

        { Width = width
          Height = height
          TitleLines = panels |> List.map lines |> List.fold max 1 }

    /// Where the plot is in the box, for whoever points at it: left, top, width, height.
    let plot (frame: Frame) = left, top frame, frame.Width - left - right, frame.Height - top frame - bottom

    let private at name value = name, Markup.number value

    let private x (frame: Frame) panel value = left + (frame.Width - left - right) * Axis.place panel.X value

    let private y (frame: Frame) panel value =
        frame.Height - bottom - (frame.Height - top frame - bottom) * Axis.place panel.Y value

    let private label cls anchor horizontal vertical text =
        Markup.element
            "text"
            [ "class", cls; "text-anchor", anchor; at "x" horizontal; at "y" vertical ]
            [ Markup.text text ]

    let private rule cls (x1, y1) (x2, y2) =
        Markup.element "line" [ "class", cls; at "x1" x1; at "y1" y1; at "x2" x2; at "y2" y2 ] []

    // Ticks that would run into the one before, or out of the box, are left out; the last one stays.
    let private across (frame: Frame) panel =
        let placed =
            panel.X.Ticks
            |> List.map (fun (value, text) ->
                let half = Lettering.width "tick" text / 2.0
                let middle = x frame panel value
                middle - half, middle + half, (min middle (frame.Width - half - 1.0), text))

        let keep kept (low, high, tick) =
            match kept with
            | (next, _, _) :: _ when high + 5.0 > next -> kept
            | kept -> (low, high, tick) :: kept

        List.rev placed |> List.fold keep [] |> List.map (fun (_, _, tick) -> tick)

    let private grid (frame: Frame) panel =
        [ for value, text in panel.Y.Ticks do
              let height = y frame panel value
              rule "grid" (left, height) (frame.Width - right, height)
              label "tick" "end" (left - 5.0) (height + 3.5) text

          for middle, text in across frame panel do
              label "tick" "middle" middle (frame.Height - bottom + 14.0) text

          match panel.Level with
          | Some level ->
              let height = y frame panel level
              rule "level" (left, height) (frame.Width - right, height)
          | None -> () ]

    let private path (frame: Frame) panel points =
        points
        |> List.mapi (fun index (horizontal, vertical) ->
            let command = if index = 0 then "M" else "L"
            $"{command}{Markup.number (x frame panel horizontal)} {Markup.number (y frame panel vertical)}")
        |> String.concat ""

    let private band (frame: Frame) panel points =
        let upper = points |> List.map (fun (horizontal, _, high) -> horizontal, high)
        let lower = points |> List.map (fun (horizontal, low, _) -> horizontal, low) |> List.rev
        path frame panel (upper @ lower) + "Z"

    let private owner (line: Line) =
        match line.Rule with
        | Some rule -> [ "data-rule", string rule ]
        | None -> []

    let private dashed (line: Line) =
        if line.Dash = "" then
            []
        else
            [ "stroke-dasharray", line.Dash ]

    let private bands frame panel (line: Line) =
        if line.Band.Length < 2 then
            []
        else
            [ Markup.element "path" ([ "class", $"band {line.Class}"; "d", band frame panel line.Band ] @ owner line) [] ]

    let private stroke frame panel (line: Line) =
        if line.Points.Length < 2 then
            []
        else
            [ Markup.element
                  "path"
                  ([ "class", $"line {line.Class}"; "d", path frame panel line.Points ] @ dashed line @ owner line)
                  [] ]

    // So many markers along a line, at places that differ from line to line, so that lines that coincide show all of theirs.
    let private spaced number (points: (float * float) list) =
        let marks = 4.0
        let offset = float (number * 5 % 12) / 12.0
        let last = float (points.Length - 1)

        [ for index in 0.0 .. marks - 1.0 -> int (Math.Round(last * (index + offset) / marks)) ]
        |> List.distinct
        |> List.map (fun index -> List.item index points)

    let private markers frame panel (line: Line) =
        let place (horizontal, vertical) = x frame panel horizontal, y frame panel vertical

        let marked =
            match line.Marker, line.Points with
            | None, [ _ ] -> [ Marker.Circle, line.Points ]
            | None, _
            | _, [] -> []
            | Some marker, points when line.MarksAll || points.Length <= 5 -> [ marker, points ]
            | Some marker, points -> [ marker, spaced (Option.defaultValue 0 line.Rule) points ]

        [ for marker, points in marked do
              for point in points do
                  Markers.draw line.Class (owner line) (place point) marker

          match List.tryLast line.Points with
          | Some last when line.Fails -> Markers.failure line.Class (owner line) (place last)
          | _ -> () ]

    let private title (frame: Frame) panel =
        Lettering.wrapped "title" (titleRoom frame.Width) mostTitleLines panel.Title
        |> List.mapi (fun index line -> label "title" "start" left (14.0 + titleHeight * float index) line)

    /// What a panel consists of, in a box of the frame's size.
    let draw (frame: Frame) (panel: Panel) : Markup list =
        title frame panel
        @ grid frame panel
        @ List.collect (bands frame panel) panel.Lines
        @ List.collect (stroke frame panel) panel.Lines
        @ List.collect (markers frame panel) panel.Lines

    /// At most so many of the points, evenly, with the first and the last.
    let thinned most (points: 'point list) =
        if points.Length <= most then
            points
        else
            let points = Array.ofList points
            let last = points.Length - 1

            [ for index in 0 .. most - 1 -> points[int (Math.Round(float index * float last / float (most - 1)))] ]
