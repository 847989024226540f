namespace UbarFs.Report

/// Small multiples: panels that share their axes, row by row.
type Multiples =
    {
        /// How many panels belong into a row, where there is room for them.
        Columns: int
        Panels: Panel list
        /// What the horizontal axis is.
        Across: string
        Up: string
    }

/// A metric against time: one panel for each setting, one line for each rule.
[<RequireQualifiedAccess>]
module Curves =

    /// The rules of a study, in the order of its runs.
    let rules (groups: Group list) = groups |> List.map _.Rule |> List.distinct

    /// As many columns as the last path has values, if that fills the rows.
    let columns (paths: string list) (groups: Group list) =
        let panels = groups |> List.distinctBy _.Settings |> List.length

        let levels =
            match List.tryLast paths with
            | None -> 1
            | Some path ->
                groups
                |> List.choose (fun group -> group.Settings |> List.tryFind (fst >> (=) path))
                |> List.distinct
                |> List.length

        if levels >= 2 && levels <= 5 && panels % levels = 0 then
            levels
        elif panels <= 4 then
            max 1 panels
        elif panels % 4 = 0 then
            4
        else
            3

    /// Epochs, or iterations where nobody gets through one: the name, the furthest value, and each reading's.
    let axis (groups: Group list) : string * float * (Reading -> float) =
        let points = groups |> List.collect _.Runs |> List.collect _.Points
        let epochs = points |> List.map _.Epoch |> List.fold max 0.0

        if epochs >= 1.0 then
            "epoch", epochs, _.Epoch
        else
            let iterations = points |> List.map (fun point -> float point.Iteration) |> List.fold max 1.0
            "iteration", iterations, (fun reading -> float reading.Iteration)

    let private hasFailed (group: Group) =
        group.Complete = 0
        && group.Runs |> List.exists (fun run -> run.Outcome.Status = UbarFs.Engine.Status.Failed)

    let private line metric most across index (stroke: Stroke) (group: Group) : Line =
        let readings = Metric.curve metric group |> Panel.thinned most
        let runs = group.Runs.Length

        { Rule = Some index
          Label = group.Rule
          Class = $"c{stroke.Colour}"
          Dash = stroke.Dash
          Marker = Some stroke.Marker
          MarksAll = false
          Points = readings |> List.map (fun reading -> across reading, reading.Mean)
          Band =
            if runs > 1 then
                readings |> List.map (fun reading -> across reading, reading.Lowest, reading.Highest)
            else
                []
          Fails = hasFailed group
          Seeds =
            if readings |> List.exists (fun reading -> reading.Seeds < runs) then
                readings |> List.map (fun (reading: Reading) -> reading.Seeds)
            else
                [] }

    /// A line for what the others are compared with.
    let baselineOf (points: (float * float) list) : Line =
        { Rule = None
          Label = "baseline without attack"
          Class = "baseline"
          Dash = "5 4"
          Marker = None
          MarksAll = false
          Points = points
          Band = []
          Fails = false
          Seeds = [] }

    /// Whether a group is one of some others.
    let isAmong (groups: Group list) : Group -> bool =
        let keys = groups |> List.map _.Key |> System.Collections.Generic.HashSet
        fun group -> keys.Contains group.Key

    /// The baseline that a group is compared with, if it has one. What it takes is done once, for all groups.
    let baselineFor (groups: Group list) : Group -> Group option =
        let find = Baseline.among groups
        fun group -> find group |> Result.toOption

    // What some groups of one setting are compared with and do not show themselves.
    let private reference (find: Group -> Group option) (alike: Group list) : Group option =
        let isShown = isAmong alike
        find alike.Head |> Option.filter (isShown >> not)

    let private baseline metric most across find (alike: Group list) : Line list =
        reference find alike
        |> Option.map (fun baseline ->
            Metric.curve metric baseline
            |> Panel.thinned most
            |> List.map (fun reading -> across reading, reading.Mean))
        |> Option.filter (List.isEmpty >> not)
        |> Option.map baselineOf
        |> Option.toList

    /// Without the groups whose setting holds nothing but what others are compared with and show. A setting is what
    /// `alike` makes of a group, and `find` its baseline.
    let worthShowing (alike: Group -> 'setting) (find: Group -> Group option) (shown: Group list) : Group list =
        let isReference =
            shown
            |> List.choose (fun group -> find group |> Option.filter (fun baseline -> baseline.Key <> group.Key))
            |> isAmong

        let own =
            shown
            |> List.groupBy alike
            |> List.filter (snd >> List.exists (isReference >> not))
            |> List.collect snd

        if own.IsEmpty then shown else own

    let private setting (group: Group) = group.Settings, group.Attack

    /// All values that lines show, bands included.
    let values (lines: Line list) =
        [ for line in lines do
              yield! List.map snd line.Points

              for _, low, high in line.Band do
                  low
                  high ]

    /// The groups that the panels of some of a study's groups show: those that their settings are compared with, too.
    let drawn (groups: Group list) (shown: Group list) : Group list =
        let find = baselineFor groups

        worthShowing setting find shown
        |> List.groupBy setting
        |> List.collect (fun (_, alike) -> alike @ Option.toList (reference find alike))
        |> List.distinctBy _.Key

    /// The panels of some of a study's groups, in their order: a metric against time, with so many points to a line at
    /// most. What they are compared with and how rules look is of all its groups.
    let ofMetric (metric: Metric) most (groups: Group list) (shown: Group list) : Multiples =
        let rules = rules groups
        let places = rules |> List.mapi (fun place rule -> rule, place) |> Map.ofList
        let strokes = Palette.strokes rules
        let find = baselineFor groups
        let shown = Metric.measuring metric shown
        let settings = worthShowing setting find shown
        let paths = Summary.paths shown
        let name, furthest, across = axis groups

        let drawn (alike: Group list) =
            alike.Head,
            baseline metric most across find alike
            @ [ for group in alike -> line metric most across places[group.Rule] strokes[group.Rule] group ]

        let panels = settings |> List.groupBy setting |> List.map (snd >> drawn)
        let up = panels |> List.collect snd |> values |> Metric.axis metric

        { Columns = columns paths settings
          Panels =
            [ for group, lines in panels ->
                  { Title = Summary.title paths group
                    Lines = lines
                    X = Axis.upTo Axis.plain furthest
                    Y = up
                    Level = if metric.HasChance then Some group.Chance else None } ]
          Across = name
          Up = Axis.title up metric.Title }

    /// Enough for a small panel.
    let mostPoints = 120

    /// The worst accuracy of all groups.
    let multiples (groups: Group list) : Multiples = ofMetric Metric.worst mostPoints groups groups
