namespace UbarFs.Report

/// The part of the page that shows every rule under the attack that hurts it most.
[<RequireQualifiedAccess>]
module WorstSection =

    // A drawing of its own for narrow screens: text keeps its size.
    let private widths = [ "wide", WorstFigure.usualWidth; "narrow", 334.0 ]

    // So many are told one by one; every cell tells its own.
    let private most = 20

    let private remarks (panels: WorstPanel list) =
        match WorstTable.remarks panels with
        | [] -> []
        | remarks ->
            let items =
                [ for remark in List.truncate most remarks do
                      Element.text "li" remark
                  if remarks.Length > most then
                      Element.text "li" $"and {remarks.Length - most} more: point at a cell" ]

            [ Markup.element
                  "details"
                  [ "class", "problems" ]
                  [ Element.text "summary" $"{WorstTable.mark} What is missing where"
                    Markup.element "ul" [] items ] ]

    /// Nothing where no rule was run under two attacks at the same settings.
    let worst (groups: Group list) : Markup list =
        match WorstAttack.panels groups groups with
        | [] -> []
        | panels ->
            let caption =
                WorstTable.caption panels |> List.map (fun sentence -> sentence + ".") |> String.concat " "

            let table = WorstTable.paper panels

            [ Element.section
                  "worst"
                  "Under the attack that hurts most"
                  [ Element.note (caption + " Colour: the share kept. Point at a cell for all of it.")
                    for name, width in widths do
                        Element.withClass
                            "div"
                            $"heat {name}"
                            [ Figure.inline' "worst accuracy over attacks, by rule" (WorstFigure.draw width panels) ]
                    Markup.element
                        "details"
                        []
                        [ Element.text "summary" "The same as a table"
                          Element.table (table.Headings, table.Rows) ]
                    yield! remarks panels ] ]
