/// `ubarfs data list`, `ubarfs data get` and `ubarfs data import`.
module UbarFs.Cli.DataCommand

open Argu
open UbarFs.Core
open UbarFs.Engine.Data
open UbarFs.Cli.Arguments

let private availability entry =
    match entry.Availability with
    | Availability.Embedded -> "in the program"
    | Availability.Found folder -> folder
    | Availability.Missing -> $"missing: ubarfs data get {entry.Name}"
    | Availability.Damaged(path, reason) -> $"damaged: {path}: {reason}"

let private list (places: Place list) =
    for entry in Inventory.list places do
        Say.linef "%s" entry.Name

        printfn
            "  %d training and %d test images, %O, %d classes"
            entry.TrainingSize
            entry.TestSize
            entry.Shape
            entry.Classes

        Say.linef "  %s" (availability entry)
        Say.linef "  %s" entry.Licence

    Exit.done'

let private withKnown name (work: Chosen<Dataset> -> int) =
    match Store.known |> List.tryFind (fun dataset -> dataset.Name = name) with
    | Some dataset -> work dataset
    | None ->
        let names = Store.known |> List.map (fun dataset -> dataset.Name)
        let known = String.concat ", " names

        let meant = Exit.nearest names name
        let stop = if meant = "" then "." else ""

        Exit.refuse
            $"there is no dataset '{name}': expected one of {known}{meant}{stop} Your own images are used where they are, \
              with 'dataset: {{ folder: {{ path: … }} }}' in a scenario"

let private stopping = "stopping; Ctrl-C again stops at once"

let private get (arguments: ParseResults<DataGetArguments>) places =
    withKnown (arguments.GetResult Dataset) (fun dataset ->
        let outcome =
            Interruption.stoppable stopping (fun cancellation ->
                Transfers.during "getting" (fun progress ->
                    (Download.get Fetch.settings progress cancellation places dataset).GetAwaiter().GetResult()))

        match outcome with
        | Ok [] ->
            Say.linef "%s is in the program: there is nothing to get" dataset.Name
            Exit.done'
        | Ok files ->
            for file in files do
                match file with
                | Obtained.Downloaded path -> Say.linef "%s" path
                | Obtained.AlreadyThere path -> Say.linef "%s (was there)" path

            Exit.done'
        | Error DownloadProblem.Cancelled ->
            Exit.complain (DownloadProblem.describe DownloadProblem.Cancelled)
            Exit.interrupted
        | Error problem ->
            Exit.complain (DownloadProblem.describe problem)
            Exit.runFailed)

let private import (arguments: ParseResults<DataImportArguments>) places =
    let name, source = arguments.GetResult Source

    withKnown name (fun dataset ->
        let outcome =
            Interruption.stoppable stopping (fun cancellation ->
                Transfers.during "importing" (fun progress ->
                    let progress read total = progress source read (Some total)
                    Import.run Archive.limits progress cancellation places dataset source))

        match outcome with
        | Ok files ->
            List.iter Say.line files
            Exit.done'
        | Error ImportProblem.Cancelled ->
            Exit.complain (ImportProblem.describe ImportProblem.Cancelled)
            Exit.interrupted
        | Error(ImportProblem.NotNeeded _ | ImportProblem.NoPlace _ | ImportProblem.NoSource _ as problem) ->
            Exit.refuse (ImportProblem.describe problem)
        | Error problem ->
            Exit.complain (ImportProblem.describe problem)
            Exit.runFailed)

let private inPlaces (data: string option) (work: Place list -> int) =
    match Places.named data with
    | Ok places -> work places
    | Error reason -> Exit.refuse reason

let run (arguments: ParseResults<DataArguments>) : int =
    match arguments.GetSubCommand() with
    | DataArguments.List arguments -> inPlaces (arguments.TryGetResult DataListArguments.Data) list
    | DataArguments.Get arguments -> inPlaces (arguments.TryGetResult DataGetArguments.Data) (get arguments)
    | DataArguments.Import arguments -> inPlaces (arguments.TryGetResult DataImportArguments.Data) (import arguments)
