/// `ubarfs report`: pages, figures and tables out of run stores.
module UbarFs.Cli.ReportCommand

open System
open System.IO
open Argu
open FsToolkit.ErrorHandling
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Cli.Arguments

let private loaded isAll (folder: string) : Result<Study list, string> =
    let load store =
        store
        |> if isAll then Study.loadAll else Study.load
        |> Result.mapError (StoredRuns.unreadable store)

    // Nothing is left out without a word.
    let aloud result =
        match result with
        | Ok study -> study
        | Error reason ->
            Exit.complain reason
            None

    if not (Directory.Exists folder) then
        Error $"there is no folder '{folder}'"
    else
        match load folder with
        | Ok(Some study) -> Ok [ study ]
        | Error reason -> Error reason
        | Ok None ->
            match Directory.GetDirectories folder |> Array.sort |> Array.choose (load >> aloud) |> List.ofArray with
            | [] ->
                Error
                    $"'{folder}' is no run store: it has no sweep.json. 'ubarfs run' writes it, also for a scenario that \
                      is complete"
            | studies -> Ok studies

// The program's own font has no letters of many scripts; a reader of SVG has fonts.
let private warnOfLetters format (files: (string * Exported) list) =
    let unreadable =
        [ for exported in files |> List.map snd |> List.distinctBy (fun (exported: Exported) -> exported.Name) do
              yield! exported.Drawing |> Option.map Painter.unreadable |> Option.defaultValue [] ]

    match format, List.distinct unreadable with
    | FigureFormat.Svg, _
    | _, [] -> ()
    | _, texts ->
        let first = List.head texts

        Exit.complain
            $"'{first}' has letters that PDF and PNG cannot show: --format svg leaves them to the reader's fonts"

let private writeFigures figures (study: Study) : Result<string list, string> =
    match figures with
    | None -> Ok []
    | Some(folder, format, request) ->
        Export.write folder format request study
        |> Result.map (fun files ->
            warnOfLetters format files
            List.map fst files)

/// What there is a page on, and where it goes: each store's own, or one on all of them.
let private pages (arguments: ParseResults<ReportArguments>) (studies: Study list) merged : (Study * string) list =
    match arguments.TryGetResult ReportArguments.Out, arguments.GetResult Stores with
    | None, [ _ ] ->
        // The report on the scenario stays what it is.
        let page =
            if arguments.Contains All then
                "report-all.html"
            else
                "report.html"

        [ for study in studies -> study, Path.Combine(study.Folders.Head, page) ]
    | out, _ -> [ merged, Option.defaultValue "report.html" out ]

/// The studies, all of them compared with the rule that the command line names.
let private compared (arguments: ParseResults<ReportArguments>) (studies: Study list) : Result<Study list, string> =
    match arguments.TryGetResult ReportArguments.Baseline with
    | None -> Ok studies
    | Some rule ->
        let studies = studies |> List.map (fun study -> { study with Study.Baselines = [ rule ] })
        let groups = studies |> List.collect Summary.groups

        match Baseline.rules groups with
        | [ _ ] -> Ok studies
        | [] ->
            let known = groups |> List.map _.Rule |> List.distinct
            let all = known |> List.map (sprintf "'%s'") |> String.concat ", "
            Error $"--baseline: no rule is called '{rule}': expected one of {all}{Exit.nearest known rule}"
        | several ->
            let all = several |> List.map (sprintf "'%s'") |> String.concat ", "
            Error $"--baseline: several rules are '{rule}': {all}. Write the label of one of them."

let private write (arguments: ParseResults<ReportArguments>) figures studies : Result<unit, string> =
    result {
        let merged = Study.merge studies
        let pages = pages arguments studies merged
        let! figures = writeFigures figures merged
        pages |> List.iter (fun (study, file) -> Studies.writePage file study)

        if arguments.Contains ReportArguments.Tensorboard then
            List.iter Studies.writeTensorBoard studies

        if arguments.Contains ReportArguments.Json then
            Studies.printJson (List.map fst pages)
        elif not (arguments.Contains ReportArguments.Quiet) then
            Studies.printTables ResultsTable.legend (List.map fst pages)
            List.map snd pages @ figures |> List.iter (printfn "%s")

        if arguments.Contains All then
            Studies.tellProblems studies

            for folder, count in List.collect _.Others studies do
                Exit.complain
                    $"{count} of the runs in {folder} were left out: an older version wrote them without what a report \
                      needs, or they are damaged"
        else
            Studies.tellMore (List.map fst pages)
    }

let run (arguments: ParseResults<ReportArguments>) : int =
    let prepared =
        result {
            let! figures = FigureArguments.parse arguments
            let! studies = arguments.GetResult Stores |> List.traverseResultM (loaded (arguments.Contains All))
            let! studies = compared arguments (List.concat studies)
            return figures, studies
        }

    match prepared with
    | Error reason -> Exit.refuse reason
    | Ok(figures, studies) ->
        try
            match write arguments figures studies with
            | Ok() -> Exit.done'
            | Error reason -> Exit.refuse reason
        with
        | :? IOException
        | :? UnauthorizedAccessException as error -> Exit.refuse $"the report cannot be written: {error.Message}"
