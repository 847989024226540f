namespace UbarFs.Report

open Spectre.Console

/// The final table of a study for the terminal: a row for each setting and rule, in at most 80 columns where the
/// settings let it, and with the figures behind the verdicts where there is room.
[<RequireQualifiedAccess>]
module ResultsTable =

    let private curveWidth = 7

    /// From this many columns on there is room for the figures behind the verdicts.
    let wide = 120

    let private colour judgement =
        match judgement with
        | Judgement.Compared(_, _, Verdict.Decided standing) ->
            match standing with
            | Standing.AsGood -> "green"
            | Standing.Degraded -> "yellow"
            | Standing.Destroyed -> "red"
        | _ -> "default"

    let private time (group: Group) =
        if group.Complete = 0 then ""
        elif group.Seconds < 100.0 then $"%.1f{group.Seconds} s"
        else ForecastTable.duration group.Seconds

    let private escaped (text: string) = Spectre.Console.Markup.Escape text

    let private comparisonOf judged =
        match judged.Judgement with
        | Judgement.Compared(_, comparison, _) -> Some comparison
        | _ -> None

    let private figures (judged: Judged) =
        match comparisonOf judged with
        | Some comparison -> [ VerdictText.difference comparison; VerdictText.destroyed comparison ]
        | None -> [ ""; "" ]

    let private cells isWide (setting: VerdictSetting) (judged: Judged) =
        let group = judged.Group
        let coloured text = $"[{colour judged.Judgement}]{escaped text}[/]"

        List.map escaped (setting.Values @ [ group.Rule ])
        @ [ coloured (VerdictTable.accuracy group); escaped (VerdictText.seeds judged) ]
        @ (if isWide then List.map escaped (figures judged) else [])
        @ [ group.Curve |> List.map _.Mean |> Sparkline.create curveWidth
            coloured (VerdictText.short judged.Judgement)
            time group ]

    /// The table for so many columns.
    let create (width: int) (study: Study) : Table =
        let judged = Summary.groups study |> Judgement.ofGroups
        let content = VerdictTable.create judged
        let isWide = width >= wide
        let table = Table(Title = TableTitle(escaped study.Name), Border = TableBorder.Rounded)

        for heading in content.Headings @ [ "rule" ] do
            table.AddColumn(TableColumn(escaped heading)) |> ignore

        let right heading = table.AddColumn(TableColumn(escaped heading).RightAligned().NoWrap()) |> ignore
        let left heading = table.AddColumn(TableColumn(escaped heading).NoWrap()) |> ignore
        right "worst %"
        right "seeds"

        if isWide then
            right "difference, points"
            right "destroyed"

        left "curve"
        left "verdict"
        right "time"

        for setting in content.Settings do
            for judged in setting.Judged do
                table.AddRow(cells isWide setting judged |> Array.ofList) |> ignore

        table

    /// What the verdicts mean, what they lack, and which runs the table leaves out.
    let legend (study: Study) : string list = Summary.groups study |> Judgement.ofGroups |> VerdictNotes.lines
