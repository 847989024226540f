namespace UbarFs.Report

open UbarFs.Engine

/// The part of a live page that shows the runs under way.
[<RequireQualifiedAccess>]
module UnderwaySection =

    let private percent share = $"{int (floor (100.0 * share + 1e-9))} %%"
    let private left seconds = "about " + ForecastTable.duration seconds

    /// The paths in which the runs of a study differ, the seed included.
    let private paths (study: Study) =
        let swept = study.Runs |> List.collect _.Settings |> List.distinct |> List.countBy fst

        swept |> List.filter (fun (_, values) -> values > 1) |> List.map fst

    let private progress (activity: Activity) =
        match activity.Share with
        | None -> [ Markup.text "begins" ]
        | Some share ->
            [ Markup.element "progress" [ "max", "1"; "value", Csv.number share; "aria-label", percent share ] []
              Markup.text (" " + percent share) ]

    let private row paths (study: Study) (activity: Activity) =
        let cell children = Markup.element "td" [] children
        let figure text = Element.withClass "td" "figure" [ Markup.text text ]

        study.Runs
        |> List.tryFind (fun run -> run.Identity.Id = activity.Id)
        |> Option.map (fun run ->
            let values = Map.ofList run.Settings
            let last = List.tryLast run.Points

            Markup.element
                "tr"
                []
                ([ for path in paths -> cell [ values |> Map.tryFind path |> Option.defaultValue "" |> Markup.text ] ]
                 @ [ figure (string run.Identity.Seed)
                     cell (progress activity)
                     figure (last |> Option.map (fun point -> $"%.1f{100.0 * point.Worst}") |> Option.defaultValue "–")
                     figure (activity.SecondsLeft |> Option.map left |> Option.defaultValue "–")
                     cell [ Markup.text activity.Holder ] ]))

    let private summary (secondsLeft: float option) (study: Study) (activities: Activity list) =
        let complete =
            study.Runs |> List.filter (fun run -> run.Outcome.Status = Status.Complete) |> List.length

        let rest =
            secondsLeft
            |> Option.map (fun seconds -> $"; all of them in {left seconds} if the others take as long")
            |> Option.defaultValue ""

        $"{activities.Length} under way, {complete} of {study.Runs.Length} complete{rest}."

    /// The runs under way, with the seconds until all runs are complete where somebody knows; empty where nothing is under
    /// way. It has the id `underway`, by which the page's script finds it.
    let create (secondsLeft: float option) (activities: Activity list) (study: Study) : Markup =
        if activities.IsEmpty then
            Markup.element "section" [ "id", "underway"; "hidden", "hidden" ] []
        else
            let paths = paths study
            let heading cls name = Markup.element "th" (("scope", "col") :: cls) [ Markup.text name ]
            let figure = [ "class", "figure" ]

            Element.section
                "underway"
                "Under way"
                [ Element.note (summary secondsLeft study activities)
                  Element.scrolling
                      ([ for name in Summary.headings paths -> heading [] name ]
                       @ [ heading figure "seed"
                           heading [] "done"
                           heading figure "worst % so far"
                           heading figure "time left"
                           heading [] "by" ])
                      (List.choose (row paths study) activities) ]
