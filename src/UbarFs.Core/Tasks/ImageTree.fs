namespace UbarFs.Core

open System

/// A file with an image of a class.
type LabelledFile = { File: string; Label: int }

/// Image files in folders `train/<class>/` and `test/<class>/`.
type ImageTree =
    {
        /// The names of the classes in the order of their labels.
        Classes: string list
        /// By class, and by name within a class.
        Training: LabelledFile list
        Test: LabelledFile list
    }

[<RequireQualifiedAccess>]
module ImageTree =

    /// A label is one byte.
    let mostClasses = 256

    /// The most pixels of a side: larger images are refused before they are decoded.
    let widest = 4096

    let private extensions = [ ".png"; ".jpg"; ".jpeg" ]

    // What operating systems leave behind in folders of images.
    let private ignored (path: string) =
        path.Split '/'
        |> Array.exists (fun part ->
            part.StartsWith '.' || part = "Thumbs.db" || part = "desktop.ini" || part = "__MACOSX")

    /// Whether a file's name is that of an image.
    let isImage (path: string) =
        not (ignored path)
        && extensions
           |> List.exists (fun extension -> path.EndsWith(extension, StringComparison.OrdinalIgnoreCase))

    let private ordinal (one: string) (other: string) = String.CompareOrdinal(one, other)

    /// Archives often wrap everything in one folder.
    let private unwrapped (paths: (string[] * string) list) =
        let first = paths |> List.map (fun (parts, _) -> parts[0]) |> List.distinct

        match first with
        | [ only ] when only <> "train" && only <> "test" ->
            paths
            |> List.filter (fun (parts, _) -> parts.Length > 1)
            |> List.map (fun (parts, path) -> Array.tail parts, path)
        | _ -> paths

    /// The class of a file in a part, or what is wrong with it; none for a file that no part has.
    let private classOf (parts: string[], path: string) =
        match parts with
        | [| ("train" | "test"); name; _ |] when isImage path -> Some(Ok(parts[0], name, path))
        | [| ("train" | "test"); _; _ |] -> Some(Error $"'{path}' is not a PNG or JPEG file")
        | [| ("train" | "test"); _ |] when isImage path ->
            Some(Error $"'{path}' is in no class: images are train/<class>/<name> and test/<class>/<name>")
        | _ when parts.Length > 3 && (parts[0] = "train" || parts[0] = "test") ->
            Some(Error $"'{path}' is too deep: images are train/<class>/<name> and test/<class>/<name>")
        | _ -> None

    /// Sorts files, given by their paths with '/' between the parts, into a tree. The classes are those with training
    /// images, in the order of their names; hidden files and files beside `train` and `test` are left out. The error
    /// completes a sentence about the folder.
    let arrange (paths: string seq) : Result<ImageTree, string> =
        let found =
            paths
            |> Seq.filter (ignored >> not)
            |> Seq.map (fun path -> path.Split '/', path)
            |> List.ofSeq
            |> unwrapped
            |> List.choose classOf

        let wrong =
            found
            |> List.tryPick (function
                | Error reason -> Some reason
                | Ok _ -> None)

        let files = found |> List.choose Result.toOption
        let training, test = files |> List.partition (fun (part, _, _) -> part = "train")

        let classes = training |> List.map (fun (_, name, _) -> name) |> List.distinct |> List.sortWith ordinal

        let labels = classes |> List.mapi (fun label name -> name, label) |> Map.ofList
        let stranger = test |> List.tryFind (fun (_, name, _) -> not (labels.ContainsKey name))

        let labelled files =
            files
            |> List.map (fun (_, name, path) -> { File = path; Label = labels[name] })
            |> List.sortWith (fun one other ->
                match compare one.Label other.Label with
                | 0 -> ordinal one.File other.File
                | order -> order)

        match wrong, stranger with
        | Some reason, _ -> Error reason
        | None, _ when training.IsEmpty -> Error "has no images train/<class>/<name>"
        | None, _ when test.IsEmpty -> Error "has no images test/<class>/<name>"
        | None, Some(_, name, path) -> Error $"'{path}' is of the class '{name}', which has no training images"
        | None, None when classes.Length < 2 -> Error $"has only the class '{classes.Head}': there must be two at least"
        | None, None when classes.Length > mostClasses ->
            Error $"has {classes.Length} classes; {mostClasses} are the most"
        | None, None -> Ok { Classes = classes; Training = labelled training; Test = labelled test }
