/// What commands do with the studies that run stores hold: pages, event files and tables.
module UbarFs.Cli.Studies

open System
open System.IO
open System.Text.Json
open Spectre.Console
open UbarFs.Engine
open UbarFs.Report

let private page = "report.html"

/// Writes a study's page into a file, whose reader sees the old one or the new one.
let writePage (file: string) (study: Study) =
    let file = Path.GetFullPath file
    Directory.CreateDirectory(Path.GetDirectoryName file |> string) |> ignore
    Durable.writeText file (Page.create study)

/// Writes `report.html` into a study's own folder.
let writeReport (study: Study) = writePage (Path.Combine(study.Folders.Head, page)) study

/// Writes the event files of a study's runs into its own folder.
let writeTensorBoard (study: Study) = TensorBoard.ofStudy (Path.Combine(study.Folders.Head, "tensorboard")) study

/// Says on standard error what of the stores cannot be used.
let tellProblems (studies: Study list) =
    studies |> List.collect Summary.problems |> List.distinct |> List.iter Exit.complain

/// Says on standard error what of the stores cannot be used, what of the runs differs although their
/// settings do not say so, and what else the stores hold.
let tellMore (studies: Study list) =
    tellProblems studies

    for study in studies do
        Summary.remarks study @ Summary.others study |> List.iter Exit.complain

/// Prints the final table of each study, with what its legend says.
let printTables (legend: Study -> string list) (studies: Study list) =
    let console = Tables.console ()

    for study in studies do
        let width = console.Profile.Width
        console.Write(ResultsTable.create width study)

        match ResultsTable.leftOut width study with
        | [] -> ()
        | headings ->
            let headings = String.concat "; " headings
            console.WriteLine $"Without room in {width} columns: {headings}. The page has them."

        legend study |> List.iter console.WriteLine

/// Prints the studies as JSON.
let printJson (studies: Study list) =
    printfn "%s" ((ResultsJson.create studies).ToJsonString(JsonSerializerOptions(WriteIndented = true)))
