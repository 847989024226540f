/// Examples in lines: numbers and a label between commas.
[<RequireQualifiedAccess>]
module UbarFs.Pictures.CsvTable

open System
open System.Globalization
open System.Text
open FsToolkit.ErrorHandling
open UbarFs.Core

/// A line with its number from 1 on.
type private Line = { Number: int; Cells: string[] }

/// The cells of a line; none if a quote is left open.
let private cells (line: string) : string[] option =
    let found, cell = Collections.Generic.List<string>(), StringBuilder()
    let mutable isQuoted, place = false, 0

    while place < line.Length do
        match line[place] with
        | '"' when isQuoted && place + 1 < line.Length && line[place + 1] = '"' ->
            cell.Append '"' |> ignore
            place <- place + 1
        | '"' -> isQuoted <- not isQuoted
        | ',' when not isQuoted ->
            found.Add(cell.ToString().Trim())
            cell.Clear() |> ignore
        | letter -> cell.Append letter |> ignore

        place <- place + 1

    found.Add(cell.ToString().Trim())
    if isQuoted then None else Some(found.ToArray())

let private number (text: string) : float32 option =
    match Single.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
    | true, value when Single.IsFinite value -> Some value
    | _ -> None

let private shown (text: string) =
    if text.Length > 40 then
        $"'{text.Substring(0, 39)}…'"
    else
        $"'{text}'"

let private linesOf (text: string) : Result<Line list, string> =
    let lines =
        text.Split '\n'
        |> Seq.indexed
        |> Seq.map (fun (index, line) -> index + 1, line.TrimEnd '\r')
        |> Seq.filter (fun (_, line) -> line.Trim() <> "")
        |> List.ofSeq

    lines
    |> List.traverseResultM (fun (number, line) ->
        match cells line with
        | Some cells -> Ok { Number = number; Cells = cells }
        | None -> Error $"has a quote in line {number} that is never closed")

let private columnOf label (heading: string[] option) width : Result<int, string> =
    let named = heading |> Option.bind (Array.tryFindIndex ((=) label))

    match named, Int32.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture) with
    | Some column, _ -> Ok column
    | None, _ when label = "last" -> Ok(width - 1)
    | None, (true, column) when column >= 1 && column <= width -> Ok(column - 1)
    | None, _ ->
        let names =
            match heading with
            | Some names ->
                names |> Seq.truncate 12 |> Seq.map shown |> String.concat ", " |> sprintf "the columns are %s"
            | None -> $"its {width} columns have no names"

        Error $"has no column {shown label} for the labels: {names}"

/// Labels as they are put in order: whole numbers by their size, anything else by its letters.
let private ordered (labels: string list) : string list =
    let whole (label: string) =
        match Int64.TryParse(label, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
        | true, number -> Some number
        | false, _ -> None

    if labels |> List.forall (whole >> Option.isSome) then
        labels |> List.sortBy (fun label -> (whole label).Value)
    else
        labels |> List.sortWith (fun one other -> String.CompareOrdinal(one, other))

let private valuesOf column (heading: string[] option) (line: Line) : Result<float32[], string> =
    let nameOf index =
        heading |> Option.map (fun names -> shown names[index]) |> Option.defaultValue (string (index + 1))

    line.Cells
    |> Array.indexed
    |> Array.filter (fun (index, _) -> index <> column)
    |> Array.map (fun (index, cell) -> number cell |> Option.either Ok (fun () -> Error(index, cell)))
    |> fun cells ->
        match
            cells
            |> Array.tryPick (function
                | Error wrong -> Some wrong
                | Ok _ -> None)
        with
        | Some(index, cell) ->
            Error $"has {shown cell} in line {line.Number}, column {nameOf index}: expected a finite number"
        | None -> Ok(cells |> Array.choose Result.toOption)

let private uneven (lines: Line list) =
    let width = lines.Head.Cells.Length

    lines
    |> List.tryFind (fun line -> line.Cells.Length <> width)
    |> Option.map (fun line -> $"has {line.Cells.Length} columns in line {line.Number}, and {width} before")

/// Whether an example is for testing: a share of all, spread evenly.
let private isTest (share: float) index = floor (float (index + 1) * share) > floor (float index * share)

let private ofLines label share (lines: Line list) : Result<TableData, string> =
    result {
        do! uneven lines |> Option.map Error |> Option.defaultValue (Ok())
        let width = lines.Head.Cells.Length

        // A first line without any number names the columns.
        let heading =
            if lines.Head.Cells |> Array.exists (number >> Option.isSome) then
                None
            else
                Some lines.Head.Cells

        let examples = if heading.IsSome then lines.Tail else lines

        if width < 2 then
            return! Error "has a single column: expected numbers and a label, with commas between them"

        let! column = columnOf label heading width
        let! rows = examples |> List.traverseResultM (valuesOf column heading)
        let labels = examples |> List.map (fun line -> line.Cells[column])

        match List.tryFindIndex ((=) "") labels with
        | Some index -> return! Error $"has no label in line {examples[index].Number}"
        | None -> ()

        let classes = labels |> List.distinct |> ordered

        if classes.Length > TableData.mostClasses then
            return! Error $"has {classes.Length} different labels; {TableData.mostClasses} are the most"

        let labelOf = classes |> List.mapi (fun index name -> name, byte index) |> Map.ofList

        let part isWanted =
            let chosen =
                List.zip rows labels
                |> List.indexed
                |> List.filter (fun (index, _) -> isTest share index = isWanted)

            { Values = chosen |> List.map (snd >> fst) |> Array.concat
              Labels = chosen |> List.map (fun (_, (_, label)) -> labelOf[label]) |> Array.ofList }

        let shape = { Channels = width - 1; Height = 1; Width = 1 }
        return! TableData.create shape classes.Length (fun label -> shown classes[label]) (part false) (part true)
    }

/// Reads the bytes of a file. The error completes a sentence about it.
let read label share (bytes: byte[]) : Result<TableData, string> =
    try
        let text = UTF8Encoding(false, true).GetString(bytes).TrimStart '\uFEFF'

        linesOf text
        |> Result.bind (fun lines ->
            if lines.Length < 3 then
                Error "has too few lines: expected some for training and some for testing"
            else
                ofLines label share lines)
    with :? DecoderFallbackException ->
        Error "is no text in UTF-8"
