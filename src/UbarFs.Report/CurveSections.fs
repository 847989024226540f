namespace UbarFs.Report

/// The parts of the page that are small multiples: how the worst node learns, and what the rules keep.
[<RequireQualifiedAccess>]
module CurveSections =

    let private panel across attributes (panel: Panel) =
        Markup.element
            "figure"
            []
            [ Markup.element
                  "svg"
                  ([ "viewBox", $"0 0 {Markup.number Panel.width} {Markup.number Panel.height}"
                     "role", "img"
                     "aria-label", $"{panel.Title}, against {across}" ]
                   @ attributes)
                  (Panel.draw panel) ]

    let private multiples attributes (multiples: Multiples) =
        let across = multiples.Across

        Element.withClass
            "div"
            $"multiples columns{multiples.Columns}"
            [ for index, drawn in List.indexed multiples.Panels -> panel across (attributes index) drawn ]

    let private sample key =
        Markup.element "svg" [ "viewBox", "0 0 24 12"; "aria-hidden", "true" ] [ Figure.sample key ]

    let private key (key: Key) =
        match key.Rule with
        | Some rule ->
            Markup.element
                "button"
                [ "type", "button"; "data-toggle", string rule; "aria-pressed", "true" ]
                [ sample key; Markup.text key.Label ]
        | None -> Element.withClass "span" "key" [ sample key; Markup.text key.Label ]

    let private legend keys = Element.withClass "div" "legend" (List.map key keys)

    let curves (groups: Group list) (drawn: Multiples) =
        let seeds = groups |> List.exists (fun group -> group.Runs.Length > 1)

        let shaded =
            if seeds then
                " Shaded: from the lowest to the highest seed."
            else
                ""

        Element.section
            "curves"
            "How the worst node learns"
            [ Element.note $"Worst test accuracy against {drawn.Across}. The dotted line is guessing.{shaded}"
              legend (Figure.keys groups drawn)
              multiples (fun index -> [ "data-panel", string index ]) drawn ]

    let private ofRule (groups: Group list) (rule: string, stages: string[]) =
        let sizes, shares = InnerLife.sizes groups rule stages, InnerLife.shares groups rule stages

        [ Element.text "h3" $"Estimates that a node receives and {rule} keeps, against {sizes.Across}"
          legend (Figure.stageKeys true stages)
          multiples (fun _ -> []) sizes
          if not shares.Panels.IsEmpty then
              Element.text "h3" $"Share of the Byzantine estimates received that each stage of {rule} keeps"
              legend (Figure.stageKeys false stages)
              multiples (fun _ -> []) shares ]

    let innerLife (groups: Group list) =
        let isUbar (rule: string, _) = rule.StartsWith "ubar"

        match InnerLife.rules groups |> List.partition isUbar with
        | [], [] -> []
        | ubar, others ->
            [ Element.section
                  "inner-life"
                  "What the rules keep"
                  [ Element.note "Means over the benign nodes, the iterations since the last evaluation, and the seeds."
                    yield! List.collect (ofRule groups) ubar
                    for rule in others do
                        Markup.element "details" [] (Element.text "summary" (fst rule) :: ofRule groups rule) ] ]
