namespace UbarFs.Report

open UbarFs.Engine

/// A figure or a table of a study, with the data behind it as headings and rows.
type Exported =
    {
        Name: string
        /// What it shows, for those who cannot see it.
        Description: string
        Drawing: Drawing option
        /// The table that a paper would print, if it is one.
        Paper: PaperTable option
        Data: string list * string list list
    }

/// The figures of a study, each with the data behind it.
[<RequireQualifiedAccess>]
module Figures =

    // A rule's name, with what its parameters are, as a part of a file's name.
    let private fileName (text: string) =
        text.Split(
            text |> Seq.filter (fun letter -> not (System.Char.IsAsciiLetterOrDigit letter)) |> Array.ofSeq,
            System.StringSplitOptions.RemoveEmptyEntries
        )
        |> String.concat "-"

    let private figure name description drawing data =
        { Name = name
          Description = description
          Drawing = Some drawing
          Paper = None
          Data = data }

    let private runs (groups: Group list) = groups |> List.collect _.Runs

    let private curves width groups shown (metric: Metric) =
        let multiples = Curves.ofMetric metric Curves.mostPoints groups shown
        let drawing = Figure.ofMultiples width (Figure.keys multiples) multiples
        // The paper's figure has the short name.
        let name =
            if metric.Name = Metric.worst.Name then
                "curves"
            else
                $"curves-{metric.Name}"

        figure
            name
            $"{metric.Title} of the benign nodes against time"
            drawing
            (Curves.drawn groups shown |> runs |> FigureData.evaluations metric)

    let private trends width groups shown (metric: Metric) =
        [ for swept in Trends.paths shown ->
              let multiples = Trends.ofMetric metric swept groups shown

              figure
                  $"{metric.Name}-against-{fileName swept.Path}"
                  $"{metric.Title} of the benign nodes at the end, against {swept.Name}"
                  (Figure.ofMultiples width (Figure.keys multiples) multiples)
                  (Trends.table metric swept shown) ]

    let private worst width groups shown =
        match WorstAttack.panels groups shown with
        | [] -> []
        | panels ->
            let drawing = WorstFigure.draw (Option.defaultValue WorstFigure.usualWidth width) panels

            [ { figure "worst-over-attacks" "worst accuracy over attacks, by rule" drawing (FigureData.worst panels) with
                  Paper = Some(WorstTable.paper panels) } ]

    let private choices (groups: Group list) =
        match Choices.ofGroups groups with
        | [] -> []
        | choices ->
            [ { Name = "chosen-on-validation"
                Description = "every rule at the setting that was chosen on images held out"
                Drawing = None
                Paper = Some(ChoiceTable.paper choices)
                Data = ChoiceTable.csv choices } ]

    let private innerLife width (groups: Group list) (rule: string, stages: string[]) =
        let sized, shared = InnerLife.keys true stages, InnerLife.keys false stages
        let sizes, shares = InnerLife.sizes groups rule stages, InnerLife.shares groups rule stages
        let name = fileName rule
        let own = groups |> List.filter (fun group -> group.Rule = rule)

        [ figure
              $"{name}-sizes"
              $"estimates that {rule} keeps"
              (Figure.ofMultiples width sized sizes)
              (FigureData.sizes stages (runs own))

          if not shares.Panels.IsEmpty then
              figure
                  $"{name}-byzantine"
                  $"share of Byzantine estimates that {rule} keeps"
                  (Figure.ofMultiples width shared shares)
                  (InnerLife.lying own |> runs |> FigureData.shares stages) ]

    let private networks width (groups: Group list) =
        match ShownNetwork.bySetting groups with
        | [] -> []
        | settings ->
            let title, shown = settings[ShownNetwork.mostTelling groups settings]

            [ figure
                  "networks"
                  $"the network under {title}, by rule"
                  (NetworkFigure.draw width title shown)
                  (FigureData.nodes shown) ]

    let private overview width groups shown =
        Overview.create width groups shown
        |> Option.map (fun drawing ->
            let drawn = Overview.drawn groups shown |> runs
            figure "overview" "the study at a glance" drawing (FigureData.evaluations Metric.worst drawn))
        |> Option.toList

    let private usualTimingWidth = 680.0

    let private timing width (groups: Group list) =
        match Timing.rows groups with
        | [] -> []
        | rows ->
            let drawing = TimingFigure.draw (Option.defaultValue usualTimingWidth width) rows

            let headings, cells = Timing.table rows
            let counted = rows |> List.map _.Runs |> Summary.counted "run"

            let caption =
                [ "Time of one iteration of the whole network, in milliseconds: medians over the stretches between \
                   evaluations."
                  $"Each row is over {counted}." ]

            [ { figure "times" "time per iteration by phase" drawing (FigureData.times (runs groups)) with
                  Paper = Some { Caption = caption; Headings = headings; Rows = cells } } ]

    /// The same with names that differ: rules can be called alike but for marks that no file's name has.
    let private named (all: Exported list) =
        let number index (exported: Exported) =
            let before = all |> List.truncate index |> List.filter (fun other -> other.Name = exported.Name)

            if before.IsEmpty then
                exported
            else
                { exported with Name = $"{exported.Name}-{before.Length + 1}" }

        List.mapi number all

    /// What is wanted of a study, or what is asked for that is not there.
    let ofGroups (request: FigureRequest) (groups: Group list) : Result<Exported list, string> =
        let width = request.Width

        FigureRequest.groups request groups
        |> Result.map (fun shown ->
            List.map (curves width groups shown) request.Metrics
            @ List.collect (trends width groups shown) request.Metrics
            @ worst width groups shown
            @ choices shown
            @ List.collect (innerLife width shown) (InnerLife.rules shown)
            @ networks width shown
            @ timing width shown
            @ overview width groups shown
            |> named)
