namespace UbarFs.Cli

open System
open System.IO
open System.Text
open System.Threading

/// A piece of a line, in one colour.
type Span =
    {
        Text: string
        /// The number of a colour in SGR; none for the terminal's own.
        Colour: int option
    }

[<RequireQualifiedAccess>]
module Span =

    let plain text = { Text = text; Colour = None }
    let coloured colour text = { Text = text; Colour = Some colour }
    let width (spans: Span list) = spans |> List.sumBy (fun span -> Cells.width span.Text)

/// The lowest lines of a terminal, which are replaced again and again, and above them what is to stay.
///
/// What is drawn never touches the last column, and the cursor stays visible behind it: so a screen needs no
/// repair, however its process ends. All members may be called from anywhere.
type Screen(write: string -> unit, size: unit -> Terminal.Size, colours: bool) =
    let gate = obj ()
    let mutable drawn: Span list list = []
    let mutable isClosed = false

    // Terminals break lines anew when they become narrower.
    let rows columns (line: Span list) = line |> List.map _.Text |> String.concat "" |> Cells.rows columns

    let erasing columns =
        match drawn |> List.sumBy (rows columns) with
        | 0 -> ""
        | 1 -> "\r\u001b[J"
        | height -> $"\r\u001b[{height - 1}A\u001b[J"

    let coloured (span: Span) =
        match span.Colour with
        | Some colour when colours -> $"\u001b[{colour}m{span.Text}\u001b[0m"
        | _ -> span.Text

    let fitted columns (line: Span list) =
        let take (left, spans) (span: Span) =
            let text = Cells.shorten left (Cells.line span.Text)
            left - Cells.width text, { span with Text = text } :: spans

        line |> List.fold take (columns - 1, []) |> snd |> List.rev

    // One write, so that nobody sees a half-drawn screen.
    let frame (messages: string list) (lines: Span list list) =
        let now: Terminal.Size = size ()

        let above =
            messages |> List.collect (Cells.wrap (now.Columns - 1)) |> List.map (fun line -> line + "\n")

        if isClosed then
            if not above.IsEmpty then
                write (String.concat "" above)
        else
            let before = erasing now.Columns
            drawn <- lines |> List.truncate (max 1 (now.Rows - 1)) |> List.map (fitted now.Columns)
            let below = drawn |> List.map (List.map coloured >> String.concat "") |> String.concat "\n"
            write (before + String.concat "" above + below)

    /// Draws the lines in the place of those that were drawn before.
    member _.Show(lines: Span list list) = lock gate (fun () -> frame [] lines)

    /// Writes a message that stays, above the lines, wrapped at words.
    member _.Say(message: string) = lock gate (fun () -> frame [ message ] drawn)

    /// Erases the lines for good; messages stay as they are written.
    member _.Close() =
        lock gate (fun () ->
            frame [] []
            isClosed <- true)

    /// The same, but gives up after a while: whoever holds the screen may wait for a terminal that is stopped.
    member screen.TryClose() =
        if Monitor.TryEnter(gate, 500) then
            try
                screen.Close()
            finally
                Monitor.Exit gate

/// Text that goes above the lines of a screen, line by line.
type ScreenWriter(screen: Screen) =
    inherit TextWriter()
    let line = StringBuilder()

    let finish () =
        screen.Say(string line)
        line.Clear() |> ignore

    override _.Encoding = Encoding.UTF8

    override _.Write(letter: char) =
        lock line (fun () ->
            match letter with
            | '\n' -> finish ()
            | '\r' -> ()
            | letter -> line.Append letter |> ignore)

    override writer.Write(text: string) =
        lock line (fun () ->
            for letter in string text do
                writer.Write letter)

    override writer.Write(letters: char[], index: int, count: int) = writer.Write(String(letters, index, count))

    /// Says what has no end of line yet.
    member _.Finish() =
        lock line (fun () ->
            if line.Length > 0 then
                finish ())
