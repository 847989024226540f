/// Folders of images on disk.
[<RequireQualifiedAccess>]
module UbarFs.Pictures.ImageFolder

open System
open System.IO
open FsToolkit.ErrorHandling
open UbarFs.Core

/// More files than these are refused.
let private mostFiles = 2_000_000

/// The most bytes of an image: more than the largest has without any compression.
let longestImage = 256 <<< 20

// Not deeper than one folder too deep, so that a loop of links ends.
let private options =
    EnumerationOptions(
        RecurseSubdirectories = true,
        MaxRecursionDepth = 2,
        AttributesToSkip = FileAttributes.None,
        IgnoreInaccessible = false
    )

/// An image that is none of the disk's files, or too long to be one.
let private strange (found: (string * FileInfo) list) =
    found
    |> Seq.filter (fun (path, _) -> ImageTree.isImage path)
    |> Seq.tryPick (fun (path, file) ->
        InputFile.objection (int64 longestImage) file.FullName
        |> Option.map (fun reason -> $"holds '{path}', which {reason}"))

/// The files of `train` and `test` in a folder, with their paths in it, '/' between the parts, as the key. Each image is
/// a file and not too long.
let files (folder: string) : Result<(string * FileInfo) list, string> =
    try
        let found =
            [ "train"; "test" ]
            |> Seq.map (fun part -> DirectoryInfo(Path.Combine(folder, part)))
            |> Seq.filter _.Exists
            |> Seq.collect _.EnumerateFiles("*", options)
            |> Seq.truncate (mostFiles + 1)
            |> Seq.map (fun file -> Path.GetRelativePath(folder, file.FullName).Replace('\\', '/'), file)
            |> List.ofSeq

        if found.Length > mostFiles then
            Error $"has more than {mostFiles} files"
        else
            strange found |> Option.map Error |> Option.defaultValue (Ok found)
    with
    | :? IOException
    | :? UnauthorizedAccessException as problem -> Error $"cannot be read: {problem.Message}"

let private firstShape folder (form: ImageForm) (tree: ImageTree) =
    let path = tree.Training.Head.File

    let formed (shape: ImageShape) =
        { Channels = form.Channels |> Option.defaultValue shape.Channels
          Height = form.Size |> Option.defaultValue shape.Height
          Width = form.Size |> Option.defaultValue shape.Width }

    try
        InputFile.read longestImage (Path.Combine(folder, path))
        |> Picture.shape
        |> Result.map formed
        |> Result.mapError (fun reason -> $"'{path}' {reason}")
    with
    | :? IOException
    | :? UnauthorizedAccessException as problem -> Error $"'{path}' cannot be read: {problem.Message}"

/// The folders of classes that hold no image: `train/dog`.
let private emptyClasses folder (tree: ImageTree) =
    let isFilled part name =
        (if part = "train" then tree.Training else tree.Test)
        |> List.exists (fun file -> file.File.Contains $"{part}/{name}/")

    [ for part in [ "train"; "test" ] do
          let parent = DirectoryInfo(Path.Combine(folder, part))

          if parent.Exists then
              for inner in parent.EnumerateDirectories() |> Seq.sortBy _.Name do
                  if not (inner.Name.StartsWith '.' || inner.Name = "__MACOSX" || isFilled part inner.Name) then
                      part, inner.Name ]

let private listed (names: string list) =
    let shown = names |> Seq.truncate 5 |> Seq.map (fun name -> $"'{name}'") |> String.concat ", "

    if names.Length > 5 then
        $"{shown} and {names.Length - 5} more"
    else
        shown

/// What is odd about the classes of a folder, in sentences.
let private oddities folder (tree: ImageTree) =
    let tested = tree.Test |> List.map _.Label |> Set.ofList

    let untested =
        tree.Classes
        |> List.indexed
        |> List.filter (fun (label, _) -> not (tested.Contains label))
        |> List.map snd

    let empty =
        try
            emptyClasses folder tree
            |> List.filter (fun (part, name) -> part = "train" || not (List.contains name tree.Classes))
            |> List.map (fun (part, name) -> $"{part}/{name}")
        with
        | :? IOException
        | :? UnauthorizedAccessException -> []

    [ if not untested.IsEmpty then
          $"no test images of {listed untested}: the accuracy says nothing about these classes"

      if not empty.IsEmpty then
          $"no images in {listed empty}: a folder without images is not a class" ]

let private look form folder =
    result {
        let! found = files folder
        let! tree = ImageTree.arrange (Seq.map fst found)
        let! shape = firstShape folder form tree
        return tree, shape, oddities folder tree
    }

/// What can be said of a folder of images without reading them all: classes and sizes from its files' names, the shape
/// from its first image. Any other dataset is left as it is. `folder` is where relative paths count from. What is odd
/// about the folder comes beside it, in sentences. The error is a sentence.
let survey (folder: string) (dataset: Dataset) : Result<Dataset * string list, string> =
    match dataset.Storage with
    | Storage.Unread(path, form) ->
        let full = Path.GetFullPath(Path.Combine(folder, path)).TrimEnd('/', '\\')

        if not (Directory.Exists full) then
            Error $"there is no folder '{path}' beside the scenario ({full})"
        else
            look form full
            |> Result.mapError (fun reason -> $"the folder '{path}' {reason}")
            |> Result.map (fun (tree, shape, odd) ->
                { dataset with
                    Shape = shape
                    Classes = tree.Classes.Length
                    TrainingSize = tree.Training.Length
                    TestSize = tree.Test.Length
                    Storage = Storage.Images(full, tree.Classes, form.Size.IsSome) },
                odd |> List.map (fun reason -> $"the folder '{path}' has {reason}"))
    | _ -> Ok(dataset, [])
