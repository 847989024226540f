namespace UbarFs.Report

/// Draws where the time of an iteration goes: a bar for each rule, with a piece for each phase.
[<RequireQualifiedAccess>]
module TimingFigure =

    let private at name value = name, Markup.number value
    let private square = 11.0
    let private barHeight, rowHeight, lineHeight = 14.0, 22.0, 14.0

    let private key width (phase: Phase) =
        let sample =
            Markup.element "rect" [ "class", $"bar {phase.Class}"; at "width" square; at "height" square ] []

        Figure.named width [ sample ] square phase.Name

    let private pieces scale left (row: RuleTiming) =
        let piece (x, drawn) (phase: Phase) =
            let seconds = phase.Seconds row.Times
            let width = scale * seconds

            let drawn' =
                Markup.element
                    "rect"
                    [ "class", $"bar {phase.Class}"
                      at "x" x
                      at "y" 0.0
                      at "width" width
                      at "height" barHeight ]
                    [ Markup.element "title" [] [ Markup.text $"{phase.Name}: {Timing.milliseconds seconds} ms" ] ]

            x + width, drawn' :: drawn

        Timing.phases |> List.fold piece (left, []) |> snd |> List.rev

    let private name (row: RuleTiming) =
        if row.Task = "" then
            row.Rule
        else
            $"{row.Rule} ({row.Task})"

    // A row's name in lines: what tells it from the others is never cut off.
    let private names room (row: RuleTiming) =
        let lines = Lettering.wrapped "key" room System.Int32.MaxValue

        if Lettering.width "key" (name row) <= room then
            [ name row ]
        else
            lines row.Rule @ (if row.Task = "" then [] else lines row.Task)

    /// The bars within a width.
    let draw (width: float) (rows: RuleTiming list) : Drawing =
        let total (row: RuleTiming) = $"{Timing.milliseconds row.All} ms"
        let widest cls choose = rows |> List.map (choose >> Lettering.width cls) |> List.fold max 0.0
        let left = min (0.45 * width) (widest "key" name + 14.0)
        let span = width - left - widest "tick" total - 14.0
        let scale = span / (rows |> List.map _.All |> List.fold max 1e-9)
        let legend, legendHeight = Timing.phases |> List.map (key (width - 8.0)) |> Figure.flow (width - 8.0)

        let named = rows |> List.map (names (left - 12.0))
        let heights = named |> List.map (fun lines -> rowHeight + lineHeight * float (lines.Length - 1))
        let tops = heights |> List.scan (+) (legendHeight + 12.0)

        let bar top lines (row: RuleTiming) =
            let label index = Figure.label "key" "end" (left - 8.0) (11.5 + lineHeight * float index)

            Figure.moved
                0.0
                top
                (List.mapi label lines
                 @ Figure.label "tick" "start" (left + scale * row.All + 6.0) 11.0 (total row) :: pieces scale left row)

        { Width = width
          Height = List.last tops + 2.0
          Content = Figure.moved 4.0 4.0 legend :: List.map3 bar (List.truncate rows.Length tops) named rows }
