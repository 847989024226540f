/// Texts of strangers as a terminal may show them: whatever it could take for a command is spelt out.
[<RequireQualifiedAccess>]
module UbarFs.Core.Visible

open System

// Marks that turn the direction of writing make a text look like another one.
let private isCommand (letter: char) =
    Char.IsControl letter
    || (letter >= '\u2028' && letter <= '\u202E')
    || (letter >= '\u2066' && letter <= '\u2069')

let private spelt isKept (text: string) =
    let isSpelt letter = isCommand letter && not (isKept letter)

    if String.exists isSpelt text then
        text
        |> String.collect (fun letter ->
            if isSpelt letter then
                $"\\u%04x{int letter}"
            else
                string letter)
    else
        text

/// A text in one line.
let line (text: string) : string = spelt (fun _ -> false) text

/// A text that may have several lines.
let lines (text: string) : string =
    text.Replace("\r\n", "\n") |> spelt (fun letter -> letter = '\n' || letter = '\t')
