/// The checksums among the settings of a run: of code, and of the files with a graph or with shares.
[<RequireQualifiedAccess>]
module UbarFs.Core.Prints

open System

// The checksums of files, with the paths of the values that name them.
let private files = [ "network.graph", "network.topology"; "data.shares", "data.partition" ]

/// Whether a path has the checksum of what stands at another one: of its code, or of its file.
let isPrint (path: string) =
    files |> List.exists (fun (print, _) -> print = path)
    || path.EndsWith(".code", StringComparison.Ordinal)

/// The checksums that belong to the value of a path; empty without any.
let at (path: string) (settings: Map<string, string>) : string =
    path + ".code" :: (files |> List.filter (fun (_, owner) -> owner = path) |> List.map fst)
    |> List.choose (fun print -> Map.tryFind print settings)
    |> String.concat ", "

let private ownerOf print =
    files
    |> List.tryFind (fun (file, _) -> file = print)
    |> Option.map snd
    |> Option.defaultWith (fun () -> print.Substring(0, print.Length - ".code".Length))

/// Settings without the checksums that tell nothing apart: those of a value of which no two are known. Stores of older
/// versions have none for the catalogue.
let onlyTelling (all: Map<string, string> list) : Map<string, string> list =
    let isPrinted (settings: Map<string, string>) = settings |> Map.toList |> List.filter (fst >> isPrint)

    let known =
        all
        |> List.collect (fun settings ->
            isPrinted settings
            |> List.map (fun (path, print) -> (path, Map.tryFind (ownerOf path) settings), print))
        |> List.distinct
        |> List.countBy fst
        |> Map.ofList

    all
    |> List.map (fun settings ->
        settings
        |> Map.filter (fun path _ -> not (isPrint path) || known[path, Map.tryFind (ownerOf path) settings] > 1))
