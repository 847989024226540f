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

/// The lines of a text with colours, each in at most so many cells.
let wrapped columns (text: string) : string list = Cells.fill width columns (hanging columns text) text

/// Prints a line.
let line (text: string) =
    if Console.IsOutputRedirected then
        printfn "%s" text
    else
        wrapped ((Terminal.size ()).Columns - 1) text |> List.iter (printfn "%s")

/// Prints a line, of a format.
let linef format = Printf.kprintf line format
