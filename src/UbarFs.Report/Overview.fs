namespace UbarFs.Report

/// A study at one glance: its networks under two rules, and the curves of all of them, at the most telling setting.
[<RequireQualifiedAccess>]
module Overview =

    let private moved x y content =
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

    let private network (shown: ShownNetwork) =
        let middle = Networks.size / 2.0

        Figure.label "title" "middle" middle -20.0 shown.Rule
        :: Figure.label "caption" "middle" middle -5.0 $"nodes at {ShownNetwork.caption shown}"
        :: (Networks.edges shown.Positions shown.Drawn.Network @ Networks.nodes shown.Positions shown.Drawn)

    // What the shapes are.
    let private shapes =
        [ Markup.element
              "circle"
              [ "class", "node"
                "cx", "8"
                "cy", "4"
                "r", "5"
                "fill", Palette.ofShare 0.75 ]
              []
          Figure.label "caption" "start" 19.0 8.0 "benign"
          Markup.element "rect" [ "class", "liar"; "x", "72"; "y", "-1"; "width", "10"; "height", "10" ] []
          Figure.label "caption" "start" 88.0 8.0 "Byzantine" ]

    let private enlargement = 1.3

    let private curves (groups: Group list) title =
        let multiples = Curves.multiples groups

        let panel =
            multiples.Panels
            |> List.tryFind (fun panel -> panel.Title = title)
            |> Option.defaultValue multiples.Panels.Head

        let width, height = enlargement * Panel.width, enlargement * Panel.height
        let legend, _ = Figure.legend (width - 40.0) (Figure.keys groups { multiples with Panels = [ panel ] })

        [ Markup.element
              "g"
              [ "transform", $"scale({Markup.number enlargement})" ]
              (Panel.draw { panel with Title = multiples.Up })
          Figure.label "axis" "middle" (width / 2.0 + 16.0) (height + 8.0) multiples.Across
          moved 40.0 (height + 14.0) legend ]

    /// The picture; nothing for a study without networks to show.
    let create (groups: Group list) : Drawing option =
        match ShownNetwork.bySetting groups with
        | [] -> None
        | settings ->
            let title, networks = settings[ShownNetwork.mostTelling groups settings]
            let worst, best = extremes groups (title, networks)
            let box = Networks.size + 22.0

            Some
                { Width = 2.0 * box + enlargement * Panel.width + 20.0
                  Height = 346.0
                  Content =
                    [ Figure.label "heading" "start" 16.0 24.0 title
                      moved 12.0 74.0 (network worst)
                      moved (12.0 + box) 74.0 (network best)
                      moved (box - 176.0) (Networks.size + 92.0) shapes
                      Figure.scale (box + 14.0) (Networks.size + 92.0)
                      moved (2.0 * box + 8.0) 12.0 (curves groups title) ] }
