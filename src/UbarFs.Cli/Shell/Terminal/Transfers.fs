/// How far files are that are downloaded or read: bars on a live terminal, a line for each file elsewhere.
module UbarFs.Cli.Transfers

open System
open System.Collections.Generic
open System.Diagnostics
open System.IO
open UbarFs.Report

/// A file on its way.
type Transfer =
    {
        File: string
        /// Bytes.
        Received: int64
        /// Bytes, where they are known beforehand.
        Total: int64 option
        /// Seconds since it began.
        Seconds: float
    }

let private mebibytes (bytes: float) = $"%.1f{bytes / 1024.0 ** 2.0}"

let private amount (transfer: Transfer) =
    match transfer.Total with
    | Some total -> $"{mebibytes (float transfer.Received)}/{mebibytes (float total)} MiB"
    | None -> $"{mebibytes (float transfer.Received)} MiB"

// The first moments say little of the rest.
let private speed (transfer: Transfer) =
    if transfer.Seconds < 1.0 then
        None
    else
        Some(float transfer.Received / transfer.Seconds)

let private speedText transfer =
    speed transfer |> Option.map (fun speed -> $"{mebibytes speed} MiB/s") |> Option.defaultValue ""

let private left (transfer: Transfer) =
    match transfer.Total, speed transfer with
    | Some total, Some speed when speed > 0.0 && total > transfer.Received ->
        ForecastTable.duration (float (total - transfer.Received) / speed) + " left"
    | _ -> ""

let private longestName = 40
let private shortestName = 12

let private share (transfer: Transfer) =
    transfer.Total
    |> Option.filter (fun total -> total > 0L)
    |> Option.map (fun total -> float transfer.Received / float total)

/// A line for each file, for a terminal of some size.
let lines (size: Terminal.Size) (transfers: Transfer list) : Span list list =
    let wanted =
        transfers
        |> List.map (fun transfer -> Cells.width transfer.File)
        |> List.fold max shortestName
        |> min longestName

    let line (transfer: Transfer) =
        let bar = share transfer |> Option.map (Bars.bar 16 Bars.blue)
        let texts = [ amount transfer; speedText transfer; left transfer ]
        let plain = texts |> List.filter ((<>) "") |> List.map (fun text -> [ Span.plain text ])

        let fits columns =
            (columns |> List.sumBy (fun spans -> Span.width spans + 2)) + shortestName < size.Columns

        let columns =
            [ Option.toList bar @ plain; plain; List.truncate 1 plain; [] ]
            |> List.find (fun columns -> List.isEmpty columns || fits columns)

        let room = columns |> List.sumBy (fun spans -> Span.width spans + 2)

        Span.plain (Cells.fit (min wanted (size.Columns - 1 - room)) transfer.File)
        :: (columns |> List.collect (fun spans -> Span.plain "  " :: spans))

    List.map line transfers

/// The files of a command as they come.
type private Gathered() =
    let transfers = Dictionary<string, Transfer * Stopwatch>()
    let order = List<string>()

    member _.Take (file: string) received total =
        lock transfers (fun () ->
            match transfers.TryGetValue file with
            | true, (before, clock) ->
                transfers[file] <-
                    ({ before with Received = received; Total = Option.orElse before.Total total }, clock)

                false
            | false, _ ->
                let first = { File = file; Received = received; Total = total; Seconds = 0.0 }
                transfers[file] <- (first, Stopwatch.StartNew())
                order.Add file
                true)

    member _.Now() =
        lock transfers (fun () ->
            [ for file in order do
                  let transfer, clock = transfers[file]
                  { transfer with Seconds = clock.Elapsed.TotalSeconds } ])

/// Does some work that tells how many bytes it has of which file, and of how many. The verb says what it does to them.
let during (verb: string) (work: (string -> int64 -> int64 option -> unit) -> 'result) : 'result =
    let gathered = Gathered()

    if Terminal.isLive () then
        let name (transfer: Transfer) = { transfer with File = Path.GetFileName transfer.File |> string }

        Live.during (fun () -> gathered.Now() |> List.map name |> lines (Terminal.room ())) (fun () ->
            work (fun file received total -> gathered.Take file received total |> ignore))
    else
        work (fun file received total ->
            if gathered.Take file received total then
                eprintfn "%s %s" verb file)
