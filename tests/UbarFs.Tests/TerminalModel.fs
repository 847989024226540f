namespace UbarFs.Tests

open System
open System.Collections.Generic
open System.Text
open UbarFs.Cli

/// What a person sees of the bytes that a program writes to a terminal: text, line ends, movements upwards, erasing and
/// lines that are broken where the terminal ends. It breaks them anew when it becomes narrower or wider, as most do.
type TerminalModel(columns: int, rows: int) =
    let mutable columns = columns
    let mutable rows = rows
    // A cell holds what is in it with the accents upon it; the second half of a wide character is empty.
    let grid = List<List<string>>()
    // Whether the line goes on in the next row.
    let continues = List<bool>()
    let mutable row = 0
    let mutable column = 0
    let mutable isCursorVisible = true
    // What the last write has left of a sequence.
    let mutable rest = ""

    let addRow () =
        grid.Add(List())
        continues.Add false

    let ensure index =
        while grid.Count <= index do
            addRow ()

    let lineFeed () =
        row <- row + 1
        ensure row

    let put (text: string) width =
        if width = 0 then
            if column > 0 then
                grid[row][column - 1] <- grid[row][column - 1] + text
        else
            if column + width > columns then
                continues[row] <- true
                lineFeed ()
                column <- 0

            while grid[row].Count < column + width do
                grid[row].Add " "

            grid[row][column] <- text

            if width = 2 then
                grid[row][column + 1] <- ""

            column <- column + width

    let eraseBelow () =
        let keep = min column grid[row].Count
        grid[row].RemoveRange(keep, grid[row].Count - keep)
        continues[row] <- false

        while grid.Count > row + 1 do
            grid.RemoveAt(grid.Count - 1)
            continues.RemoveAt(continues.Count - 1)

    let control (parameters: string) (final: char) =
        match final, parameters with
        | 'm', _ -> ()
        | 'A', _ ->
            // Not beyond the first row of the screen.
            let number = if parameters = "" then 1 else int parameters
            row <- max (row - number) (max 0 (grid.Count - rows))
            column <- min column (columns - 1)
        | 'J', ("" | "0") -> eraseBelow ()
        | 'K', ("" | "0") ->
            let keep = min column grid[row].Count
            grid[row].RemoveRange(keep, grid[row].Count - keep)
        | 'h', "?25" -> isCursorVisible <- true
        | 'l', "?25" -> isCursorVisible <- false
        // What keys send.
        | ('h' | 'l'), "?1" -> ()
        | _ -> invalidOp $"the model does not know the sequence CSI {parameters}{final}"

    let isFinal (letter: char) = letter >= '@' && letter <= '~'

    do ensure 0

    member _.Write(text: string) =
        let text = rest + text
        rest <- ""
        let mutable index = 0

        while index < text.Length do
            match text[index] with
            // ESC = and ESC >: what the keys of a numeric pad send.
            | '\u001b' when index + 1 < text.Length && text[index + 1] <> '[' -> index <- index + 2
            | '\u001b' ->
                match Seq.tryFindIndex isFinal (Seq.skip (min text.Length (index + 2)) text) with
                | Some length ->
                    control (text.Substring(index + 2, length)) text[index + 2 + length]
                    index <- index + length + 3
                | None ->
                    rest <- text.Substring index
                    index <- text.Length
            | '\r' ->
                column <- 0
                index <- index + 1
            | '\n' ->
                lineFeed ()
                column <- 0
                index <- index + 1
            | _ ->
                let rune = Rune.GetRuneAt(text, index)
                put (string rune) (Cells.width (string rune))
                index <- index + rune.Utf16SequenceLength

    /// All lines since the beginning, each as one however often the terminal breaks it, without spaces at their ends.
    member _.Lines: string list =
        let lines = List<StringBuilder>()

        for index in 0 .. grid.Count - 1 do
            if index = 0 || not continues[index - 1] then
                lines.Add(StringBuilder())

            lines[lines.Count - 1].Append(String.concat "" grid[index]) |> ignore

        [ for line in lines -> (string line).TrimEnd() ]

    /// The same as one text.
    member model.Text = String.concat "\n" model.Lines

    member _.IsCursorVisible = isCursorVisible

    /// Takes another size, and breaks all lines anew.
    member model.Resize (newColumns: int) (newRows: int) =
        let lines =
            [ let mutable start = 0

              for index in 0 .. grid.Count - 1 do
                  if not continues[index] then
                      [ for part in start..index do
                            yield! grid[part] ]

                      start <- index + 1 ]

        columns <- newColumns
        rows <- newRows
        grid.Clear()
        continues.Clear()
        addRow ()
        row <- 0
        column <- 0

        for index, line in List.indexed lines do
            if index > 0 then
                lineFeed ()
                column <- 0

            for cell in line do
                if cell <> "" then
                    put cell (Cells.width cell)
