namespace UbarFs.Report

/// Draws the worst over the attacks: a row for each rule, a column for each value of what was swept, and in a cell the
/// accuracy and the attack on the colour of the share kept.
[<RequireQualifiedAccess>]
module WorstFigure =

    let private at name value = name, Markup.number value

    let private usualCell, narrowestCell = 108.0, 78.0
    let private headHeight, footHeight, lineHeight, gap = 16.0, 20.0, 12.0, 14.0

    /// As wide as it usually is.
    let usualWidth = 720.0

    /// How large everything is in a figure.
    type private Sizes =
        {
            /// Room for the names of the rules.
            Left: float
            Cell: float
            /// So many columns are side by side; further ones go into a panel of their own below.
            Columns: int
            /// Whether seeds and attacks take a line each.
            IsStacked: bool
        }

        member sizes.CellHeight = if sizes.IsStacked then 60.0 else 48.0

    let private counts (panel: WorstPanel) cell = [ WorstTable.seeds cell; WorstTable.attacks panel cell ]
    let private inOneLine = String.concat ", "

    let private sizes (width: float) (panels: WorstPanel list) : Sizes =
        let widest cls texts = texts |> List.map (Lettering.width cls) |> List.fold max 0.0
        let left = min (0.4 * width) (panels |> List.collect _.Rules |> widest "key" |> (+) 14.0)
        let room = width - left - 6.0
        let most = panels |> List.map _.Columns.Length |> List.max
        let fitting = int (room / narrowestCell) |> max 1
        let blocks = (most + fitting - 1) / fitting
        let columns = (most + blocks - 1) / blocks
        let cell = min usualCell (room / float columns)

        let said =
            [ for panel in panels do
                  for cell in panel.Cells -> counts panel cell |> inOneLine ]

        { Left = left
          Cell = cell
          Columns = columns
          IsStacked = widest "cell-text" said > cell - 8.0 }

    let private background (sizes: Sizes) (cell: WorstCell) : Markup * string =
        let rectangle inset attributes =
            Markup.element
                "rect"
                (attributes
                 @ [ at "x" inset
                     at "y" inset
                     at "width" (sizes.Cell - 2.0 * inset)
                     at "height" (sizes.CellHeight - 2.0 * inset) ])
                []

        match cell.Remarks, cell.Hardest |> Option.bind _.Kept with
        | [], Some kept ->
            let colour = Palette.ofShare kept
            rectangle 0.5 [ "fill", colour ], Palette.textOn colour
        | _ -> rectangle 2.0 [ "class", "unsure" ], ""

    let private drawnCell (sizes: Sizes) (panel: WorstPanel) (cell: WorstCell) : Markup list =
        let rectangle, over = background sizes cell
        let marked = if cell.Remarks.IsEmpty then "" else $" {WorstTable.mark}"
        let unit' = if cell.Hardest.IsSome then " %" else ""

        let line index text =
            Lettering.fitted "cell-text" (sizes.Cell - 6.0) text
            |> Figure.label $"cell-text {over}" "middle" (sizes.Cell / 2.0) (28.5 + lineHeight * float index)

        let lines =
            if sizes.IsStacked then
                counts panel cell
            else
                [ counts panel cell |> inOneLine ]

        [ Markup.element "title" [] [ Markup.text (WorstTable.full panel cell) ]
          rectangle
          Figure.label
              $"cell-value {over}"
              "middle"
              (sizes.Cell / 2.0)
              16.0
              $"{WorstTable.accuracy cell}{unit'}{marked}"
          yield! WorstTable.attack panel cell :: lines |> List.mapi line ]

    let private notRun (sizes: Sizes) =
        [ Figure.label "tick" "middle" (sizes.Cell / 2.0) (sizes.CellHeight / 2.0 + 4.0) "–" ]

    let private row (sizes: Sizes) (panel: WorstPanel) columns top index rule =
        let y = top + float index * sizes.CellHeight
        let name = Lettering.fitted "key" (sizes.Left - 12.0) rule

        [ Figure.label "key" "end" (sizes.Left - 8.0) (y + sizes.CellHeight / 2.0 + 4.0) name
          for place, (value, _) in List.indexed columns do
              let content =
                  match panel.TryCell(rule, value) with
                  | Some cell -> drawnCell sizes panel cell
                  | None -> notRun sizes

              Figure.moved (sizes.Left + float place * sizes.Cell) y content ]

    /// Some of a panel's columns, with the rules, and their height.
    let private block (sizes: Sizes) room (panel: WorstPanel) isFirst columns : Markup list * float =
        let span = float (List.length columns) * sizes.Cell

        let titles =
            if panel.Title = "" || not isFirst then
                []
            else
                Lettering.wrapped "title" (room - 8.0) 2 panel.Title

        let heads = if panel.Path.IsSome then headHeight else 4.0
        let top = headHeight * float titles.Length + heads
        let bottom = top + float panel.Rules.Length * sizes.CellHeight

        let head place (_, written) =
            let x = sizes.Left + (float place + 0.5) * sizes.Cell
            Lettering.fitted "tick" (sizes.Cell - 4.0) written |> Figure.label "tick" "middle" x (top - 5.0)

        let content =
            [ for index, title in List.indexed titles do
                  Figure.label "title" "start" 4.0 (11.0 + headHeight * float index) title
              if panel.Path.IsSome then
                  yield! List.mapi head columns

                  Lettering.fitted
                      "axis"
                      (2.0 * min (room - sizes.Left - span / 2.0) (sizes.Left + span / 2.0))
                      panel.Across
                  |> Figure.label "axis" "middle" (sizes.Left + span / 2.0) (bottom + 14.0)
              yield! panel.Rules |> List.mapi (row sizes panel columns top) |> List.concat ]

        content, bottom + (if panel.Path.IsSome then footHeight else 4.0)

    let private unsureKey width =
        let sample = Markup.element "rect" [ "class", "unsure"; at "width" 14.0; at "height" 11.0 ] []
        Figure.named width [ sample ] 14.0 $"{WorstTable.mark} incomplete, or no baseline"

    let private legend width (panels: WorstPanel list) : Markup list * float =
        let cells = panels |> List.collect _.Cells
        let isColoured (cell: WorstCell) = cell.Remarks.IsEmpty

        let scale = Figure.scaleWidth + 24.0, [ Figure.scaleOf "share kept" 0.0 0.0 ]

        let things =
            [ if List.exists isColoured cells then
                  scale
              if not (List.forall isColoured cells) then
                  unsureKey width ]

        // The scale is higher than a row.
        let drawn, height = Figure.flow width things
        drawn, height + 8.0

    /// The panels, one below the other, within a width.
    let draw (width: float) (panels: WorstPanel list) : Drawing =
        let sizes = sizes width panels
        let legend, legendHeight = legend (width - 8.0) panels

        let place (top, drawn) (panel, isFirst, columns) =
            let content, height = block sizes width panel isFirst columns
            top + height + gap, Figure.moved 0.0 top content :: drawn

        let bottom, drawn =
            panels
            |> List.collect (fun panel ->
                panel.Columns
                |> List.chunkBySize sizes.Columns
                |> List.mapi (fun index columns -> panel, index = 0, columns))
            |> List.fold place (legendHeight + 10.0, [])

        let across = min sizes.Columns (panels |> List.map _.Columns.Length |> List.max)
        let needed = sizes.Left + float across * sizes.Cell + 6.0

        { Width = min width (max needed (2.0 * Figure.scaleWidth + 60.0))
          Height = bottom - gap + 4.0
          Content = Figure.moved 4.0 4.0 legend :: List.rev drawn }
