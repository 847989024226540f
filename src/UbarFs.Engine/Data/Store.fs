namespace UbarFs.Engine.Data

open System
open System.IO
open System.Security.Cryptography
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Pictures

/// Why a folder does not give a dataset.
[<RequireQualifiedAccess>]
type Finding =
    | NoFolder
    /// The names of the files that are not there.
    | Lacks of files: string list
    /// Files of the right names that another dataset published.
    | Holds of otherDataset: string

/// The files that a dataset can be read from.
[<RequireQualifiedAccess>]
type WantedFiles =
    /// These, gzip-compressed or not.
    | Idx of names: string list
    /// These, the archive with them, or images in folders `train` and `test`.
    | Records of names: string list * archive: string

    member wanted.Names =
        match wanted with
        | Idx names
        | Records(names, _) -> names

/// Why a dataset could not be loaded.
[<RequireQualifiedAccess>]
type DataProblem =
    /// No folder has all of the files.
    | Missing of dataset: string * files: WantedFiles * looked: (Place * string * Finding) list
    /// A file is there, and it is not what was published.
    | Damaged of dataset: string * path: string * reason: string
    /// A folder of the user's own images has a file that cannot be used, or a file of numbers cannot; the reason completes
    /// a sentence about `path`.
    | Unusable of folder: string * path: string * reason: string

[<RequireQualifiedAccess>]
module DataProblem =

    let private finding total finding =
        match finding with
        | Finding.NoFolder -> "there is no such folder"
        | Finding.Lacks files when List.length files = total -> "it has none of the files"
        | Finding.Lacks files -> $"""it lacks {String.concat ", " files}"""
        | Finding.Holds other -> $"it holds another dataset, {other}"

    let private wanted dataset files =
        match files with
        | WantedFiles.Idx names -> [ $"""Its files, gzip-compressed (.gz) or not: {String.concat ", " names}""" ]
        | WantedFiles.Records(names, archive) ->
            let names = String.concat ", " names

            [ $"Its files: {names}; or {archive}; or images train|test/<class>/* in a folder {dataset}"
              $"An archive of such images can be imported: ubarfs data import {dataset} FILE" ]

    /// The problem and what to do about it, in several lines.
    let describe problem =
        match problem with
        | DataProblem.Missing(dataset, files, looked) ->
            let place (place: Place, folder, found) = $"  {folder} ({place.Origin}): {finding files.Names.Length found}"

            [ $"the dataset '{dataset}' is missing. Looked for its files in"
              yield! List.map place looked
              yield! wanted dataset files
              $"Get them with 'ubarfs data get {dataset}', or say where they are with --data DIR or {Places.Variable}." ]
            |> String.concat "\n"
        | DataProblem.Damaged(dataset, path, reason) ->
            $"the dataset '{dataset}' is damaged. {path}: {reason}\n\
              Remove it and get it again with 'ubarfs data get {dataset}'."
        | DataProblem.Unusable(file, path, reason) when file = path && File.Exists path ->
            $"the file of numbers '{file}' cannot be used: it {reason}"
        | DataProblem.Unusable(folder, path, reason) ->
            $"the folder of images '{folder}' cannot be used. {path} {reason}"

/// Datasets on disk: finding and reading them.
[<RequireQualifiedAccess>]
module Store =

    /// The datasets of the catalogue that are what they are without a look at the disk.
    let known: Chosen<Dataset> list =
        Catalogue.datasets
        |> List.map (Component.choose Map.empty)
        |> List.filter (fun dataset -> not dataset.Value.IsUnread)

    /// Another dataset whose smallest file lies in the folder. Datasets share file names, so the names alone say nothing.
    let private otherOwner known (dataset: Chosen<Dataset>) folder =
        let smallest = Published.files dataset.Value |> List.minBy _.File.Length

        let owner path =
            try
                use stream = InputFile.openRead InputFile.unbounded path

                Idx.read smallest.Dimensions stream
                |> Result.toOption
                |> Option.bind (Published.checksum smallest.Dimensions >> Published.owner (dataset :: known))
            with
            | :? IOException
            | :? UnauthorizedAccessException -> None

        Published.find folder smallest |> Option.bind owner |> Option.filter ((<>) dataset.Name)

    /// The paths of the files in a folder, or why it is not to be used. A folder with the dataset's own name is taken at
    /// its word; any other is left alone when it holds another dataset.
    let private inspect known (dataset: Chosen<Dataset>) (place: Place) folder =
        let files = Published.files dataset.Value
        let found = files |> List.map (fun file -> file, Published.find folder file)
        let missing = found |> List.filter (snd >> Option.isNone) |> List.map (fun (file, _) -> file.File.Name)

        if not (Directory.Exists folder) then
            Error Finding.NoFolder
        else
            match
                (if folder = place.Root then
                     otherOwner known dataset folder
                 else
                     None)
            with
            | Some other -> Error(Finding.Holds other)
            | None when missing.IsEmpty -> Ok(found |> List.map (fun (file, path) -> file, path.Value))
            | None -> Error(Finding.Lacks missing)

    let private locate known (places: Place list) (dataset: Chosen<Dataset>) =
        let rec first looked remaining =
            match remaining with
            | [] ->
                let names = Published.files dataset.Value |> List.map _.File.Name
                Error(DataProblem.Missing(dataset.Name, WantedFiles.Idx names, List.rev looked))
            | (place, folder) :: later ->
                match inspect known dataset place folder with
                | Ok paths -> Ok(folder, paths)
                | Error finding -> first ((place, folder, finding) :: looked) later

        places
        |> List.collect (fun place -> Places.folders dataset.Name place |> List.map (fun folder -> place, folder))
        |> first []

    let private damaged (dataset: Chosen<Dataset>) path reason = DataProblem.Damaged(dataset.Name, path, reason)

    let private checkedSet (dataset: Chosen<Dataset>) path set =
        ImageSet.check dataset.Value set
        |> Result.map (fun () -> set)
        |> Result.mapError (damaged dataset path)

    let private digestOf (files: (Published.File * string) list) =
        files
        |> List.map (fun (file, _) -> Convert.FromHexString file.File.Sha256)
        |> Array.concat
        |> SHA256.HashData
        |> Convert.ToHexStringLower

    let private fromFolder known dataset (folder: string, files: (Published.File * string) list) =
        let read index =
            let file, path = files[index]
            Published.readPath known file path |> Result.mapError (damaged dataset path)

        let part images labels =
            result {
                let! labelling = read labels
                let! pixels = read images
                return! checkedSet dataset (snd files[labels]) { Pixels = pixels; Labels = labelling }
            }

        result {
            let! test = part 2 3
            let! training = part 0 1

            return
                { Name = dataset.Name
                  Dataset = dataset.Value
                  Folder = Some folder
                  Training = training
                  Test = test
                  Numbers = None
                  Checksum = digestOf files
                  Notices = [] }
        }

    let private embedded (dataset: Chosen<Dataset>) =
        let inside = "the copy inside the program"

        result {
            let! training, test, checksum = Digits.load () |> Result.mapError (damaged dataset inside)
            let! training = checkedSet dataset inside training
            let! test = checkedSet dataset inside test

            return
                { Name = dataset.Name
                  Dataset = dataset.Value
                  Folder = None
                  Training = training
                  Test = test
                  Numbers = None
                  Checksum = checksum
                  Notices = [] }
        }

    let private loaded (dataset: Chosen<Dataset>) folder value (pictures: Pictures.Loaded) =
        { Name = dataset.Name
          Dataset = value
          Folder = Some folder
          Training = pictures.Images.Training
          Test = pictures.Images.Test
          Numbers = None
          Checksum = pictures.Checksum
          Notices = pictures.Notices }

    let private matches (dataset: Dataset) (images: DecodedImages) =
        images.Shape = dataset.Shape
        && images.Training.Count = dataset.TrainingSize
        && images.Test.Count = dataset.TestSize

    /// What is known of a dataset of records that a folder may have.
    let private inspectRecords (dataset: Chosen<Dataset>) (records: RecordFiles) own folder =
        let names = records.Training @ [ records.Test ]
        let file = Places.decoded dataset.Name folder

        if not (Directory.Exists folder) then
            Error Finding.NoFolder
        else
            match Pictures.find records own folder with
            | Some source -> Ok(folder, Some source)
            | None when File.Exists file -> Ok(folder, None)
            | None ->
                names
                |> List.filter (fun name -> not (File.Exists(Path.Combine(folder, name))))
                |> Finding.Lacks
                |> Error

    /// The images with the classes put together that belong together.
    let private merged (records: RecordFiles) (pictures: Pictures.Loaded) : Pictures.Loaded =
        match Array.ofList records.Merged with
        | [||] -> pictures
        | classes ->
            let merge (set: ImageSet) =
                { set with
                    Labels = set.Labels |> Array.map (fun label -> byte classes[int label]) }

            let images = pictures.Images

            { pictures with
                Images = { images with Training = merge images.Training; Test = merge images.Test } }

    let private fromRecords (places: Place list) (dataset: Chosen<Dataset>) (records: RecordFiles) =
        // Files and what is kept of them have the classes before any are put together.
        let apart = { dataset.Value with Classes = records.ClassNames.Length }
        let whole = { dataset with Value = apart }

        let read (folder, source) =
            let file = Places.decoded dataset.Name folder

            let outcome =
                match source with
                | Some source -> Pictures.load apart records file source
                | None ->
                    Decoded.read file
                    |> Result.mapError (fun reason -> file, reason)
                    |> Result.map (fun (images, checksum) -> { Images = images; Checksum = checksum; Notices = [] })

            match outcome with
            | Error(path, reason) -> Error(damaged dataset path reason)
            | Ok pictures when not (matches dataset.Value pictures.Images) ->
                Error(damaged dataset file "it holds other images")
            | Ok pictures ->
                checkedSet whole file pictures.Images.Training
                |> Result.bind (fun _ -> checkedSet whole file pictures.Images.Test)
                |> Result.map (fun _ -> loaded dataset folder dataset.Value (merged records pictures))

        let rec first looked remaining =
            match remaining with
            | [] ->
                let wanted = WantedFiles.Records(records.Training @ [ records.Test ], records.Archive.Name)
                Error(DataProblem.Missing(dataset.Name, wanted, List.rev looked))
            | (place, folder) :: later ->
                match inspectRecords dataset records (folder <> place.Root) folder with
                | Ok found -> read found
                | Error finding -> first ((place, folder, finding) :: looked) later

        places
        |> List.collect (fun place -> Places.folders dataset.Name place |> List.map (fun folder -> place, folder))
        |> first []

    let private fromImages (places: Place list) (dataset: Chosen<Dataset>) folder classNames isSized =
        let unusable (path, reason) = DataProblem.Unusable(folder, path, reason)

        Pictures.loadFolder dataset.Value folder classNames isSized (Places.decodedElsewhere folder places)
        |> Result.mapError unusable
        |> Result.bind (fun pictures ->
            if matches dataset.Value pictures.Images then
                let moments = Pictures.moments dataset.Value pictures.Images.Training

                let value =
                    { dataset.Value with
                        Mean = List.map fst moments
                        Deviation = List.map snd moments }

                Ok(loaded dataset folder value pictures)
            else
                Error(unusable (folder, "has changed since the scenario was read")))

    let private fromTable (dataset: Chosen<Dataset>) path form =
        TableFile.read form path
        |> Result.mapError (fun reason -> DataProblem.Unusable(path, path, reason))
        |> Result.bind (fun (table, checksum) ->
            let value = dataset.Value

            let isSame =
                table.Shape = value.Shape
                && table.Classes = value.Classes
                && table.Training.Count = value.TrainingSize
                && table.Test.Count = value.TestSize

            if isSame then
                let labelled (part: TablePart) : ImageSet = { Pixels = [||]; Labels = part.Labels }

                Ok
                    { Name = dataset.Name
                      Dataset =
                        { value with
                            Mean = List.map fst table.Moments
                            Deviation = List.map snd table.Moments }
                      Folder = Some(Path.GetDirectoryName path |> string)
                      Training = labelled table.Training
                      Test = labelled table.Test
                      Numbers = Some(table.Training.Values, table.Test.Values)
                      Checksum = checksum
                      Notices = [] }
            else
                Error(DataProblem.Unusable(path, path, "has changed since the scenario was read")))

    /// The dataset from the first of the places that has all of its files; `known` are the datasets that a wrong file
    /// is compared with. What is found and damaged is an error, even if a later place had a good copy.
    let loadAmong (known: Chosen<Dataset> list) (places: Place list) (dataset: Chosen<Dataset>) =
        match dataset.Value.Storage with
        | Storage.Embedded -> embedded dataset
        | Storage.Idx _ -> locate known places dataset |> Result.bind (fromFolder known dataset)
        | Storage.Records records -> fromRecords places dataset records
        | Storage.Images(folder, classNames, isSized) -> fromImages places dataset folder classNames isSized
        | Storage.Table(path, form) -> fromTable dataset path form
        | Storage.UnreadTable(path, _)
        | Storage.Unread(path, _) -> Error(DataProblem.Unusable(path, path, "has not been looked at"))

    /// `loadAmong` the datasets of the catalogue.
    let load (places: Place list) (dataset: Chosen<Dataset>) : Result<LoadedDataset, DataProblem> =
        loadAmong known places dataset
