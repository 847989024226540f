namespace UbarFs.Scenario

open System
open System.Globalization
open UbarFs.Core

/// A part of a text: words that may be broken into lines anywhere, or lines that may not.
[<RequireQualifiedAccess>]
type Paragraph =
    | Prose of string
    | Formula of string list

/// The help page of a component.
type Page =
    {
        Family: Family
        Name: string
        Summary: string
        Meaning: Paragraph list
        Parameters: Parameter list
        /// How the first parameter can be given without its name.
        Shorthand: string option
        Facts: (string * string) list
        Source: string
        /// A complete scenario.
        Example: string
    }

[<RequireQualifiedAccess>]
module Paragraph =

    /// The paragraphs of a component's meaning.
    let read (text: string) : Paragraph list =
        let paragraph (text: string) =
            let lines = text.Split '\n' |> List.ofArray

            if lines |> List.forall (fun line -> line.StartsWith "> ") then
                Paragraph.Formula(lines |> List.map _.Substring(2))
            else
                Paragraph.Prose text

        text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries) |> List.ofArray |> List.map paragraph

[<RequireQualifiedAccess>]
module Page =

    /// The columns of a page on the terminal.
    let columns = 80

    let create family (described: Described) : Page =
        { Family = family
          Name = described.Name
          Summary = described.Summary
          Meaning = Paragraph.read described.Meaning
          Parameters = described.Parameters
          Shorthand = Example.shorthand described
          Facts = described.Facts
          Source = described.Source
          Example = Example.full family described |> Option.defaultValue "" }

    /// The pages of a family in the order of the catalogue.
    let ofFamily (family: Family) : Page list = family.Members |> List.map (create family)

    /// Columns of a text on the terminal: x̂ has one, although it is two characters.
    let width (text: string) = StringInfo(text).LengthInTextElements

    /// Breaks words into lines of a number of columns.
    let wrap columns (text: string) : string list =
        let extend lines word =
            match lines with
            | line :: others when width line + 1 + width word <= columns -> $"{line} {word}" :: others
            | lines -> word :: lines

        text.Split([| ' '; '\n' |], StringSplitOptions.RemoveEmptyEntries)
        |> Array.fold extend []
        |> List.rev

    let private indented by lines = lines |> List.map (fun line -> String.replicate by " " + line)

    /// Text behind a label; all lines begin in the same column.
    let private labelled (label: string) column text =
        match wrap (columns - column) text with
        | [] -> [ label ]
        | first :: rest -> label + String.replicate (column - width label) " " + first :: indented column rest

    let private paragraphs meaning =
        let lines paragraph =
            match paragraph with
            | Paragraph.Prose text -> wrap columns (text.Replace('`', '\''))
            | Paragraph.Formula lines -> indented 4 lines

        meaning |> List.collect (fun paragraph -> "" :: lines paragraph)

    let private parameters page =
        let lines (parameter: Parameter) =
            let range = $"{Kind.describe parameter.Kind}; default {parameter.Default}"

            indented 2 [ parameter.Name ]
            @ indented 6 (wrap (columns - 6) parameter.Meaning @ wrap (columns - 6) range)

        let shorthand =
            page.Shorthand
            |> Option.map (fun shorthand -> wrap columns $"With the first alone: {shorthand}")
            |> Option.defaultValue []
            |> indented 2

        match page.Parameters with
        | [] -> []
        | parameters -> [ ""; "Parameters" ] @ List.collect lines parameters @ shorthand

    let private facts page =
        let facts = page.Facts @ [ "Source", page.Source ]
        let column = 2 + (facts |> List.map (fst >> width) |> List.max)
        "" :: List.collect (fun (subject, text) -> labelled subject column text) facts

    /// The lines of a page for the terminal.
    let lines (page: Page) : string list =
        let example = page.Example.Split('\n', StringSplitOptions.RemoveEmptyEntries) |> List.ofArray

        [ $"{page.Name} ({page.Family.Name})"; "" ]
        @ wrap columns page.Summary
        @ paragraphs page.Meaning
        @ parameters page
        @ facts page
        @ [ ""; "Example" ]
        @ indented 4 example

    /// The members of a family, one a line.
    let list (family: Family) : string list =
        let width = family.Members |> List.map _.Name.Length |> List.max
        family.Plural :: [ for each in family.Members -> $"  {each.Name.PadRight width}  {each.Summary}" ]
