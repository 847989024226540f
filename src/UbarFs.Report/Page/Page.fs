namespace UbarFs.Report

open System
open System.Security.Cryptography
open System.Text

/// The report as one page that needs nothing else: no network, no other file.
[<RequireQualifiedAccess>]
module Page =

    // Records of runs under way do not say yet how long these took: the clock does.
    let private seconds (now: DateTimeOffset) (run: StudyRun) =
        match run.Outcome.Status, run.Outcome.Seconds, List.tryLast run.Outcome.Sittings with
        | UbarFs.Engine.Status.Running, _, Some(started, _, before) ->
            Option.defaultValue 0.0 before + max 0.0 (now - started).TotalSeconds
        | _, Some seconds, _ -> seconds
        | _ -> run.Points |> List.tryLast |> Option.map _.Elapsed |> Option.defaultValue 0.0

    let private facts (study: Study) (groups: Group list) =
        let distinct choose = study.Runs |> List.map choose |> List.distinct |> String.concat ", "

        let complete =
            study.Runs
            |> List.filter (fun run -> run.Outcome.Status = UbarFs.Engine.Status.Complete)
            |> List.length

        let seeds = groups |> List.map _.Runs.Length |> Summary.counted "seed"
        let seconds = study.Runs |> List.sumBy (seconds DateTimeOffset.UtcNow)

        let soFar =
            if study.Runs |> List.exists (fun run -> run.Outcome.Status = UbarFs.Engine.Status.Running) then
                " so far"
            else
                ""

        let plural count word = if count = 1 then $"1 {word}" else $"{count} {word}s"
        let runs = plural study.Runs.Length "run"

        Element.withClass
            "p"
            "facts"
            [ Element.text "b" $"{complete} of {runs}"
              Markup.text " complete · "
              Element.text "b" seeds
              Markup.text " · "
              Element.text "b" (distinct _.Identity.Dataset)
              Markup.text ", "
              Element.text "b" (distinct _.Identity.Model)
              Markup.text $" · computed in {ForecastTable.duration seconds}{soFar}" ]

    let private question (study: Study) (groups: Group list) =
        Markup.element
            "header"
            []
            [ Element.text "h1" study.Name
              for line in study.Description.Split('\n', StringSplitOptions.RemoveEmptyEntries) do
                  Element.withClass "p" "lead" [ Markup.text line ]
              facts study groups
              yield! ProblemSection.problems groups
              for sentence in Summary.problems study @ Summary.remarks study @ Summary.others study do
                  Element.note sentence ]

    // A chart of its own for narrow screens: text keeps its size.
    let private timingWidths = [ "wide", 720.0; "narrow", 340.0 ]

    let private times (groups: Group list) =
        match Timing.rows groups with
        | [] -> []
        | rows ->
            [ Element.section
                  "times"
                  "Time per iteration"
                  [ Element.note
                        "One iteration of the whole network: medians over the stretches between evaluations of all runs of \
                         the rule. Pieces of a bar are in the order of the names above it, and columns of the table. \
                         Aggregation is the losses of received estimates, the rule and the update; a real network would \
                         not wait for the attack."
                    for name, width in timingWidths do
                        Element.withClass
                            "div"
                            $"times {name}"
                            [ Figure.inline' "time per iteration by phase" (TimingFigure.draw width rows) ]
                    Element.table (Timing.table rows) ] ]

    let private scenarios (study: Study) =
        Element.section
            "scenario"
            "The scenario in full"
            [ for name, scenario in study.Scenarios ->
                  Markup.element "details" [] [ Element.text "summary" name; Element.text "pre" scenario ] ]

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

        Element.section
            "provenance"
            "Provenance"
            [ Element.withClass
                  "div"
                  "scroll"
                  [ Markup.element "table" [] [ Markup.element "tbody" [] (List.map row values) ] ]
              Element.note $"Runs: {folders}. Each run's own folder has its settings and measurements." ]

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
              Element.text "title" $"{study.Name} – UbarFs"
              Markup.Own("style", [], Style.page ()) ]

    /// A page; a live one has the section on the runs under way.
    let private page (live: Markup option) (study: Study) : string =
        let isLive = live.IsSome
        let groups = Summary.groups study
        let panels = CurveSections.prepare groups
        let script = Style.embedded "report.js"

        let content =
            [ question study groups
              yield! Option.toList live
              VerdictSection.verdicts groups ]
            @ ChoiceSection.choices groups
            @ WorstSection.worst groups
            @ CurveSections.trends groups panels
            @ [ CurveSections.curves groups panels ]
            @ CurveSections.agreement groups panels
            @ CurveSections.innerLife groups
            @ NetworkSection.networks groups
            @ ShareSection.shares groups
            @ times groups
            @ [ scenarios study
                provenance study
                Markup.Own("script", [ "type", "application/json"; "id", "data" ], PageData.create panels.Pointed) ]

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
    let create (study: Study) : string = page None study

    /// What a live page shows of the runs under way, with the seconds until all runs are complete where somebody knows:
    /// the part of it that changes all the time.
    let underway (secondsLeft: float option) (activities: Activity list) (study: Study) : string =
        UnderwaySection.create secondsLeft activities study |> Markup.write

    /// The same as a page that asks the server that it came from for news.
    let createLive (secondsLeft: float option) (activities: Activity list) (study: Study) : string =
        page (Some(UnderwaySection.create secondsLeft activities study)) (Activity.mark activities study)
