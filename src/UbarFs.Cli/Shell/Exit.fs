/// Exit codes, and the two ways in which every command ends without them.
module UbarFs.Cli.Exit

open System
open UbarFs.Core
open UbarFs.Scenario

let done' = 0
let runFailed = 1
let badUsage = 2
let interrupted = 130

/// Prints one message to standard error, without anything that a terminal could take for a command; a terminal gets lines
/// that end between words.
let complain (message: string) =
    // Names of files, and what they say, may be anybody's.
    let message = Visible.lines $"ubarfs: {message}"

    if Console.IsErrorRedirected then
        eprintfn "%s" message
    else
        Cells.wrap ((Terminal.size ()).Columns - 1) message |> List.iter (eprintfn "%s")

/// Bad usage: the message says what to do instead.
let refuse message =
    complain message
    badUsage

/// The name that was probably meant, as the end of a message; nothing if none is near.
let nearest (names: string list) (written: string) =
    match Nearest.find names written with
    | Some name -> $". Did you mean '{name}'?"
    | None -> ""
