namespace UbarFs.Engine

open System
open System.Collections.Generic
open System.Globalization
open System.IO
open System.Text
open UbarFs.Core

/// A line of a table that was read, whose cells are asked for by their column's heading.
type CsvRow(headings: int, places: IReadOnlyDictionary<string, int>, cells: string[]) =

    /// Whether it has a cell for each heading.
    member _.IsWhole = cells.Length = headings

    /// The cell of a column; none if it is empty, or the table has no such column.
    member _.TryCell(heading: string) : string option =
        match places.TryGetValue heading with
        | true, place when place < cells.Length && cells[place] <> "" -> Some cells[place]
        | _ -> None

    /// The number in a column; none if there is nothing. Fails with an InvalidDataException if it is something else.
    member row.TryNumber(heading: string) : float option =
        row.TryCell heading
        |> Option.map (fun text ->
            match Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
            | true, number -> number
            | false, _ -> raise (InvalidDataException $"'{text}' under '{heading}' is no number"))

    /// The number in a column; fails with an InvalidDataException if there is none.
    member row.Number(heading: string) : float =
        match row.TryNumber heading with
        | Some number -> number
        | None -> raise (InvalidDataException $"a line has nothing under '{heading}'")

    /// The whole number in a column; fails likewise.
    member row.Whole(heading: string) : int =
        match row.Number heading with
        | number when number = Math.Round number && abs number <= float Int32.MaxValue -> int number
        | number -> raise (InvalidDataException $"{number} under '{heading}' is no whole number")

/// Comma-separated values (RFC 4180), safe to open in a spreadsheet. All tables of the program are written and read here:
/// numbers are those of `number`, a truth is `true` or `false`, and what is not there is an empty cell.
[<RequireQualifiedAccess>]
module Csv =

    let private isNumber (text: string) = fst (Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture))

    // A spreadsheet runs a cell that starts with one of these as a formula; an apostrophe makes it text.
    let private harmless (text: string) =
        if text <> "" && "=+-@\t\r".Contains text[0] && not (isNumber text) then
            "'" + text
        else
            text

    /// One cell.
    let cell (text: string) =
        let text = harmless text

        if text.IndexOfAny [| ','; '"'; '\n'; '\r' |] >= 0 then
            "\"" + text.Replace("\"", "\"\"") + "\""
        else
            text

    /// A number in the shortest form that reads back the same.
    let number (value: float) = value.ToString("R", CultureInfo.InvariantCulture)

    /// A duration in seconds, to the microsecond.
    let seconds (value: float) = value.ToString("0.######", CultureInfo.InvariantCulture)

    /// What may not be there.
    let optional (format: 'value -> string) (value: 'value option) =
        value |> Option.map format |> Option.defaultValue ""

    let truth (value: bool) = if value then "true" else "false"

    // A number alone, with a sign for per cent.
    let private percentage (text: string) =
        match Decimal.TryParse(text.TrimEnd '%', NumberStyles.Float, CultureInfo.InvariantCulture) with
        | true, percent when text.EndsWith '%' && text.IndexOf '%' = text.Length - 1 -> Some(float percent / 100.0)
        | _ -> None

    /// A setting as a scenario writes it, such as a swept value: a percentage is the fraction that it stands for, so that
    /// a column of ratios is one of numbers; everything else stays as it is.
    let setting (text: string) = percentage text |> Option.map number |> Option.defaultValue text

    let line (cells: string seq) = cells |> Seq.map cell |> String.concat ","

    /// A table as text: a line of headings, and one for each row.
    let table (headings: string list) (rows: string list list) : string =
        headings :: rows |> List.map (fun cells -> line cells + "\n") |> String.concat ""

    /// The cells of each record of a text. The last one is left out if its line does not end: somebody may be writing it.
    let private records (text: string) : string[] list =
        let records, cells, cell = List<string[]>(), List<string>(), StringBuilder()
        let mutable isQuoted, place = false, 0

        let endCell () =
            cells.Add(string cell)
            cell.Clear() |> ignore

        while place < text.Length do
            match text[place] with
            | '"' when isQuoted && place + 1 < text.Length && text[place + 1] = '"' ->
                cell.Append '"' |> ignore
                place <- place + 1
            | '"' -> isQuoted <- not isQuoted
            | ',' when not isQuoted -> endCell ()
            | '\n' when not isQuoted ->
                endCell ()
                records.Add(cells.ToArray())
                cells.Clear()
            | '\r' when not isQuoted && place + 1 < text.Length && text[place + 1] = '\n' -> ()
            | letter -> cell.Append letter |> ignore

            place <- place + 1

        List.ofSeq records

    /// The rows of a table whose lines are all ended: none of a text without its headings.
    let rows (text: string) : CsvRow list =
        match records text with
        | [] -> []
        | headings :: rows ->
            let places = Dictionary<string, int>()
            headings |> Array.iteri (fun place heading -> places.TryAdd(heading, place) |> ignore)

            rows
            |> List.filter (fun cells -> cells <> [| "" |])
            |> List.map (fun cells -> CsvRow(headings.Length, places, cells))

    /// The rows of a file that another process may be writing; none if there is no such file.
    let read (file: string) : CsvRow list =
        try
            use stream = InputFile.openShared InputFile.unbounded file
            use reader = new StreamReader(stream)
            rows (reader.ReadToEnd())
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException -> []
