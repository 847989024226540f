/// Files of numbers on disk.
[<RequireQualifiedAccess>]
module UbarFs.Pictures.TableFile

open System
open System.IO
open System.Security.Cryptography
open UbarFs.Core

/// The table in a file, and the SHA-256 of the file in lower-case hexadecimal. The error completes a sentence about it.
let read (form: TableForm) (path: string) : Result<TableData * string, string> =
    try
        let bytes = InputFile.read TableData.largestFile path

        match form with
        | TableForm.Npz channelsLast -> NpzFile.read channelsLast bytes
        | TableForm.Csv(label, test) -> CsvTable.read label test bytes
        |> Result.map (fun table -> table, Convert.ToHexStringLower(SHA256.HashData bytes))
    with
    | :? InputFile.RefusedException as refused -> Error refused.Reason
    | :? IOException
    | :? UnauthorizedAccessException as problem -> Error $"cannot be read: {problem.Message}"

let private untested (table: TableData) =
    let tested = Set.ofArray table.Test.Labels

    match [ 0 .. table.Classes - 1 ] |> List.filter (fun label -> not (tested.Contains(byte label))) with
    | [] -> []
    | labels ->
        let shown = labels |> Seq.truncate 5 |> Seq.map string |> String.concat ", "

        let more =
            if labels.Length > 5 then
                $" and {labels.Length - 5} more"
            else
                ""

        [ $"no test examples of class {shown}{more}: the accuracy says nothing about these classes" ]

/// What can be said of a dataset that is a file of numbers, once it is read; any other is left as it is. `folder` is where
/// relative paths count from. What is odd comes beside it, in sentences. The error is a sentence.
let survey (folder: string) (dataset: Dataset) : Result<Dataset * string list, string> =
    match dataset.Storage with
    | Storage.UnreadTable(path, form) ->
        let full = Path.GetFullPath(Path.Combine(folder, path))

        if not (File.Exists full || Directory.Exists full) then
            Error $"there is no file '{path}' beside the scenario ({full})"
        else
            read form full
            |> Result.mapError (fun reason -> $"the file '{path}' {reason}")
            |> Result.map (fun (table, _) ->
                { dataset with
                    Shape = table.Shape
                    Classes = table.Classes
                    TrainingSize = table.Training.Count
                    TestSize = table.Test.Count
                    Storage = Storage.Table(full, form) },
                untested table |> List.map (fun reason -> $"the file '{path}' has {reason}"))
    | _ -> Ok(dataset, [])
