namespace UbarFs.Report

/// Elements that the sections of a page are made of.
[<RequireQualifiedAccess>]
module Element =

    /// An element with a class.
    let withClass name cls children = Markup.element name [ "class", cls ] children
    /// An element that holds a text.
    let text name content = Markup.element name [] [ Markup.text content ]
    /// A remark in small print.
    let note content = withClass "p" "note" [ Markup.text content ]

    /// A section of the page with its heading.
    let section id heading children = Markup.element "section" [ "id", id ] (text "h2" heading :: children)

    /// A table with headings; all columns but the first hold figures.
    let table (headings: string list, rows: string list list) =
        let figure index = if index > 0 then [ "class", "figure" ] else []

        withClass
            "div"
            "scroll"
            [ Markup.element
                  "table"
                  []
                  [ Markup.element
                        "thead"
                        []
                        [ Markup.element
                              "tr"
                              []
                              (headings
                               |> List.mapi (fun index name ->
                                   Markup.element "th" ([ "scope", "col" ] @ figure index) [ Markup.text name ])) ]
                    Markup.element
                        "tbody"
                        []
                        [ for row in rows ->
                              Markup.element
                                  "tr"
                                  []
                                  (row
                                   |> List.mapi (fun index cell ->
                                       Markup.element "td" (figure index) [ Markup.text cell ])) ] ] ]
