namespace UbarFs.Report

open System.Globalization
open System.Text

/// A piece of HTML or SVG. Text and attributes are escaped when it is written: nothing in them can become markup.
[<RequireQualifiedAccess>]
type Markup =
    | Text of string
    | Element of name: string * attributes: (string * string) list * children: Markup list
    /// The program's own style sheet or script, which goes into the page as it is.
    | Own of name: string * attributes: (string * string) list * text: string

[<RequireQualifiedAccess>]
module Markup =

    // What XML 1.0 has no way to say.
    let private isWritable (letter: char) = letter >= ' ' || letter = '\n' || letter = '\t'

    let escape (text: string) =
        let result = StringBuilder()

        for letter in text do
            match letter with
            | '&' -> result.Append "&amp;"
            | '<' -> result.Append "&lt;"
            | '>' -> result.Append "&gt;"
            | '"' -> result.Append "&quot;"
            | '\'' -> result.Append "&#39;"
            | letter when isWritable letter -> result.Append letter
            | _ -> result.Append '\uFFFD'
            |> ignore

        result.ToString()

    let private isVoid name = List.contains name [ "meta"; "br"; "input"; "link" ]

    let rec private writeTo (result: StringBuilder) markup =
        let opening (name: string) attributes =
            result.Append('<').Append name |> ignore

            for key: string, value in attributes do
                result.Append(' ').Append(key).Append("=\"").Append(escape value).Append('"') |> ignore

            result.Append '>' |> ignore

        match markup with
        | Markup.Text text -> result.Append(escape text) |> ignore
        | Markup.Own(name, attributes, text) ->
            opening name attributes
            result.Append(text).Append("</").Append(name).Append '>' |> ignore
        | Markup.Element(name, attributes, children) ->
            opening name attributes
            List.iter (writeTo result) children

            if not (isVoid name) then
                result.Append("</").Append(name).Append '>' |> ignore

    let write markup =
        let result = StringBuilder()
        writeTo result markup
        result.ToString()

    let text (content: string) = Markup.Text content
    let element name attributes children = Markup.Element(name, attributes, children)

    /// A number for an attribute, to a tenth.
    let number (value: float) = value.ToString("0.#", CultureInfo.InvariantCulture)
