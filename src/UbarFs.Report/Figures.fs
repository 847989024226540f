namespace UbarFs.Report

open UbarFs.Engine

/// A figure or a table of a study, with the data behind it as headings and rows.
type Exported =
    {
        Name: string
        /// What it shows, for those who cannot see it.
        Description: string
        Drawing: Drawing option
        /// Whether it is a table that a paper would print.
        IsTable: bool
        Table: string list * string list list
    }

/// The figures of a study, each with the data behind it.
[<RequireQualifiedAccess>]
module Figures =

    let private fileName (text: string) =
        String.map
            (fun letter ->
                if System.Char.IsAsciiLetterOrDigit letter then
                    letter
                else
                    '-')
            text

    let private figure name description drawing table =
        { Name = name
          Description = description
          Drawing = Some drawing
          IsTable = false
          Table = table }

    let private curves width groups shown (metric: Metric) =
        let multiples = Curves.ofMetric metric Curves.mostPoints groups shown
        let drawing = Figure.ofMultiples width (Figure.keys multiples) multiples
        // The paper's figure has the short name.
        let name =
            if metric.Name = Metric.worst.Name then
                "curves"
            else
                $"curves-{metric.Name}"

        figure name $"{metric.Title} of the benign nodes against time" drawing (Curves.table metric shown)

    let private trends width groups shown (metric: Metric) =
        [ for swept in Trends.paths shown ->
              let multiples, keys = Trends.ofMetric metric swept groups shown

              figure
                  $"{metric.Name}-against-{fileName swept.Path}"
                  $"{metric.Title} of the benign nodes at the end, against {swept.Name}"
                  (Figure.ofMultiples width keys multiples)
                  (Trends.table metric swept shown) ]

    // The points of a rule's panels: setting, line, x, y.
    let private points (multiples: Multiples) =
        [ "setting"; "line"; multiples.Across; "value" ],
        [ for panel in multiples.Panels do
              for line in panel.Lines do
                  for x, y in line.Points -> [ panel.Title; line.Label; Csv.number x; Csv.number y ] ]

    let private innerLife width (groups: Group list) (rule: string, stages: string[]) =
        let sized, shared = InnerLife.keys true stages, InnerLife.keys false stages
        let sizes, shares = InnerLife.sizes groups rule stages, InnerLife.shares groups rule stages
        let name = fileName rule

        [ figure $"{name}-sizes" $"estimates that {rule} keeps" (Figure.ofMultiples width sized sizes) (points sizes)

          if not shares.Panels.IsEmpty then
              figure
                  $"{name}-byzantine"
                  $"share of Byzantine estimates that {rule} keeps"
                  (Figure.ofMultiples width shared shares)
                  (points shares) ]

    let private nodes (networks: ShownNetwork list) =
        [ "rule"; "node"; "byzantine"; "accuracy" ],
        [ for shown in networks do
              for node in shown.Drawn.Network.Benign do
                  let accuracy = Map.tryFind node shown.Drawn.Accuracies

                  yield
                      [ shown.Rule
                        string node
                        "false"
                        accuracy |> Option.map Csv.number |> Option.defaultValue "" ]

              for node in shown.Drawn.Network.Byzantine do
                  yield [ shown.Rule; string node; "true"; "" ] ]

    let private networks width (groups: Group list) =
        match ShownNetwork.bySetting groups with
        | [] -> []
        | settings ->
            let title, shown = settings[ShownNetwork.mostTelling groups settings]
            [ figure "networks" $"the network under {title}, by rule" (NetworkFigure.draw width shown) (nodes shown) ]

    let private overview width (groups: Group list) =
        Overview.create width groups
        |> Option.map (fun drawing ->
            figure "overview" "the study at a glance" drawing (Curves.table Metric.worst groups))
        |> Option.toList

    let private usualTimingWidth = 680.0

    let private timing width (groups: Group list) =
        match Timing.rows groups with
        | [] -> []
        | rows ->
            let drawing = TimingFigure.draw (Option.defaultValue usualTimingWidth width) rows

            [ { figure "times" "time per iteration by phase" drawing (Timing.table rows) with
                  IsTable = true } ]

    /// What is wanted of a study, or what is asked for that is not there.
    let ofGroups (request: FigureRequest) (groups: Group list) : Result<Exported list, string> =
        let width = request.Width

        FigureRequest.groups request groups
        |> Result.map (fun shown ->
            List.map (curves width groups shown) request.Metrics
            @ List.collect (trends width groups shown) request.Metrics
            @ List.collect (innerLife width shown) (InnerLife.rules shown)
            @ networks width shown
            @ timing width shown
            @ overview width shown)
