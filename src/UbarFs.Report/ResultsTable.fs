namespace UbarFs.Report

open Spectre.Console
open UbarFs.Engine

/// The final table of a study for the terminal: a row for each setting and rule, in at most 80 columns where the
/// settings let it.
[<RequireQualifiedAccess>]
module ResultsTable =

    let private curveWidth = 7

    let private colour verdict =
        match verdict with
        | Standing.AsGood -> "green"
        | Standing.Degraded -> "yellow"
        | Standing.Destroyed -> "red"
        | Standing.Unknown -> "default"

    let private time (group: Group) =
        match group.Problem with
        | None when group.Seconds < 100.0 -> $"%.1f{group.Seconds} s"
        | None -> ForecastTable.duration group.Seconds
        | Some problem when group.Runs.Length = 1 -> problem
        | Some problem -> $"{group.Complete} of {group.Runs.Length} runs ({problem})"

    let private verdictText verdict (baseline: Group option) (group: Group) =
        match verdict with
        | _ when baseline = Some group -> "baseline"
        | Standing.Unknown -> ""
        | verdict -> $"{verdict.Mark} {verdict}"

    let create (study: Study) : Table =
        let groups = Summary.groups study
        let paths = Summary.paths groups

        let table =
            Table(Title = TableTitle(Spectre.Console.Markup.Escape study.Name), Border = TableBorder.Rounded)

        for heading in
            (if paths.IsEmpty then
                 [ "attack" ]
             else
                 Summary.headings paths)
            @ [ "rule" ] do
            table.AddColumn(TableColumn(Spectre.Console.Markup.Escape heading)) |> ignore

        table.AddColumn(TableColumn("worst %").RightAligned().NoWrap()) |> ignore
        table.AddColumn(TableColumn("curve").NoWrap()) |> ignore
        table.AddColumn(TableColumn("verdict").NoWrap()) |> ignore
        table.AddColumn(TableColumn("time").RightAligned()) |> ignore

        for group in groups do
            let values = Map.ofList group.Settings

            let settings =
                if paths.IsEmpty then
                    [ group.Attack ]
                else
                    paths |> List.map (fun path -> Map.tryFind path values |> Option.defaultValue "")

            let baseline = Standing.reference groups group |> Option.filter _.IsBaseline |> Option.map _.Group
            let verdict = Standing.ofGroup groups group
            let coloured text = $"[{colour verdict}]{Spectre.Console.Markup.Escape text}[/]"

            let cells =
                List.map Spectre.Console.Markup.Escape (settings @ [ group.Rule ])
                @ [ coloured (Spread.percent group.Worst)
                    group.Curve |> List.map _.Mean |> Sparkline.create curveWidth
                    coloured (verdictText verdict baseline group)
                    Spectre.Console.Markup.Escape(time group) ]

            table.AddRow(Array.ofList cells) |> ignore

        table

    /// What the verdicts mean, if there are any.
    let legend (study: Study) : string list =
        let groups = Summary.groups study

        if groups |> List.forall (fun group -> Standing.ofGroup groups group = Standing.Unknown) then
            []
        else
            Standing.definition groups
