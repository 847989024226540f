namespace UbarFs.Report

/// Draws networks under several rules side by side.
[<RequireQualifiedAccess>]
module NetworkFigure =

    /// A network with its nodes in a square of the drawings' own size.
    let ofShown (shown: ShownNetwork) : Markup list =
        Networks.edges shown.Positions shown.Drawn.Network @ Networks.nodes shown.Positions shown.Drawn

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

    /// The networks, each under its rule, in rows: as large as they usually are, or within a width.
    let draw (width: float option) (networks: ShownNetwork list) : Drawing =
        let columns, box = arranged width networks.Length
        let rows = (networks.Length + columns - 1) / columns
        let rowHeight = box + 34.0
        let whole = max (box * float columns) (Figure.scaleWidth + 16.0)
        let middle, fit = box / 2.0, (box - gap) / Networks.size

        let captioned index (shown: ShownNetwork) =
            let caption = if shown.Problem.IsSome then "problem" else "caption"

            Figure.moved
                (box * float (index % columns))
                (rowHeight * float (index / columns))
                [ Figure.label "title" "middle" middle 15.0 (Lettering.fitted "title" box shown.Rule)
                  Figure.label caption "middle" middle 30.0 (ShownNetwork.caption shown |> Lettering.fitted caption box)
                  Markup.element
                      "g"
                      [ "transform", $"translate({Markup.number (gap / 2.0)} 40) scale({Networks.factor fit})" ]
                      (ofShown shown) ]

        { Width = whole
          Height = rowHeight * float rows + 34.0
          Content =
            List.mapi captioned networks
            @ [ Figure.scale ((whole - Figure.scaleWidth) / 2.0) (rowHeight * float rows + 6.0) ] }
