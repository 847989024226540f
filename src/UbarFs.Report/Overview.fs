namespace UbarFs.Report

/// A study at one glance: its networks under two rules, and the curves of all of them, at the most telling setting.
[<RequireQualifiedAccess>]
module Overview =

    let private at x y content =
        Markup.element "g" [ "transform", $"translate({Markup.number x} {Markup.number y})" ] content

    // The rule that fares worst there, and the one that fares best.
    let private extremes (groups: Group list) (title: string, networks: ShownNetwork list) =
        let paths = Summary.paths groups

        let worst (shown: ShownNetwork) =
            groups
            |> List.tryFind (fun group -> group.Rule = shown.Rule && Summary.title paths group = title)
            |> Option.bind _.Worst
            |> Option.map _.Mean
            |> Option.defaultValue 0.0

        List.minBy worst networks, List.maxBy worst networks

    let private network x caption (shown: ShownNetwork) =
        [ at
              x
              34.0
              (Figure.label "title" "middle" (Networks.size / 2.0) -16.0 caption
               :: Figure.label "caption" "middle" (Networks.size / 2.0) -2.0 (ShownNetwork.caption shown)
               :: (Networks.edges shown.Positions shown.Drawn.Network @ Networks.nodes shown.Positions shown.Drawn)) ]

    let private curves x (groups: Group list) title =
        let multiples = Curves.multiples groups
        let panel = multiples.Panels |> List.find (fun panel -> panel.Title = title)
        let shown = { multiples with Panels = [ panel ] }

        let keys =
            Figure.keys groups shown
            |> List.mapi (fun index key ->
                at
                    (x + 44.0 + float (index % 2) * 150.0)
                    (234.0 + float (index / 2) * 17.0)
                    [ Figure.sample key; Figure.label "key" "start" 29.0 10.0 key.Label ])

        [ Figure.label "title" "start" (x + 38.0) 18.0 $"Worst test accuracy under {title}"
          at x 24.0 (Panel.draw { panel with Title = "" })
          Figure.label "axis" "middle" (x + 150.0) 224.0 multiples.Across ]
        @ keys

    /// The picture; nothing for a study without networks to show.
    let create (groups: Group list) : Drawing option =
        match ShownNetwork.bySetting groups with
        | [] -> None
        | settings ->
            let title, networks = settings[ShownNetwork.mostTelling groups settings]
            let worst, best = extremes groups (title, networks)
            let box = Networks.size + 24.0

            Some
                { Width = 2.0 * box + Panel.width + 24.0
                  Height = 286.0
                  Content =
                    network 12.0 $"{worst.Rule} under {title}" worst
                    @ network (12.0 + box) $"{best.Rule} under {title}" best
                    @ [ Figure.scale (box - 58.0) (Networks.size + 42.0) ]
                    @ curves (2.0 * box + 16.0) groups title }
