namespace UbarFs.Report

/// Draws networks under several rules side by side.
[<RequireQualifiedAccess>]
module NetworkFigure =

    /// A network with its nodes in a square of the drawings' own size.
    let ofShown (shown: ShownNetwork) : Markup list =
        Networks.edges shown.Positions shown.Drawn.Network @ Networks.nodes shown.Positions shown.Drawn

    /// How wide the legend of the shapes is.
    let shapesWidth = 148.0

    /// What the shapes are.
    let shapes: Markup list =
        [ Markup.element
              "circle"
              [ "class", "node"
                "cx", "8"
                "cy", "4"
                "r", "5"
                "fill", Palette.ofShare 0.75 ]
              []
          Figure.label "caption" "start" 17.0 8.0 "benign"
          Markup.element "rect" [ "class", "liar"; "x", "62"; "y", "-1"; "width", "10"; "height", "10" ] []
          Figure.label "caption" "start" 77.0 8.0 "Byzantine" ]

    /// The setting that networks are of, and their seed: that of the first run of each that is complete.
    let heading (title: string) (networks: ShownNetwork list) =
        match networks |> List.map _.Run.Identity.Seed |> List.distinct with
        | [ seed ] -> $"{title}, seed {seed}"
        | _ -> title

    let private headingHeight = 26.0

    let private usual, narrowest, gap = 236.0, 130.0, 16.0

    // As many to a row as there is room for, the rows about equally long.
    let private arranged width count =
        let room =
            match width with
            | None -> 4
            | Some width -> max 1 (int (width / narrowest)) |> min 6

        let rows = (count + room - 1) / room
        let columns = (count + rows - 1) / rows

        columns,
        match width with
        | None -> usual
        | Some width -> min usual (width / float columns)

    /// The networks of a setting, each under its rule, in rows: as large as they usually are, or within a width.
    let draw (width: float option) (title: string) (networks: ShownNetwork list) : Drawing =
        let columns, box = arranged width networks.Length
        let rows = (networks.Length + columns - 1) / columns
        let rowHeight = box + 34.0
        let whole = max (box * float columns) (max shapesWidth Figure.scaleWidth + 16.0)
        let middle, fit = box / 2.0, (box - gap) / Networks.size

        let captioned index (shown: ShownNetwork) =
            let caption = if shown.Problem.IsSome then "problem" else "caption"

            Figure.moved
                (box * float (index % columns))
                (headingHeight + rowHeight * float (index / columns))
                [ Figure.label "title" "middle" middle 15.0 (Lettering.fitted "title" box shown.Rule)
                  Figure.label caption "middle" middle 30.0 (ShownNetwork.caption shown |> Lettering.fitted caption box)
                  Markup.element
                      "g"
                      [ "transform", $"translate({Markup.number (gap / 2.0)} 40) scale({Networks.factor fit})" ]
                      (ofShown shown) ]

        let bottom = headingHeight + rowHeight * float rows + 6.0
        let legend = shapesWidth + 12.0 + Figure.scaleWidth

        // Beside each other where they fit, otherwise below each other.
        let left, scaleLeft, scaleTop =
            if legend + 16.0 <= whole then
                (whole - legend) / 2.0, (whole - legend) / 2.0 + shapesWidth + 12.0, bottom
            else
                (whole - shapesWidth) / 2.0, (whole - Figure.scaleWidth) / 2.0, bottom + 22.0

        { Width = whole
          Height = scaleTop + 28.0
          Content =
            [ heading title networks
              |> Lettering.fitted "heading" (whole - 16.0)
              |> Figure.label "heading" "start" 8.0 20.0
              yield! List.mapi captioned networks
              Figure.moved left bottom shapes
              Figure.scale scaleLeft scaleTop ] }
