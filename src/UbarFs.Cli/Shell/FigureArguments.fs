/// What `ubarfs report --figures` is to draw.
module UbarFs.Cli.FigureArguments

open Argu
open FsToolkit.ErrorHandling
open UbarFs.Report
open UbarFs.Cli.Arguments

let private formats = [ "svg", FigureFormat.Svg; "pdf", FigureFormat.Pdf; "png", FigureFormat.Png ]

let private format (text: string) : Result<FigureFormat, string> =
    let names = List.map fst formats

    formats
    |> List.tryFind (fst >> (=) text)
    |> Option.map snd
    |> Result.requireSome $"unknown format '{text}': expected svg, pdf or png{Exit.nearest names text}"

// Commas inside brackets belong to a value: "ubar (rho: 0.2, alpha: 0.3)".
let private listed (text: string) : string list =
    let folder (depth, current, found) letter =
        match letter with
        | ',' when depth = 0 -> depth, "", current :: found
        | letter ->
            let depth =
                if "([{".Contains letter then depth + 1
                elif ")]}".Contains letter then depth - 1
                else depth

            depth, $"{current}{letter}", found

    let _, last, found = Seq.fold folder (0, "", []) text
    last :: found |> List.rev |> List.map _.Trim() |> List.filter ((<>) "")

let private metric (name: string) : Result<Metric, string> =
    let names = Metric.all |> List.map _.Name
    let expected = String.concat ", " names

    Metric.tryFind name
    |> Result.requireSome $"unknown metric '{name}': expected {expected}{Exit.nearest names name}"

let private where (text: string) : Result<string * string list, string> =
    match text.IndexOf '=', text with
    | at, text when at > 0 && at < text.Length - 1 -> Ok(text.Substring(0, at).Trim(), listed (text.Substring(at + 1)))
    | _ -> Error $"--where {text}: expected a path and values, such as network.byzantine=30%%"

// Without figures these would do nothing.
let private idle (arguments: ParseResults<ReportArguments>) =
    [ "--format", arguments.Contains Format
      "--metric", arguments.Contains Metric
      "--where", arguments.Contains Where
      "--rules", arguments.Contains ReportArguments.Rules
      "--width", arguments.Contains Width ]
    |> List.filter snd
    |> List.map fst

/// Where figures go, in which form, and which: nothing where none are asked for.
let parse (arguments: ParseResults<ReportArguments>) : Result<(string * FigureFormat * FigureRequest) option, string> =
    match arguments.TryGetResult Figures, idle arguments with
    | None, [] -> Ok None
    | None, first :: _ -> Error $"{first} is about figures: say where they go with --figures DIR"
    | Some folder, _ ->
        result {
            let! format = format (arguments.GetResult(Format, "svg"))

            let! metrics =
                arguments.TryGetResult Metric
                |> Option.map listed
                |> Option.defaultValue [ UbarFs.Report.Metric.worst.Name ]
                |> List.traverseResultM metric

            let! where = arguments.GetResults Where |> List.traverseResultM where

            let! width = arguments.TryGetResult Width |> Option.map FigureRequest.tryWidth |> Option.sequenceResult

            let rules = arguments.TryGetResult ReportArguments.Rules |> Option.map listed |> Option.defaultValue []

            return Some(folder, format, { Metrics = metrics; Where = where; Rules = rules; Width = width })
        }
