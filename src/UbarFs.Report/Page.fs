namespace UbarFs.Report

open System
open System.Security.Cryptography
open System.Text

/// The report as one page that needs nothing else: no network, no other file.
[<RequireQualifiedAccess>]
module Page =

    let private element name cls children = Markup.element name [ "class", cls ] children
    let private text name content = Markup.element name [] [ Markup.text content ]
    let private note content = element "p" "note" [ Markup.text content ]

    let private section id heading children = Markup.element "section" [ "id", id ] (text "h2" heading :: children)

    let private verdictClass verdict =
        match verdict with
        | Standing.AsGood -> "good"
        | Standing.Degraded -> "fair"
        | Standing.Destroyed -> "bad"
        | Standing.Unknown -> ""

    let private mark (verdict: Standing) = element "span" "mark" [ Markup.text verdict.Mark ]

    // ---- What was asked

    let private facts (study: Study) =
        let distinct choose = study.Runs |> List.map choose |> List.distinct |> String.concat ", "

        let complete =
            study.Runs
            |> List.filter (fun run -> run.Outcome.Status = UbarFs.Engine.Status.Complete)
            |> List.length

        let seeds = study.Runs |> List.distinctBy _.Identity.Seed |> List.length
        let seconds = study.Runs |> List.choose _.Outcome.Seconds |> List.sum
        let plural count word = if count = 1 then $"1 {word}" else $"{count} {word}s"
        let runs = plural study.Runs.Length "run"

        element
            "p"
            "facts"
            [ text "b" $"{complete} of {runs}"
              Markup.text " complete · "
              text "b" (plural seeds "seed")
              Markup.text " · "
              text "b" (distinct _.Identity.Dataset)
              Markup.text ", "
              text "b" (distinct _.Identity.Model)
              Markup.text $" · computed in {ForecastTable.duration seconds}" ]

    let private question (study: Study) =
        Markup.element
            "header"
            []
            [ text "h1" study.Name
              if study.Description <> "" then
                  element "p" "lead" [ Markup.text study.Description ]
              facts study ]

    // ---- Verdicts

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
            [ element "span" "name" [ Markup.text rule ]
              element
                  "span"
                  "marks"
                  [ for verdict in verdicts -> element "span" (verdictClass verdict) [ Markup.text verdict.Mark ] ]
              element "span" "words" [ Markup.text (words verdicts) ] ])
        |> element "div" "tally"

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
                  element "span" "spoken" [ Markup.text title ] ]

    let private verdicts (groups: Group list) =
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

        section
            "verdicts"
            "Verdict"
            [ tally table
              note
                  "Worst test accuracy of a benign node at the end, in per cent: mean ± standard deviation over the seeds."
              element
                  "div"
                  "scroll"
                  [ Markup.element
                        "table"
                        []
                        [ Markup.element
                              "thead"
                              []
                              [ Markup.element
                                    "tr"
                                    []
                                    (List.map (heading false) table.Headings @ List.map (heading true) table.Rules) ]
                          Markup.element "tbody" [] (List.map row table.Rows) ] ]
              note definition.Head
              note (String.concat "; " definition.Tail + ".")
              if not baselines.IsEmpty then
                  note "A frame marks what the others are compared with." ]

    // ---- Small multiples

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

        element
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
        | None -> element "span" "key" [ sample key; Markup.text key.Label ]

    let private legend keys = element "div" "legend" (List.map key keys)

    let private curves (groups: Group list) (drawn: Multiples) =
        let seeds = groups |> List.exists (fun group -> group.Runs.Length > 1)

        let shaded =
            if seeds then
                " Shaded: from the lowest to the highest seed."
            else
                ""

        section
            "curves"
            "How the worst node learns"
            [ note $"Worst test accuracy against {drawn.Across}. The dotted line is guessing.{shaded}"
              legend (Figure.keys groups drawn)
              multiples (fun index -> [ "data-panel", string index ]) drawn ]

    // ---- The inner life of selecting rules

    let private ofRule (groups: Group list) (rule: string, stages: string[]) =
        let sizes, shares = InnerLife.sizes groups rule stages, InnerLife.shares groups rule stages

        [ text "h3" $"Estimates that a node receives and {rule} keeps, against {sizes.Across}"
          legend (Figure.stageKeys true stages)
          multiples (fun _ -> []) sizes
          if not shares.Panels.IsEmpty then
              text "h3" $"Share of the Byzantine estimates received that each stage of {rule} keeps"
              legend (Figure.stageKeys false stages)
              multiples (fun _ -> []) shares ]

    let private innerLife (groups: Group list) =
        let isUbar (rule: string, _) = rule.StartsWith "ubar"

        match InnerLife.rules groups |> List.partition isUbar with
        | [], [] -> []
        | ubar, others ->
            [ section
                  "inner-life"
                  "What the rules keep"
                  [ note "Means over the benign nodes, the iterations since the last evaluation, and the seeds."
                    yield! List.collect (ofRule groups) ubar
                    for rule in others do
                        Markup.element "details" [] (text "summary" (fst rule) :: ofRule groups rule) ] ]

    // ---- Networks

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
              Markup.element "figcaption" [] [ Markup.text shown.Rule; text "small" (ShownNetwork.caption shown) ] ]

    let private networks (groups: Group list) =
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
                    [ text "h3" title
                      element "div" "networks" (List.map (network references) networks) ]

            [ section
                  "networks"
                  "The network, node by node"
                  ([ note
                         "Circles are benign nodes in the colour of their accuracy at the end, squares are Byzantine; \
                          one seed. Point at a node for its figure."
                     Markup.element
                         "svg"
                         [ "class", "scale"; "viewBox", "0 0 142 22"; "aria-hidden", "true" ]
                         [ Figure.scale 8.0 1.0 ]
                     Markup.element "svg" [ "class", "unseen"; "aria-hidden", "true" ] definitions
                     if settings.Length > 1 then
                         Markup.element "select" [ "data-networks", ""; "aria-label", "setting" ] options ]
                   @ List.mapi shown settings) ]

    // ---- Times

    let private plainTable (headings: string list, rows: string list list) =
        let figure index = if index > 0 then [ "class", "figure" ] else []

        element
            "div"
            "scroll"
            [ Markup.element
                  "table"
                  []
                  [ Markup.element
                        "thead"
                        []
                        [ Markup.element
                              "tr"
                              []
                              (headings
                               |> List.mapi (fun index name ->
                                   Markup.element "th" ([ "scope", "col" ] @ figure index) [ Markup.text name ])) ]
                    Markup.element
                        "tbody"
                        []
                        [ for row in rows ->
                              Markup.element
                                  "tr"
                                  []
                                  (row
                                   |> List.mapi (fun index cell ->
                                       Markup.element "td" (figure index) [ Markup.text cell ])) ] ] ]

    let private times (study: Study) =
        match Timing.rows study with
        | [] -> []
        | rows ->
            [ section
                  "times"
                  "Time per iteration"
                  [ note
                        "Milliseconds for one iteration of the whole network: medians over the stretches between \
                         evaluations. Aggregation includes the losses of received estimates and the update."
                    element "div" "times" [ Figure.inline' "time per iteration by phase" (Figure.timing rows) ]
                    plainTable (Timing.table rows) ] ]

    // ---- Where it comes from

    let private scenarios (study: Study) =
        section
            "scenario"
            "The scenario in full"
            [ for name, scenario in study.Scenarios ->
                  Markup.element "details" [] [ text "summary" name; text "pre" scenario ] ]

    let private provenance (study: Study) =
        let values =
            study.Runs
            |> List.collect _.Outcome.Provenance
            |> List.distinct
            |> List.groupBy fst
            |> List.map (fun (name, values) -> [ name; values |> List.map snd |> String.concat ", " ])

        let row (cells: string list) =
            Markup.element
                "tr"
                []
                [ Markup.element "th" [ "scope", "row" ] [ Markup.text cells[0] ]
                  Markup.element "td" [ "class", "text" ] [ Markup.text cells[1] ] ]

        let folders = String.concat ", " study.Folders

        section
            "provenance"
            "Provenance"
            [ element "div" "scroll" [ Markup.element "table" [] [ Markup.element "tbody" [] (List.map row values) ] ]
              note $"Runs: {folders}. Each run's own folder has its settings and measurements." ]

    // ---- The page

    let private security (script: string) isLive =
        let digest = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes script))
        let connect = if isLive then " connect-src 'self';" else ""

        $"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}';{connect} "
        + "base-uri 'none'; form-action 'none'"

    let private head (study: Study) script isLive =
        Markup.element
            "head"
            []
            [ Markup.element "meta" [ "charset", "utf-8" ] []
              Markup.element "meta" [ "name", "viewport"; "content", "width=device-width, initial-scale=1" ] []
              Markup.element "meta" [ "http-equiv", "Content-Security-Policy"; "content", security script isLive ] []
              Markup.element "link" [ "rel", "icon"; "href", "data:," ] []
              text "title" $"{study.Name} – UbarFs"
              Markup.Own("style", [], Style.page ()) ]

    let private page isLive (study: Study) : string =
        let groups = Summary.groups study
        let drawn = Curves.multiples groups
        let script = Style.embedded "report.js"

        let content =
            [ question study; verdicts groups; curves groups drawn ]
            @ innerLife groups
            @ networks groups
            @ times study
            @ [ scenarios study
                provenance study
                Markup.Own("script", [ "type", "application/json"; "id", "data" ], PageData.create groups drawn) ]

        let body =
            [ Markup.element "main" [] content
              if isLive then
                  Markup.element "p" [ "id", "live"; "class", "note"; "role", "status" ] []
              Markup.element "footer" [] [ Markup.text "Made by UbarFs." ]
              Markup.Own("script", [], script) ]

        "<!DOCTYPE html>\n"
        + Markup.write (
            Markup.element "html" [ "lang", "en" ] [ head study script isLive; Markup.element "body" [] body ]
        )
        + "\n"

    /// The report of a study.
    let create (study: Study) : string = page false study

    /// The same as a page that asks the server that it came from for news.
    let createLive (study: Study) : string = page true study
