namespace UbarFs.Report

/// Draws at which Byzantine ratios each rule holds: a bar for each, which becomes thinner where the rule is degraded and a
/// line where it is destroyed. Where nothing is decided there is a dotted line.
[<RequireQualifiedAccess>]
module BreakingFigure =

    let private at name value = name, Markup.number value
    let private rowHeight, square = 24.0, 11.0

    /// What a piece of a bar says, with its look and its share of the bar's height.
    type private Piece = { Name: string; Class: string; Share: float }

    let private good = { Name = "as good as the baseline"; Class = "bar c0"; Share = 1.0 }
    let private degraded = { Name = "degraded"; Class = "bar c1"; Share = 0.6 }
    let private destroyed = { Name = "destroyed"; Class = "bar c5"; Share = 0.25 }
    let private barHeight = 14.0

    let private rectangle (piece: Piece) left right =
        let height = piece.Share * barHeight

        Markup.element
            "rect"
            [ "class", piece.Class
              at "x" left
              at "y" ((barHeight - height) / 2.0)
              at "width" (right - left)
              at "height" height ]
            [ Markup.element "title" [] [ Markup.text piece.Name ] ]

    let private dots left right =
        Markup.element
            "path"
            [ "class", "level"
              "d", $"M{Markup.number left},{Markup.number (barHeight / 2.0)}H{Markup.number right}" ]
            []

    let private key width (piece: Piece) =
        let sample =
            Markup.element
                "rect"
                [ "class", piece.Class
                  at "y" (square * (1.0 - piece.Share) / 2.0)
                  at "width" square
                  at "height" (square * piece.Share) ]
                []

        Figure.named width [ sample ] square piece.Name

    let private undecidedKey width =
        let sample = Markup.element "path" [ "class", "level"; "d", "M0,5.5H22" ] []
        Figure.named width [ sample ] 22.0 "undecided"

    // From where to where a bar is what, in ratios.
    let private pieces breaking (finding: Finding) : (Piece option * float * float) list =
        let ratio (confirmed: Confirmed option) = confirmed |> Option.map (fun one -> Breaking.ratio breaking one.Place)

        let last = Breaking.ratio breaking breaking.Liars.Length

        match finding with
        | Finding.Points(first, second) ->
            let holds = ratio first.Holds |> Option.defaultValue 0.0
            let falls = ratio first.Falls |> Option.defaultValue last
            let ends = ratio second.Falls |> Option.defaultValue last
            // Between what holds and what falls.
            let stays = ratio second.Holds |> Option.defaultValue falls |> max falls |> min ends

            [ Some good, 0.0, holds
              None, holds, falls
              Some degraded, falls, stays
              None, stays, ends
              if second.Falls.IsSome then
                  Some destroyed, ends, last ]
        | Finding.NoResult _
        | Finding.Unfinished _ -> [ None, 0.0, last ]

    /// The figure within a width.
    let draw (width: float) (breaking: Breaking) : Drawing =
        let rules = breaking.Findings |> List.map fst
        let widest = rules |> List.map (Lettering.width "key") |> List.fold max 0.0
        let left = min (0.4 * width) (widest + 16.0)
        let span = width - left - 24.0
        let last = Breaking.ratio breaking breaking.Liars.Length
        let axis = Axis.upTo Axis.percent last
        let x value = left + span * Axis.place axis value

        let legend, legendHeight =
            undecidedKey (width - 8.0) :: ([ good; degraded; destroyed ] |> List.map (key (width - 8.0)))
            |> Figure.flow (width - 8.0)

        let top = legendHeight + 14.0
        let bottom = top + rowHeight * float rules.Length

        let grid =
            [ for value, text in axis.Ticks do
                  Markup.element
                      "line"
                      [ "class", "grid"
                        at "x1" (x value)
                        at "x2" (x value)
                        at "y1" (top - 4.0)
                        at "y2" bottom ]
                      []

                  Figure.label "tick" "middle" (x value) (bottom + 14.0) text ]

        let row index (rule, finding) =
            let drawn =
                pieces breaking finding
                |> List.filter (fun (_, low, high) -> high > low)
                |> List.map (fun (piece, low, high) ->
                    match piece with
                    | Some piece -> rectangle piece (x low) (x high)
                    | None -> dots (x low) (x high))

            let name = Lettering.fitted "key" (left - 12.0) rule
            Figure.moved 0.0 (top + rowHeight * float index) (Figure.label "key" "end" (left - 8.0) 11.5 name :: drawn)

        let axisName = Figure.label "axis" "middle" (left + span / 2.0) (bottom + 31.0) "Byzantine ratio"

        { Width = width
          Height = bottom + 40.0
          Content = Figure.moved 4.0 4.0 legend :: grid @ axisName :: List.mapi row breaking.Findings }

    /// As wide as it usually is.
    let usualWidth = 520.0

    /// The figure and the table, with their data.
    let exported (breaking: Breaking) : Exported =
        { Name = "breaking-points"
          Description = "at which Byzantine ratios each rule holds"
          Drawing = Some(draw usualWidth breaking)
          Paper = Some(Breaking.paper breaking)
          Data = Breaking.csv breaking }
