namespace UbarFs.Report

/// Small multiples: panels that share their axes, row by row.
type Multiples =
    {
        Columns: int
        Panels: Panel list
        /// What the horizontal axis is.
        Across: string
        Up: string
    }

/// Worst accuracy against time: one panel for each setting, one line for each rule.
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

    /// Epochs, or iterations where nobody gets through one.
    let axis (groups: Group list) =
        let furthest choose = groups |> List.collect _.Curve |> List.map choose |> List.fold max 0.0

        let epochs = furthest _.Epoch

        if epochs >= 1.0 then
            "epoch", epochs, (fun (point: CurvePoint) -> point.Epoch)
        else
            "iteration", max 1.0 (furthest (fun point -> float point.Iteration)), (fun point -> float point.Iteration)

    let private percent value = $"%.0f{100.0 * value} %%"

    /// A group's line, thinned to what a small panel can show.
    let private line across (strokes: Map<string, Stroke>) index (group: Group) : Line =
        let points = Panel.thinned 120 group.Curve
        let stroke = strokes[group.Rule]

        { Rule = Some index
          Class = $"c{stroke.Colour}"
          Dash = stroke.Dash
          Points = points |> List.map (fun point -> across point, point.Mean)
          Band =
            if group.Runs.Length > 1 then
                points |> List.map (fun point -> across point, point.Lowest, point.Highest)
            else
                [] }

    let private baseline across (groups: Group list) (shown: Group list) : Line list =
        match Baseline.among groups shown.Head with
        | Ok reference when not (List.contains reference shown) ->
            [ { Rule = None
                Class = "baseline"
                Dash = "5 4"
                Points = Panel.thinned 120 reference.Curve |> List.map (fun point -> across point, point.Mean)
                Band = [] } ]
        | _ -> []

    /// The groups of each setting, without settings that hold nothing but what others are compared with and show.
    let private settings (groups: Group list) =
        let baselineOf = Baseline.among groups

        let references =
            groups
            |> List.choose (fun group ->
                match baselineOf group with
                | Ok baseline when baseline <> group -> Some baseline
                | _ -> None)

        let all = groups |> List.groupBy (fun group -> group.Settings, group.Attack) |> List.map snd
        let own = all |> List.filter (List.exists (fun group -> not (List.contains group references)))
        if own.IsEmpty then all else own

    /// The panels of a study, in the order of its runs.
    let multiples (groups: Group list) : Multiples =
        let rules = rules groups
        let strokes = Palette.strokes rules
        let settings = settings groups
        let paths = Summary.paths groups
        let name, furthest, across = axis groups

        let panel (shown: Group list) : Panel =
            { Title = Summary.title paths shown.Head
              Lines =
                baseline across groups shown
                @ (shown
                   |> List.map (fun group -> line across strokes (rules |> List.findIndex ((=) group.Rule)) group))
              Across = furthest
              Up = 1.0
              Unit = percent
              Level = Some shown.Head.Chance }

        { Columns = columns paths (List.concat settings)
          Panels = List.map panel settings
          Across = name
          Up = "worst accuracy" }

    /// The points of the panels as a table: one row for each setting, rule and evaluation.
    let table (groups: Group list) : string list * string list list =
        let paths = Summary.paths groups

        let row (group: Group) (point: CurvePoint) =
            let settings =
                paths
                |> List.map (fun path -> Map.ofList group.Settings |> Map.tryFind path |> Option.defaultValue "")

            settings
            @ [ group.Rule
                UbarFs.Engine.Csv.number point.Epoch
                string point.Iteration
                UbarFs.Engine.Csv.number point.Mean
                UbarFs.Engine.Csv.number point.Lowest
                UbarFs.Engine.Csv.number point.Highest ]

        paths
        @ [ "rule"
            "epoch"
            "iteration"
            "worst_accuracy"
            "lowest_seed"
            "highest_seed" ],
        [ for group in groups do
              for point in group.Curve -> row group point ]
