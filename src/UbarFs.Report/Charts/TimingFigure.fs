namespace UbarFs.Report

/// Draws where the time of an iteration goes: a bar for each rule, with a piece for each phase.
[<RequireQualifiedAccess>]
module TimingFigure =

    let private at name value = name, Markup.number value
    let private square = 11.0
    let private barHeight, rowHeight = 14.0, 22.0

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

    /// The bars within a width.
    let draw (width: float) (rows: RuleTiming list) : Drawing =
        let several = rows |> List.distinctBy _.Task |> List.length > 1
        let name (row: RuleTiming) = if several then $"{row.Rule} ({row.Task})" else row.Rule
        let total (row: RuleTiming) = $"{Timing.milliseconds row.All} ms"
        let widest cls choose = rows |> List.map (choose >> Lettering.width cls) |> List.fold max 0.0
        let left = min (0.45 * width) (widest "key" name + 14.0)
        let span = width - left - widest "tick" total - 14.0
        let scale = span / (rows |> List.map _.All |> List.fold max 1e-9)
        let legend, legendHeight = Timing.phases |> List.map (key (width - 8.0)) |> Figure.flow (width - 8.0)

        let bar index (row: RuleTiming) =
            Figure.moved
                0.0
                (legendHeight + 12.0 + rowHeight * float index)
                (Figure.label "key" "end" (left - 8.0) 11.5 (Lettering.fitted "key" (left - 12.0) (name row))
                 :: Figure.label "tick" "start" (left + scale * row.All + 6.0) 11.0 (total row)
                 :: pieces scale left row)

        { Width = width
          Height = legendHeight + 14.0 + rowHeight * float rows.Length
          Content = Figure.moved 4.0 4.0 legend :: List.mapi bar rows }
