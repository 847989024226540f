/// `ubarfs report`: pages, figures and tables out of run stores.
module UbarFs.Cli.ReportCommand

open System
open System.IO
open Argu
open FsToolkit.ErrorHandling
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Cli.Arguments

let private formats = [ "svg"; "pdf"; "png" ]

let private loaded isAll (folder: string) : Result<Study list, string> =
    let tryLoad = if isAll then Study.tryLoadAll else Study.tryLoad

    let isDamaged store =
        File.Exists(Path.Combine(store, "sweep.json")) && (SweepFile.tryRead store).IsNone

    let unreadable store =
        let file = Path.Combine(store, "sweep.json")
        $"'{file}' cannot be read: it is damaged, or of another version. 'ubarfs run' of its scenario writes it anew"

    if not (Directory.Exists folder) then
        Error $"there is no folder '{folder}'"
    else
        match tryLoad folder with
        | Some study -> Ok [ study ]
        | None when isDamaged folder -> Error(unreadable folder)
        | None ->
            // Nothing is left out without a word.
            Directory.GetDirectories folder
            |> Array.sort
            |> Array.filter isDamaged
            |> Array.iter (unreadable >> Exit.complain)

            match Directory.GetDirectories folder |> Array.sort |> Array.choose tryLoad |> List.ofArray with
            | [] ->
                Error
                    $"'{folder}' is no run store: it has no sweep.json. 'ubarfs run' writes it, also for a scenario that \
                      is complete"
            | studies -> Ok studies

let private format (arguments: ParseResults<ReportArguments>) : Result<string, string> =
    match arguments.GetResult(Format, "svg"), arguments.Contains Figures with
    | format, _ when not (List.contains format formats) ->
        Error $"unknown format '{format}': expected svg, pdf or png{Exit.nearest formats format}"
    | _, false when arguments.Contains Format -> Error "--format is of figures: say where they go with --figures DIR"
    | format, _ -> Ok format

/// Nothing is written where the browser that it takes is not there.
let private browser format : Result<string option, string> =
    match format, Chromium.find () with
    | "svg", _ -> Ok None
    | _, Some browser -> Ok(Some browser)
    | _, None -> Error Chromium.missing

let private writeFigures folder format browser (study: Study) : Result<string list, string> =
    let files = Export.write folder study

    match browser with
    | None -> Ok(List.map fst files)
    | Some browser ->
        files
        |> List.traverseResultM (fun (file, exported) ->
            match exported.Drawing with
            | Some drawing when Path.GetExtension file = ".svg" ->
                Chromium.convert browser format drawing file
                |> Result.map (fun _ ->
                    File.Delete file
                    Path.ChangeExtension(file, format))
            | _ -> Ok file)

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

let private write (arguments: ParseResults<ReportArguments>) format browser studies : Result<unit, string> =
    result {
        let merged = Study.merge studies
        let pages = pages arguments studies merged
        pages |> List.iter (fun (study, file) -> Studies.writePage file study)

        let! figures =
            match arguments.TryGetResult Figures with
            | Some folder -> writeFigures folder format browser merged
            | None -> Ok []

        if arguments.Contains ReportArguments.Tensorboard then
            List.iter Studies.writeTensorBoard studies

        if arguments.Contains ReportArguments.Json then
            Studies.printJson (List.map fst pages)
        elif not (arguments.Contains ReportArguments.Quiet) then
            Studies.printTables (List.map fst pages)
            List.map snd pages @ figures |> List.iter (printfn "%s")

        if arguments.Contains All then
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
            let! format = format arguments
            let! browser = browser format
            let! studies = arguments.GetResult Stores |> List.traverseResultM (loaded (arguments.Contains All))
            return format, browser, List.concat studies
        }

    match prepared with
    | Error reason -> Exit.refuse reason
    | Ok(format, browser, studies) ->
        try
            match write arguments format browser studies with
            | Ok() -> Exit.done'
            | Error reason ->
                Exit.complain reason
                Exit.runFailed
        with
        | :? IOException
        | :? UnauthorizedAccessException as error -> Exit.refuse $"the report cannot be written: {error.Message}"
