/// Text as a terminal shows it: in cells, of which a letter takes one, a Chinese character two and an accent none.
module UbarFs.Cli.Cells

open System
open System.Text
open Spectre.Console

let private runeWidth (rune: Rune) = max 0 (StringExtensions.GetCellWidth(string rune))

/// The cells that a text takes in one line.
let width (text: string) = text.EnumerateRunes() |> Seq.sumBy runeWidth

/// The rows that a text takes in a terminal of so many columns, where a wide character never stands on the edge.
let rows columns (text: string) =
    let next struct (rows, column) rune =
        let width = runeWidth rune

        if column + width > columns then
            struct (rows + 1, width)
        else
            struct (rows, column + width)

    let struct (rows, _) = text.EnumerateRunes() |> Seq.fold next struct (1, 0)
    rows

let private isControl (rune: Rune) =
    match Rune.GetUnicodeCategory rune with
    | Globalization.UnicodeCategory.Control
    | Globalization.UnicodeCategory.LineSeparator
    | Globalization.UnicodeCategory.ParagraphSeparator -> true
    | _ -> false

/// The text as one line that moves no cursor and changes no colour: it may come from anywhere.
let line (text: string) =
    text.EnumerateRunes()
    |> Seq.map (fun rune -> if isControl rune then " " else string rune)
    |> String.concat ""

/// The longest beginning that takes at most so many cells.
let private beginning cells (text: string) =
    let builder = StringBuilder()
    let mutable left = cells

    for rune in text.EnumerateRunes() do
        left <- left - runeWidth rune

        if left >= 0 then
            builder.Append rune |> ignore

    string builder

/// The text in at most so many cells, with an ellipsis in the place of what does not fit.
let shorten cells (text: string) =
    if width text <= cells then text
    elif cells < 1 then ""
    else (beginning (cells - 1) text).TrimEnd() + "…"

/// The text in exactly so many cells.
let fit cells (text: string) =
    let text = shorten cells text
    text + String(' ', max 0 (cells - width text))

// A word that is longer than a line, such as a path, has to break somewhere.
let rec private pieces cells (word: string) =
    if width word <= cells then
        [ word ]
    else
        let first =
            match beginning cells word with
            | "" -> string (Seq.head (word.EnumerateRunes()))
            | first -> first

        first :: pieces cells (word.Substring first.Length)

/// The lines of one line of text, broken between words so that each takes at most so many cells, as `width` counts them.
/// All but the first begin with `hanging` spaces, and no break comes within these of the first.
let fill (width: string -> int) cells hanging (text: string) : string list =
    let margin = String(' ', hanging)

    let onNewLines (word: string) =
        if width word <= cells - hanging then
            [ margin + word ]
        else
            pieces (max 1 (cells - hanging)) word |> List.map ((+) margin)

    let add (lines: string list) (word: string) =
        match lines with
        | last :: before when width last < hanging || width last + 1 + width word <= cells -> $"{last} {word}" :: before
        | lines -> List.rev (onNewLines word) @ lines

    match text.Split(' ') |> List.ofArray with
    | first :: words when width text > cells ->
        let begun =
            if width first <= cells then
                [ first ]
            else
                pieces cells first

        words |> List.fold add (List.rev begun) |> List.rev |> List.map _.TrimEnd()
    | _ -> [ text ]

/// The lines of a text, broken between words so that each takes at most so many cells. Lines that begin with a space are
/// laid out already, as pieces of code are: they stay as they are.
let wrap cells (text: string) : string list =
    let paragraph (text: string) =
        if text.StartsWith ' ' then
            [ text ]
        else
            fill width (max 1 cells) 0 text

    text.ReplaceLineEndings("\n").Split('\n') |> Seq.map line |> Seq.collect paragraph |> List.ofSeq
