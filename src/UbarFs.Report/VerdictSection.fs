namespace UbarFs.Report

/// The part of the page that judges every rule in every setting.
[<RequireQualifiedAccess>]
module VerdictSection =

    let private verdictClass verdict =
        match verdict with
        | Standing.AsGood -> "good"
        | Standing.Degraded -> "fair"
        | Standing.Destroyed -> "bad"
        | Standing.Unknown -> ""

    let private mark (verdict: Standing) = Element.withClass "span" "mark" [ Markup.text verdict.Mark ]

    let private count verdicts verdict = verdicts |> List.filter ((=) verdict) |> List.length

    let private words verdicts =
        let counted =
            [ Standing.AsGood, "as good as the baseline"
              Standing.Degraded, "degraded"
              Standing.Destroyed, "destroyed" ]
            |> List.choose (fun (verdict, words) ->
                match count verdicts verdict with
                | 0 -> None
                | number -> Some $"{number} {words}")

        String.concat ", " counted

    let private tally (table: VerdictTable) =
        VerdictTable.tally table
        |> List.collect (fun (rule, verdicts) ->
            [ Element.withClass "span" "name" [ Markup.text rule ]
              Element.withClass
                  "span"
                  "marks"
                  [ for verdict in verdicts ->
                        Element.withClass "span" (verdictClass verdict) [ Markup.text verdict.Mark ] ]
              Element.withClass "span" "words" [ Markup.text (words verdicts) ] ])
        |> Element.withClass "div" "tally"

    let private heading (isFigure: bool) name =
        Markup.element
            "th"
            ([ "scope", "col" ]
             @ (if isFigure then
                    [ "class", "figure"; "data-first", "descending" ]
                else
                    []))
            [ Markup.element "button" [ "type", "button" ] [ Markup.text name ] ]

    let private settingCell index value =
        let shared = [ "data-value", value ]

        Markup.element
            (if index = 0 then "th" else "td")
            (if index = 0 then
                 ("scope", "row") :: ("class", "sticky") :: shared
             else
                 shared)
            [ Markup.text value ]

    let private figureCell (baselines: Group list) (cell: Judged option) =
        match cell with
        | None -> Markup.element "td" [ "class", "figure"; "data-value", "" ] []
        | Some judged ->
            let value =
                judged.Group.Worst |> Option.map (_.Mean >> UbarFs.Engine.Csv.number) |> Option.defaultValue ""

            let isBaseline = List.contains judged.Group baselines
            let cls = if isBaseline then " isbaseline" else ""

            let title = if isBaseline then "baseline" else string judged.Verdict

            Markup.element
                "td"
                [ "class", $"figure {verdictClass judged.Verdict}{cls}"
                  "data-value", value
                  "title", title ]
                [ Markup.text (VerdictTable.cellText cell + " ")
                  mark judged.Verdict
                  Element.withClass "span" "spoken" [ Markup.text title ] ]

    let verdicts (groups: Group list) =
        let table = VerdictTable.create groups

        let baselines =
            groups
            |> List.choose (Standing.reference groups)
            |> List.filter _.IsBaseline
            |> List.map _.Group
            |> List.distinct

        let definition = Standing.definition groups

        let row (row: VerdictRow) =
            Markup.element "tr" [] (List.mapi settingCell row.Settings @ List.map (figureCell baselines) row.Cells)

        Element.section
            "verdicts"
            "Verdict"
            [ tally table
              Element.note
                  "Worst test accuracy of a benign node at the end, in per cent: mean ± standard deviation over the seeds."
              Element.scrolling
                  (List.map (heading false) table.Headings @ List.map (heading true) table.Rules)
                  (List.map row table.Rows)
              Element.note definition.Head
              Element.note (String.concat "; " definition.Tail + ".")
              if not baselines.IsEmpty then
                  Element.note "A frame marks what the others are compared with." ]
