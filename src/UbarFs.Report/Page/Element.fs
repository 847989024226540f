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

    /// A table that scrolls by itself where it is too wide, from the cells of its head and its rows.
    let scrolling headings rows =
        let head = Markup.element "thead" [] [ Markup.element "tr" [] headings ]
        let body = Markup.element "tbody" [] rows
        withClass "div" "scroll" [ Markup.element "table" [] [ head; body ] ]

    /// A table with headings; all columns but the first hold figures.
    let table (headings: string list, rows: string list list) =
        let figure index = if index > 0 then [ "class", "figure" ] else []

        let heading index name = Markup.element "th" ([ "scope", "col" ] @ figure index) [ Markup.text name ]

        let cell index text = Markup.element "td" (figure index) [ Markup.text text ]

        rows
        |> List.map (List.mapi cell >> Markup.element "tr" [])
        |> scrolling (List.mapi heading headings)
