namespace UbarFs.Report

open Spectre.Console

/// The final table of a study for the terminal: a row for each setting and rule. What does not fit is left out, the
/// figures behind the verdicts first: the page has them.
[<RequireQualifiedAccess>]
module ResultsTable =

    let private curveWidth = 7

    /// A column with its cells.
    type private Column =
        {
            Heading: string
            IsFigure: bool
            IsColoured: bool
            /// A column that is left out where there is no room: the lowest number first. None for one that must stay.
            Leaves: int option
            Cells: string[]
        }

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

    let private ofComparison text judged =
        match judged.Judgement with
        | Judgement.Compared(_, comparison, _) -> text comparison
        | _ -> ""

    let private columns (content: VerdictTable) : Column list =
        let rows =
            content.Settings
            |> List.collect (fun setting -> setting.Judged |> List.map (fun judged -> setting.Values, judged))
            |> Array.ofList

        let column heading (text: Judged -> string) =
            { Heading = heading
              IsFigure = false
              IsColoured = false
              Leaves = None
              Cells = rows |> Array.map (snd >> text) }

        let figure heading text = { column heading text with IsFigure = true }

        let settings =
            content.Headings
            |> List.mapi (fun index heading ->
                { column heading (fun _ -> "") with
                    Cells = rows |> Array.map (fst >> List.item index) })

        settings
        @ [ column "rule" _.Group.Rule
            { figure "worst %" (_.Group >> VerdictTable.accuracy) with IsColoured = true }
            figure "seeds" VerdictText.seeds
            { figure "difference, points" (ofComparison VerdictText.difference) with
                Leaves = Some 0 }
            { figure "destroyed" (ofComparison VerdictText.destroyed) with Leaves = Some 1 }
            { column "curve" (fun judged -> judged.Group.Curve |> List.map _.Mean |> Sparkline.create curveWidth) with
                Leaves = Some 2 }
            { column "verdict" (_.Judgement >> VerdictText.short) with IsColoured = true }
            { figure "time" (_.Group >> time) with Leaves = Some 3 } ]

    // A column has a line and a space on either side.
    let private widthOf (columns: Column list) =
        1
        + List.sumBy
            (fun column -> 3 + Seq.max (Seq.append [ column.Heading.Length ] (Seq.map String.length column.Cells)))
            columns

    let rec private fitting width (columns: Column list) : Column list =
        match columns |> List.choose _.Leaves with
        | [] -> columns
        | _ when widthOf columns <= width -> columns
        | leaves -> columns |> List.filter (fun column -> column.Leaves <> Some(List.min leaves)) |> fitting width

    /// The table for so many columns of text.
    let create (width: int) (study: Study) : Table =
        let judged = Summary.groups study |> Judgement.ofGroups
        let content = VerdictTable.create judged
        let columns = columns content |> fitting width
        let colours = content.Settings |> List.collect _.Judged |> List.map (_.Judgement >> colour)
        let escaped (text: string) = Spectre.Console.Markup.Escape text
        let table = Table(Title = TableTitle(escaped study.Name), Border = TableBorder.Rounded)

        for column in columns do
            let added = TableColumn(escaped column.Heading)
            let added = if column.IsFigure then added.RightAligned() else added
            let isName = not (column.IsFigure || column.IsColoured || column.Leaves.IsSome)
            table.AddColumn(if isName then added else added.NoWrap()) |> ignore

        colours
        |> List.iteri (fun row colour ->
            let cell column =
                let text = escaped column.Cells[row]
                if column.IsColoured then $"[{colour}]{text}[/]" else text

            table.AddRow(columns |> List.map cell |> Array.ofList) |> ignore)

        table

    /// What the verdicts mean, what they lack, and which runs the table leaves out.
    let legend (study: Study) : string list = Summary.groups study |> Judgement.ofGroups |> VerdictNotes.lines

    /// The same without the runs that failed, for who tells them anyway.
    let legendOfResults (study: Study) : string list =
        Summary.groups study |> Judgement.ofGroups |> VerdictNotes.ofResults
