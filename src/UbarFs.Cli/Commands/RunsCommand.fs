/// `ubarfs runs`: what a store holds, run by run, and the way to get rid of what is no longer in its scenario.
module UbarFs.Cli.RunsCommand

open System
open System.IO
open System.Text.Json.Nodes
open Argu
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Scenario
open UbarFs.Cli.Arguments
open UbarFs.Cli.StoredRuns

// ---- List

let private counted (runs: 'run list) = if runs.Length = 1 then "1 run" else $"{runs.Length} runs"

/// The runs with what sets them apart as headings, the seeds below: each line fits a terminal.
let private lines (runs: Listed list) : string list =
    let settings = runs |> List.choose _.Run |> List.collect _.Settings |> List.distinct

    // What all of them share sets none of them apart.
    let varies path = (settings |> List.filter (fst >> (=) path)).Length > 1

    let heading (listed: Listed) =
        match listed.Run with
        | None -> "  settings unknown"
        | Some run ->
            let rule =
                if run.Settings |> List.exists (fst >> (=) "rule") then
                    []
                else
                    [ "rule", run.Identity.Rule ]

            rule @ (run.Settings |> List.filter (fun (path, value) -> value <> "" && varies path))
            |> List.map (fun (path, value) -> $"{path} {value}")
            |> String.concat ", "
            |> sprintf "  %s"

    let line (listed: Listed) =
        let stored = listed.Stored

        let seed = listed.Run |> Option.map (fun run -> $"seed {run.Identity.Seed}") |> Option.defaultValue ""

        let worst =
            match worst stored with
            | "" -> ""
            | worst -> worst + " %"

        sprintf "    %s  %-8s %-12s %7s  %s  %8s" stored.Id seed (status stored) worst (time stored) (size stored.Bytes)

    [ for isCurrent, title in [ true, "In the scenario as it is now"; false, "No longer in it" ] do
          match runs |> List.filter (fun listed -> listed.Stored.IsCurrent = isCurrent) with
          | [] -> ()
          | own ->
              $"{title}: {counted own}"

              for heading, same in List.groupBy heading own do
                  heading
                  yield! List.map line same ]

let private list (arguments: ParseResults<RunsListArguments>) : Result<int, string> =
    result {
        let folder = arguments.GetResult RunsListArguments.Store
        let! runs = listed folder

        if arguments.Contains RunsListArguments.Json then
            print (json [ "store", node folder; "runs", array (runs |> List.map (toJson >> json)) ])
        else
            lines runs |> List.iter Say.line
            let others = runs |> List.filter (fun listed -> not listed.Stored.IsCurrent)
            let bytes = runs |> List.sumBy _.Stored.Bytes
            Say.line $"{counted runs}, {size bytes}; {others.Length} no longer in the scenario"

            if not others.IsEmpty then
                Say.line $"'ubarfs report {folder} --all' reports on all of them"
                Say.line $"'ubarfs runs prune {folder}' removes those that are no longer in the scenario"

        return Exit.done'
    }

// ---- Show

let private find (id: string) (runs: Listed list) =
    match runs |> List.filter (fun listed -> listed.Stored.Id.StartsWith(id, StringComparison.Ordinal)) with
    | [ single ] -> Ok single
    | [] -> Error $"no run of the store begins with '{id}': 'ubarfs runs list' shows them"
    | several ->
        let ids = several |> List.map _.Stored.Id |> String.concat ", "
        Error $"'{id}' stands for several runs: {ids}"

let private settingsOf (run: StudyRun) =
    Map.add "seed" (string run.Identity.Seed) run.Resolved
    |> if run.Code = "" then id else Map.add Columns.code run.Code

/// The path and the values in which two runs differ: of the first, of the other.
let private differences (one: StudyRun) (other: StudyRun) =
    let told = Prints.onlyTelling [ settingsOf one; settingsOf other ]
    let one, other = told[0], told[1]

    Seq.append one.Keys other.Keys
    |> Seq.distinct
    |> Seq.map (fun path -> path, Map.tryFind path one, Map.tryFind path other)
    |> Seq.filter (fun (_, one, other) -> one <> other)
    |> List.ofSeq

/// The run of the scenario as it is now that has most in common with a run: of those the one with its seed.
let private nearest folder (run: StudyRun) =
    Study.tryLoad folder
    |> Option.map _.Runs
    |> Option.defaultValue []
    |> List.map (fun other -> other, differences run other)
    |> List.sortBy (fun (_, differences) -> differences.Length)
    |> List.tryHead

let private shown value = value |> Option.defaultValue "nothing"

let private describe (listed: Listed) near =
    let line (key: string) value = Say.linef "%-14s %s" key value
    let stored = listed.Stored
    line "run" stored.Id

    line
        "status"
        (match worst stored with
         | "" -> status stored
         | worst -> $"{status stored}, worst accuracy {worst} %%")

    stored.Record |> Option.bind _.Reason |> Option.orElse stored.Problem |> Option.iter (line "reason")

    line "when" (time stored)
    line "folder" stored.Folder
    line "size" (size stored.Bytes)

    line
        "of the scenario"
        (if stored.IsCurrent then
             "yes"
         else
             "no: it was changed since")

    match listed.Run with
    | None -> Say.linef "Its settings cannot be read: an older version wrote it, or its run.json is damaged."
    | Some run ->
        printfn ""
        settingsOf run |> Map.iter (fun path value -> Say.linef "%-29s %s" path value)

        match near with
        | Some(other: StudyRun, (_ :: _ as differences)) when not stored.IsCurrent ->
            printfn ""
            Say.line $"The scenario's nearest run is {other.Identity.Id}. It has"

            for path, here, there in differences do
                Say.linef "%-29s %s, here %s" path (shown there) (shown here)
        | _ -> ()

let private show (arguments: ParseResults<RunsShowArguments>) : Result<int, string> =
    result {
        let folder, id = arguments.GetResult RunsShowArguments.Run
        let! listed = listed folder |> Result.bind (find id)
        let near = listed.Run |> Option.bind (nearest folder)

        if arguments.Contains RunsShowArguments.Json then
            let settings =
                listed.Run
                |> Option.map (fun run -> json [ for pair in settingsOf run -> pair.Key, node pair.Value ])
                |> Option.defaultValue null

            let difference (path, here, there) =
                let value = Option.map node >> Option.defaultValue null
                json [ "path", node path; "here", value here; "there", value there ]

            let near =
                match near with
                | Some(other, differences) ->
                    json
                        [ "run", node other.Identity.Id
                          "differences", array (List.map difference differences) ]
                | None -> null

            print (json (toJson listed @ [ "settings", settings; "nearest", near ]))
        else
            describe listed near

        return Exit.done'
    }

// ---- Prune

let private isSure (runs: Listed list) (folder: string) =
    let bytes = runs |> List.sumBy _.Stored.Bytes
    eprintf "Remove %s of %s (%s) for good? [y/N] " (counted runs) folder (size bytes)

    match Console.ReadLine() |> Option.ofObj with
    | Some answer -> List.contains (answer.Trim().ToLowerInvariant()) [ "y"; "yes" ]
    | None -> false

let private told (removal: Removal) =
    match removal with
    | Removal.Removed -> "removed"
    | Removal.Current -> "kept: the scenario has it again"
    | Removal.Held(Some holder) -> $"kept: {holder} works on it"
    | Removal.Held None -> "kept: another process works on it"
    | Removal.Failed reason -> $"not removed: {reason}"

/// Writes the pages of a store anew that it has, where they say what else is in it.
let private rewritePages folder =
    [ "report.html", Study.tryLoad; "report-all.html", Study.tryLoadAll ]
    |> List.iter (fun (page, tryLoad) ->
        let file = Path.Combine(folder, page)

        if File.Exists file then
            tryLoad folder |> Option.iter (Studies.writePage file))

let private remove isJson folder (runs: Listed list) =
    let locks = Locks.ofStore folder
    let removed = runs |> List.map (fun listed -> listed, Contents.remove locks folder listed.Stored)

    if isJson then
        array [ for listed, removal in removed -> json (toJson listed @ [ "outcome", node (told removal) ]) ]
        |> fun runs -> print (json [ "store", node folder; "runs", runs ])
    else
        for listed, removal in removed do
            Say.linef "%s %s (%s)" listed.Stored.Id (told removal) (size listed.Stored.Bytes)

        let gone =
            [ for listed, removal in removed do
                  if removal = Removal.Removed then
                      listed ]

        Say.linef "%s removed, %s" (counted gone) (gone |> List.sumBy _.Stored.Bytes |> size)

    OtherRuns.write folder
    rewritePages folder

    if removed |> List.exists (snd >> _.IsFailed) then
        Exit.runFailed
    else
        Exit.done'

let private prune (arguments: ParseResults<RunsPruneArguments>) : Result<int, string> =
    result {
        let folder = arguments.GetResult RunsPruneArguments.Store
        let isJson = arguments.Contains RunsPruneArguments.Json
        let! runs = listed folder
        let others = runs |> List.filter (fun listed -> not listed.Stored.IsCurrent)
        let bytes = others |> List.sumBy _.Stored.Bytes

        if others.IsEmpty || arguments.Contains DryRun then
            if isJson then
                print (json [ "store", node folder; "runs", array (others |> List.map (toJson >> json)) ])
            else
                for listed in others do
                    Say.linef "%s would be removed (%s)" listed.Stored.Id (size listed.Stored.Bytes)

                Say.line $"{counted others} no longer in the scenario, {size bytes}"

            return Exit.done'
        elif arguments.Contains Yes then
            return remove isJson folder others
        elif Console.IsInputRedirected || isJson then
            return! Error $"this would remove {counted others} for good: --yes says so, --dry-run lists them"
        elif isSure others folder then
            return remove isJson folder others
        else
            Say.linef "Nothing was removed."
            return Exit.done'
    }

let run (arguments: ParseResults<RunsArguments>) : int =
    try
        match arguments.GetSubCommand() with
        | RunsArguments.List arguments -> list arguments
        | RunsArguments.Show arguments -> show arguments
        | RunsArguments.Prune arguments -> prune arguments
        |> Result.either id Exit.refuse
    with
    | :? IOException
    | :? UnauthorizedAccessException as error -> Exit.refuse error.Message
