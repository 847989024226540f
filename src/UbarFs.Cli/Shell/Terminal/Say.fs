/// What commands say to people on standard output: on a terminal its lines break between words, and what follows stands
/// below what it belongs to. A pipe gets the lines as they are.
module UbarFs.Cli.Say

open System
open System.Text.RegularExpressions

let private colours = Regex "\u001b\\[[0-9;]*m"

let private width (text: string) = Cells.width (colours.Replace(text, ""))

/// Where the last column of a line begins: behind a gap of two spaces or more, as long as it leaves room for words.
let private hanging columns (text: string) =
    let plain = colours.Replace(text, "")
    let indent = plain.Length - plain.TrimStart(' ').Length

    Regex.Matches(plain, "  +(?=[^ ])")
    |> Seq.map (fun gap -> gap.Index + gap.Length)
    |> Seq.filter (fun place -> place <= columns / 2)
    |> Seq.append [ indent ]
    |> Seq.max

/// The lines of a text with colours, each in at most so many cells where words allow it.
let wrapped columns (text: string) : string list =
    if width text <= columns then
        [ text ]
    else
        let hanging = hanging columns text
        let margin = String(' ', hanging)

        // The columns at the beginning stay as they are: only single spaces behind them break.
        let add (lines: string list) (word: string) =
            match lines with
            | last :: before when width last <= hanging || width last + 1 + width word <= columns ->
                $"{last} {word}" :: before
            | lines -> (margin + word) :: lines

        match text.Split(' ') |> List.ofArray with
        | first :: words -> words |> List.fold add [ first ] |> List.rev |> List.map _.TrimEnd()
        | [] -> [ text ]

/// Prints a line.
let line (text: string) =
    if Console.IsOutputRedirected then
        printfn "%s" text
    else
        wrapped ((Terminal.size ()).Columns - 1) text |> List.iter (printfn "%s")

/// Prints a line, of a format.
let linef format = Printf.kprintf line format
