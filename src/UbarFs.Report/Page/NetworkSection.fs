namespace UbarFs.Report

/// The part of the page that draws the networks, node by node.
[<RequireQualifiedAccess>]
module NetworkSection =

    let private network (references: Map<string, string>) (shown: ShownNetwork) =
        Markup.element
            "figure"
            []
            [ Markup.element
                  "svg"
                  [ "viewBox", $"0 0 {Markup.number Networks.size} {Markup.number Networks.size}"
                    "role", "img"
                    "aria-label", $"the network under {shown.Rule}" ]
                  (Markup.element "use" [ "href", "#" + references[shown.EdgeKey] ] []
                   :: Networks.nodes shown.Positions shown.Drawn)
              Markup.element
                  "figcaption"
                  []
                  [ Markup.text shown.Rule
                    Markup.element
                        "small"
                        (if shown.Problem.IsSome then [ "class", "problem" ] else [])
                        [ Markup.text (ShownNetwork.caption shown) ] ] ]

    let networks (groups: Group list) =
        match ShownNetwork.bySetting groups with
        | [] -> []
        | settings ->
            let distinct = settings |> List.collect snd |> List.distinctBy _.EdgeKey

            let references =
                distinct |> List.mapi (fun index shown -> shown.EdgeKey, $"edges-{index}") |> Map.ofList

            let definitions =
                [ for shown in distinct ->
                      Markup.element
                          "g"
                          [ "id", references[shown.EdgeKey] ]
                          (Networks.edges shown.Positions shown.Drawn.Network) ]

            let chosen = ShownNetwork.mostTelling groups settings

            let options =
                [ for index, (title, _) in List.indexed settings ->
                      Markup.element
                          "option"
                          ([ "value", string index ] @ (if index = chosen then [ "selected", "" ] else []))
                          [ Markup.text title ] ]

            let shown index (title, networks) =
                Markup.element
                    "div"
                    ([ "data-setting", string index ] @ (if index = chosen then [] else [ "hidden", "" ]))
                    [ Element.text "h3" (NetworkFigure.heading title networks)
                      Element.withClass "div" "networks" (List.map (network references) networks) ]

            [ Element.section
                  "networks"
                  "The network, node by node"
                  ([ Element.note
                         "Circles are benign nodes in the colour of their accuracy at the end, squares are Byzantine, a \
                          ring in the middle is a server; one seed. Where the run failed, the circles have no colour. Point \
                          at a node for its figure."
                     Markup.element
                         "svg"
                         [ "class", "scale"; "viewBox", "0 0 142 22"; "aria-hidden", "true" ]
                         [ Figure.scale 8.0 1.0 ]
                     Markup.element "svg" [ "class", "unseen"; "aria-hidden", "true" ] definitions
                     if settings.Length > 1 then
                         Markup.element "select" [ "data-networks", ""; "aria-label", "setting" ] options ]
                   @ List.mapi shown settings) ]
