namespace UbarFs.Report

/// The part of the page that shows every rule at the setting that was chosen on images held out.
[<RequireQualifiedAccess>]
module ChoiceSection =

    let private remarks (choices: Choice list) =
        match ChoiceTable.remarks choices with
        | [] -> []
        | remarks ->
            [ Markup.element
                  "details"
                  [ "class", "problems" ]
                  [ Element.text "summary" $"{ChoiceTable.mark} What is missing where"
                    Markup.element "ul" [] [ for remark in remarks -> Element.text "li" remark ] ] ]

    /// Nothing where no images were held out, or nothing was to be chosen.
    let choices (groups: Group list) : Markup list =
        match Choices.ofGroups groups with
        | [] -> []
        | choices ->
            let table = ChoiceTable.paper choices
            let caption = table.Caption |> List.map (fun sentence -> sentence + ".") |> String.concat " "

            [ Element.section
                  "choices"
                  "At the settings chosen on validation images"
                  [ Element.note caption
                    Element.table (table.Headings, table.Rows)
                    yield! remarks choices ] ]
