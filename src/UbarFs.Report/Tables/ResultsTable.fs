namespace UbarFs.Report

open Spectre.Console
open Spectre.Console.Rendering

/// The final table of a study for the terminal: a row for each setting and rule. What does not fit is left out, the
/// figures behind the verdicts first; where too little would be left, each setting and rule has lines of its own.
[<RequireQualifiedAccess>]
module ResultsTable =

    let private curveWidth = 7

    /// A column with its cells.
    type private Column =
        {
            Heading: string
            IsFigure: bool
            IsColoured: bool
            /// A column that takes what room there is left, the lowest number first. None for one that is always there.
            Turn: int option
            /// Whether its cells can be broken between words.
            Wraps: bool
            Cells: string[]
        }

    let private colour (judged: Judged) =
        match judged.Judgement with
        | Judgement.Compared(_, _, Verdict.Decided Standing.AsGood) when judged.IsBackdoored -> "yellow"
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
              Turn = None
              Wraps = false
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
            if rows |> Array.exists (fun (_, judged) -> judged.Group.Success.IsSome) then
                figure "success %" (_.Group.Success >> Option.map (Some >> Spread.percent) >> Option.defaultValue "")
            figure "seeds" VerdictText.seeds
            { figure "difference, points" (ofComparison VerdictText.difference) with
                Turn = Some 0 }
            { figure "destroyed" (ofComparison VerdictText.destroyed) with Turn = Some 1 }
            { column "curve" (fun judged -> judged.Group.Curve |> List.map _.Mean |> Sparkline.create curveWidth) with
                Turn = Some 3 }
            { column "verdict" VerdictText.shortOf with
                IsColoured = true
                Wraps = rows |> Array.exists (fun (_, judged) -> judged.IsBackdoored) }
            { figure "time" (_.Group >> time) with Turn = Some 2 } ]

    let private isName (column: Column) = not (column.IsFigure || column.IsColoured || column.Turn.IsSome)

    let private texts (column: Column) = Seq.append [ column.Heading ] column.Cells
    let private cells (text: string) = StringExtensions.GetCellWidth text

    // A column has a line and a space on either side.
    let private widthOf (width: Column -> int) (columns: Column list) =
        1 + List.sumBy (fun column -> 3 + width column) columns

    let private natural column = texts column |> Seq.map cells |> Seq.max

    // Names can be broken between words.
    let private least column =
        if isName column || column.Wraps then
            texts column |> Seq.collect _.Split(' ') |> Seq.map cells |> Seq.max
        else
            natural column

    // Those that are always there, and of the others those that fit beside them, each in its turn.
    let private fitting width (columns: Column list) : Column list =
        let among turns =
            columns
            |> List.filter (fun column -> column.Turn |> Option.forall (fun turn -> List.contains turn turns))

        columns
        |> List.choose _.Turn
        |> List.sort
        |> List.fold
            (fun taken turn ->
                if widthOf natural (among (turn :: taken)) <= width then
                    turn :: taken
                else
                    taken)
            []
        |> among

    let private escaped (text: string) = Markup.Escape text

    let private coloured colour (column: Column) row =
        let text = escaped column.Cells[row]
        if column.IsColoured then $"[{colour}]{text}[/]" else text

    let private table name (columns: Column list) (colours: string list) : IRenderable =
        let table = Table(Title = TableTitle(escaped name), Border = TableBorder.Rounded)

        for column in columns do
            let added = TableColumn(escaped column.Heading)
            let added = if column.IsFigure then added.RightAligned() else added

            table.AddColumn(
                if isName column || column.Wraps then
                    added
                else
                    added.NoWrap()
            )
            |> ignore

        colours
        |> List.iteri (fun row colour ->
            table.AddRow(columns |> List.map (fun column -> coloured colour column row) |> Array.ofList)
            |> ignore)

        table

    // For each row what it is of, and what it came to below.
    let private blocks name (columns: Column list) (colours: string list) : IRenderable =
        let names, figures = columns |> List.partition isName

        let said (text: Column -> string) (columns: Column list) =
            columns |> List.map (fun column -> $"{escaped column.Heading} {text column}") |> String.concat ", "

        let block row colour : IRenderable list =
            let isTold (column: Column) = column.Cells[row] <> ""

            [ Markup(names |> List.filter isTold |> said (fun column -> escaped column.Cells[row]))
              Padder(
                  Markup(figures |> List.filter isTold |> said (fun column -> coloured colour column row)),
                  Padding(4, 0, 0, 0)
              ) ]

        Rows((Markup(escaped name) :> IRenderable) :: (colours |> List.mapi block |> List.concat))

    // What is shown in so many columns of text, and the headings of what is not.
    let private laidOut (width: int) (study: Study) : IRenderable * string list =
        let content = Summary.groups study |> Judgement.ofGroups |> VerdictTable.create
        let all = columns content
        let shown = fitting width all
        let colours = content.Settings |> List.collect _.Judged |> List.map colour

        if widthOf least shown <= width then
            table study.Name shown colours, List.except shown all |> List.map _.Heading
        else
            blocks study.Name all colours, []

    /// The table for so many columns of text, no line of which is longer.
    let create (width: int) (study: Study) : IRenderable = laidOut width study |> fst

    /// The headings of what a table for so many columns of text leaves out.
    let leftOut (width: int) (study: Study) : string list = laidOut width study |> snd

    /// What the verdicts mean, what they lack, and which runs the table leaves out.
    let legend (study: Study) : string list =
        let groups = Summary.groups study
        VerdictNotes.lines (Judgement.ofGroups groups) @ ChoiceTable.lines groups

    /// The same without the runs that failed, for who tells them anyway.
    let legendOfResults (study: Study) : string list =
        let groups = Summary.groups study
        VerdictNotes.ofResults (Judgement.ofGroups groups) @ ChoiceTable.lines groups
