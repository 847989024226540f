/// What `ubarfs report --figures` is to draw.
module UbarFs.Cli.FigureArguments

open Argu
open FsToolkit.ErrorHandling
open UbarFs.Report
open UbarFs.Cli.Arguments

let private formats = [ "svg", FigureFormat.Svg; "pdf", FigureFormat.Pdf; "png", FigureFormat.Png ]

/// The form of a figure, by the name of its files.
let format (text: string) : Result<FigureFormat, string> =
    let names = List.map fst formats

    formats
    |> List.tryFind (fst >> (=) text)
    |> Option.map snd
    |> Result.requireSome $"unknown format '{text}': expected svg, pdf or png{Exit.nearest names text}"

/// The items of a list with commas. Commas inside brackets belong to a value, "ubar (rho: 0.2, alpha: 0.3)", and so do those
/// in double quotes that the item begins with, and those behind a backslash.
let listed (text: string) : string list =
    let rec items depth isQuoted (item: string) (letters: char list) =
        let goOn depth isQuoted more rest = items depth isQuoted (item + more) rest

        match letters with
        | [] -> [ item ]
        | '\\' :: (',' | '"' | '\\' as letter) :: rest -> goOn depth isQuoted (string letter) rest
        | '"' :: rest when isQuoted -> goOn depth false "" rest
        | letter :: rest when isQuoted -> goOn depth true (string letter) rest
        | '"' :: rest when depth = 0 && item.Trim() = "" -> goOn depth true "" rest
        | ',' :: rest when depth = 0 -> item :: items 0 false "" rest
        | letter :: rest when "([{".Contains letter -> goOn (depth + 1) false (string letter) rest
        | letter :: rest when ")]}".Contains letter -> goOn (depth - 1) false (string letter) rest
        | letter :: rest -> goOn depth false (string letter) rest

    items 0 false "" (List.ofSeq text) |> List.map _.Trim() |> List.filter ((<>) "")

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

            let rules = arguments.GetResults ReportArguments.Rules |> List.collect listed

            return Some(folder, format, { Metrics = metrics; Where = where; Rules = rules; Width = width })
        }
