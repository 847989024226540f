namespace UbarFs.Report

/// A study at one glance: its networks under two rules, and the curves of all of them, at the most telling setting.
[<RequireQualifiedAccess>]
module Overview =

    // The rule that fares worst there, and the one that fares best, of those that have a figure.
    let private extremes (groups: Group list) (title: string, networks: ShownNetwork list) =
        let paths = Summary.paths groups

        let worst (shown: ShownNetwork) =
            groups
            |> List.tryFind (fun group -> group.Rule = shown.Rule && Summary.title paths group = title)
            |> Option.bind _.Worst
            |> Option.map _.Mean

        match networks |> List.filter (worst >> Option.isSome) with
        | [] -> List.head networks, List.last networks
        | judged -> List.minBy worst judged, List.maxBy worst judged

    // The title of the most telling setting, its networks, and the groups that have it.
    let private chosen (shown: Group list) =
        match ShownNetwork.bySetting shown with
        | [] -> None
        | settings ->
            let title, networks = settings[ShownNetwork.mostTelling shown settings]
            let paths = Summary.paths shown
            Some(title, networks, shown |> List.filter (fun group -> Summary.title paths group = title))

    /// The groups whose curves the picture of some of a study's groups has.
    let drawn (groups: Group list) (shown: Group list) : Group list =
        match chosen shown with
        | Some(_, _, alike) -> Curves.drawn groups alike
        | None -> []

    let private network box (shown: ShownNetwork) =
        let fit = (box - 22.0) / Networks.size
        let middle = box / 2.0

        [ Figure.label "title" "middle" middle 12.0 (Lettering.fitted "title" box shown.Rule)
          Figure.label "caption" "middle" middle 27.0 (Lettering.fitted "caption" box (ShownNetwork.caption shown))
          Markup.element
              "g"
              [ "transform", $"translate(11 36) scale({Networks.factor fit})" ]
              (NetworkFigure.ofShown shown) ]

    // The networks side by side with what their shapes and colours are, and their height.
    let private networks box (worst, best) =
        let bottom = 36.0 + box - 22.0 + 20.0

        // Below each other where they do not fit beside each other.
        let isNarrow = box < NetworkFigure.shapesWidth + 16.0
        let scaleLeft, scaleTop = if isNarrow then 8.0, bottom + 22.0 else box + 14.0, bottom

        [ Figure.moved 0.0 0.0 (network box worst)
          Figure.moved box 0.0 (network box best)
          Figure.moved (if isNarrow then 6.0 else box - NetworkFigure.shapesWidth) bottom NetworkFigure.shapes
          Figure.scale scaleLeft scaleTop ],
        scaleTop + 26.0

    // The curves of all rules, of a size, with their legend and height.
    let private curves (groups: Group list) shown title width height =
        let multiples = Curves.ofMetric Metric.worst Curves.mostPoints groups shown

        let panel =
            multiples.Panels
            |> List.tryFind (fun panel -> panel.Title = title)
            |> Option.defaultValue multiples.Panels.Head

        let panel = { panel with Title = multiples.Up }
        let frame = Panel.frame width height [ panel ]

        let legend, legendHeight =
            Figure.legend (width - 48.0) (Figure.keys { multiples with Panels = [ panel ] })

        [ Figure.moved 0.0 0.0 (Panel.draw frame panel)
          Figure.label "axis" "middle" (width / 2.0 + 15.0) (height + 8.0) multiples.Across
          Figure.moved 40.0 (height + 18.0) legend ],
        height + 18.0 + legendHeight

    // Beside each other where there is room, otherwise below each other.
    let private roomy = 740.0
    let private usual, largestBox, top = 848.0, 242.0, 38.0

    /// The picture of some of a study's groups, as wide as usual or of some width; nothing where there are no networks to
    /// show. What they are compared with and how rules look is of all its groups.
    let create (width: float option) (groups: Group list) (shown: Group list) : Drawing option =
        match chosen shown with
        | None -> None
        | Some(title, drawn, _) ->
            let width = Option.defaultValue usual width
            let isWide = width >= roomy
            let box = if isWide then largestBox else min largestBox (width / 2.0)
            let networks, networksHeight = networks box (extremes shown (title, drawn))

            let left, above =
                if isWide then
                    2.0 * box + 8.0, 0.0
                else
                    0.0, networksHeight + 8.0

            let curvesWidth = width - left
            let curves, curvesHeight = curves groups shown title curvesWidth (min 250.0 (0.72 * curvesWidth))
            let heading = Lettering.fitted "heading" (width - 24.0) title

            Some
                { Width = width
                  Height = top + max networksHeight (above + curvesHeight) + 4.0
                  Content =
                    [ Figure.label "heading" "start" 12.0 24.0 heading
                      Figure.moved 0.0 top networks
                      Figure.moved left (top + above) curves ] }
