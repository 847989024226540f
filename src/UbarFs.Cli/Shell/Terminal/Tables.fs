/// Tables on standard output.
module UbarFs.Cli.Tables

open System
open Spectre.Console
open Spectre.Console.Rendering

/// A console for standard output, as wide as its terminal; a file has no edge to wrap at.
let console () : IAnsiConsole =
    let console = AnsiConsole.Create(AnsiConsoleSettings(Out = AnsiConsoleOutput Console.Out))

    if Console.IsOutputRedirected then
        console.Profile.Width <- 1000

    console

/// Prints a table. Where the terminal is too narrow for it, it is the terminal that breaks the lines: a table without
/// its figures would say nothing.
let print (console: IAnsiConsole) (table: Table) =
    let width = console.Profile.Width
    let options = RenderOptions.Create(console, console.Profile.Capabilities)
    console.Profile.Width <- max width ((table :> IRenderable).Measure(options, 1000).Min)

    try
        console.Write table
    finally
        console.Profile.Width <- width
