namespace UbarFs.Report

open System
open System.Globalization

/// A swept path whose values are numbers.
type SweptNumber =
    {
        Path: string
        /// What it is, as the name of an axis.
        Name: string
        Write: float -> string
    }

/// How runs end against a number that was swept: one panel for each other setting, one line for each rule.
[<RequireQualifiedAccess>]
module Trends =

    /// From so many values on a line says more than a table.
    let fewest = 3

    /// A number as scenarios write it: 0.3, 30% or 7.
    let tryNumber (text: string) : float option =
        let digits, unit =
            if text.EndsWith '%' then
                text.TrimEnd('%').TrimEnd(), 0.01
            else
                text, 1.0

        match Double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture) with
        | true, value when Double.IsFinite value -> Some(Math.Round(value * unit, 12))
        | _ -> None

    let private text path (group: Group) = group.Runs.Head.Settings |> List.tryFind (fst >> (=) path) |> Option.map snd

    let private value path group = text path group |> Option.bind tryNumber

    let private names =
        Map
            [ "network.byzantine", "Byzantine ratio"
              "network.benign", "benign nodes"
              "network.benign-ratio", "benign ratio ρ"
              "network.topology.random", "connection ratio" ]

    /// What a path is, as the name of an axis.
    let nameOf (path: string) = Map.tryFind path names |> Option.defaultValue path

    /// The swept paths whose values are numbers, at least three of them.
    let paths (groups: Group list) : SweptNumber list =
        groups
        |> List.collect (fun group -> group.Runs.Head.Settings)
        |> List.distinct
        |> List.groupBy fst
        |> List.map (fun (path, pairs) -> path, pairs |> List.map snd |> List.filter ((<>) ""))
        |> List.filter (fun (_, values) ->
            List.forall (tryNumber >> Option.isSome) values
            && (values |> List.distinctBy tryNumber).Length >= fewest)
        |> List.map (fun (path, values) ->
            { Path = path
              Name = nameOf path
              Write =
                if values |> List.forall _.EndsWith('%') then
                    Axis.percent
                else
                    Axis.plain })

    // What tells a rule from others but for what it is called and for the parameter that is on the axis.
    let private family path (group: Group) =
        group.RuleName,
        group.Runs.Head.Settings
        |> List.filter (fun (other, _) -> Summary.isOfRule other && other <> path && other <> "rule")

    /// The families of rules in which a sweep gave each value of the path a label of its own.
    let private labelled path (groups: Group list) =
        if not (Summary.isOfRule path) then
            []
        else
            groups
            |> List.filter (value path >> Option.isSome)
            |> List.groupBy (family path)
            |> List.filter (fun (_, alike) ->
                let called = alike |> List.map (fun group -> value path group, group.Rule) |> List.distinct

                (alike |> List.distinctBy (fun group -> Palette.withoutParameters group.Rule)).Length > 1
                && (List.distinctBy fst called).Length = called.Length)
            |> List.map fst

    // Lines differ in their rule, but for the parameter that is on the axis, and for what a sweep calls its values.
    let private lineOf path (groups: Group list) : Group -> string * (string * string) list =
        let labelled = labelled path groups

        fun group ->
            let family = family path group

            if not (Summary.isOfRule path) then
                group.Rule, []
            elif List.contains family labelled then
                family
            else
                let own = group.Runs.Head.Settings |> List.filter (fst >> (=) "rule")
                Palette.withoutParameters group.Rule, own @ snd family

    // Values as the axis writes them, with what a sweep calls the rule there.
    let private tick (swept: SweptNumber) (groups: Group list) : float -> string =
        let labelled = labelled swept.Path groups
        let called = groups |> List.filter (fun group -> List.contains (family swept.Path group) labelled)

        fun x ->
            let labels =
                called
                |> List.filter (fun group -> value swept.Path group = Some x)
                |> List.map _.Rule
                |> List.distinct

            String.Join(" ", swept.Write x :: labels)

    let private labels (lines: (string * (string * string) list) list) =
        let alike = lines |> List.countBy fst |> Map.ofList

        [ for rule, others in lines ->

              let words =
                  others |> List.filter (fst >> (<>) "rule") |> List.map (fun (path, value) -> $"{path} {value}")

              (rule, others),
              if alike[rule] = 1 || words.IsEmpty then
                  rule
              else
                  let words = String.concat ", " words
                  $"{rule} ({words})" ]
        |> Map.ofList

    let private settingOf path (group: Group) = group.Settings |> List.filter (fst >> (<>) path), group.Attack

    let private endings metric path (groups: Group list) =
        groups
        |> List.choose (fun group ->
            match value path group, List.choose (Metric.final metric) group.Runs with
            | Some x, (_ :: _ as values) -> Some(x, values)
            | _ -> None)
        |> List.sortBy fst

    let private failed (group: Group) =
        group.Complete = 0
        && group.Runs |> List.exists (fun run -> run.Outcome.Status = UbarFs.Engine.Status.Failed)

    let private line metric path rule label (stroke: Stroke) (groups: Group list) : Line =
        let endings = endings metric path groups
        let runs = groups |> List.map _.Runs.Length |> List.max

        { Rule = rule
          Label = label
          Class = $"c{stroke.Colour}"
          Dash = stroke.Dash
          Marker = Some stroke.Marker
          MarksAll = true
          Points = endings |> List.map (fun (x, values) -> x, List.average values)
          Band =
            if runs > 1 then
                endings |> List.map (fun (x, values) -> x, List.min values, List.max values)
            else
                []
          Fails = List.exists failed groups
          Seeds =
            if endings |> List.exists (fun (_, values) -> values.Length < runs) then
                endings |> List.map (snd >> List.length)
            else
                [] }

    // What each of the groups is compared with, where that is in another setting.
    let private baseline metric path (find: Group -> Group option) (shown: Group list) : Line list =
        let isShown = Curves.isAmong shown

        let points =
            shown
            |> List.choose (fun group ->
                match value path group, find group with
                | Some x, Some baseline when not (isShown baseline) ->
                    match List.choose (Metric.final metric) baseline.Runs with
                    | [] -> None
                    | values -> Some(x, List.average values)
                | _ -> None)
            |> List.distinctBy fst
            |> List.sortBy fst

        if points.IsEmpty then [] else [ Curves.baselineOf points ]

    /// The panels of some of a study's groups, in their order.
    let ofMetric (metric: Metric) (swept: SweptNumber) (groups: Group list) (shown: Group list) : Multiples =
        let path, find = swept.Path, Curves.baselineFor groups

        let shown =
            shown
            |> List.filter (value path >> Option.isSome)
            |> Metric.measuring metric
            |> Curves.worthShowing (settingOf path) find

        let rules = Curves.rules groups
        let lineOf = lineOf path groups
        let label = groups |> List.map lineOf |> List.distinct |> labels
        let labelOf group = label[lineOf group]

        let strokes =
            if Summary.isOfRule path then
                groups |> List.map labelOf |> List.distinct |> Palette.strokes
            else
                Palette.strokes rules

        let rule (alike: Group list) = rules |> List.tryFindIndex ((=) (labelOf alike.Head))

        let drawn (setting: Group list) =
            setting.Head,
            baseline metric path find setting
            @ [ for name, alike in List.groupBy labelOf setting ->
                    line metric path (rule alike) name strokes[name] alike ]

        let panels = shown |> List.groupBy (settingOf path) |> List.map (snd >> drawn)
        let up = panels |> List.collect snd |> Curves.values |> Metric.axis metric
        let paths = Summary.paths shown |> List.except [ path ]
        let across = shown |> List.choose (value path) |> Axis.through (tick swept groups)

        { Columns = Curves.columns paths (List.map fst panels)
          Panels =
            [ for group, lines in panels ->
                  { Title = Summary.title paths group
                    Lines = lines
                    X = across
                    Y = up
                    Level = if metric.HasChance then Some group.Chance else None } ]
          Across = Axis.title across swept.Name
          Up = Axis.title up metric.Title }

    /// The values at the end of every group as a table, in the order of the number.
    let table (metric: Metric) (swept: SweptNumber) (shown: Group list) : string list * string list list =
        let paths = Summary.paths shown |> List.except [ swept.Path ]

        let row (group: Group) x (values: float list) =
            (paths
             |> List.map (fun path -> text path group |> UbarFs.Engine.Csv.optional UbarFs.Engine.Csv.setting))
            @ [ group.Rule
                UbarFs.Engine.Csv.number x
                UbarFs.Engine.Csv.number (List.average values)
                UbarFs.Engine.Csv.number (List.min values)
                UbarFs.Engine.Csv.number (List.max values)
                string values.Length ]

        paths @ [ "rule"; swept.Path; metric.Column; "lowest_seed"; "highest_seed"; "seeds" ],
        [ for group in shown do
              for x, values in endings metric swept.Path [ group ] -> row group x values ]
