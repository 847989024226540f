namespace UbarFs.Engine.Data

open System
open System.Collections.Concurrent
open System.IO
open System.Security.Cryptography
open System.Text
open System.Threading
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Pictures

/// Where a folder has the images of a dataset that is decoded before it is used.
[<RequireQualifiedAccess>]
type PictureSource =
    /// Files of records in this folder.
    | Records of folder: string
    /// The archive with those files, as it was published.
    | Archive of path: string
    /// Folders `train` and `test` with a folder for each class.
    | Tree of folder: string

/// Datasets that are decoded before they are used: from their sources, or from the file in which the decoded images
/// were kept.
[<RequireQualifiedAccess>]
module Pictures =

    /// Images that were read, and what the user may want to know about it.
    type Loaded = { Images: DecodedImages; Checksum: string; Notices: string list }

    let private quiet =
        { Limits = Archive.limits
          Cancellation = CancellationToken.None
          Progress = fun _ _ -> ()
          Wanted = fun _ -> false
          Take = fun _ _ -> Ok() }

    let private isTree (folder: string) =
        Directory.Exists(Path.Combine(folder, "train")) && Directory.Exists(Path.Combine(folder, "test"))

    /// The source of a dataset of records in a folder; a tree counts only in a folder of the dataset's own.
    let find (records: RecordFiles) own (folder: string) : PictureSource option =
        let isComplete (folder: string) =
            records.Test :: records.Training
            |> List.forall (fun name -> File.Exists(Path.Combine(folder, name)))

        let archive = Path.Combine(folder, records.Archive.Name)

        match [ folder; Path.Combine(folder, records.Folder) ] |> List.tryFind isComplete with
        | Some folder -> Some(PictureSource.Records folder)
        | None when File.Exists archive -> Some(PictureSource.Archive archive)
        | None when own && isTree folder -> Some(PictureSource.Tree folder)
        | None -> None

    /// The path that a complaint about a source names.
    let path source =
        match source with
        | PictureSource.Records path
        | PictureSource.Archive path
        | PictureSource.Tree path -> path

    let private files (records: RecordFiles) source : Result<(string * FileInfo) list, string> =
        match source with
        | PictureSource.Records folder ->
            Ok
                [ for name in records.Training @ [ records.Test ] do
                      name, FileInfo(Path.Combine(folder, name)) ]
        | PictureSource.Archive path -> Ok [ records.Archive.Name, FileInfo path ]
        | PictureSource.Tree folder -> ImageFolder.files folder

    /// A SHA-256 of the files' names, lengths and times of their last change: what a decoded copy is compared with.
    let private fingerprint (files: (string * FileInfo) list) =
        try
            use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256

            for name, file in List.sortBy fst files do
                Encoding.UTF8.GetBytes $"{name}\t{file.Length}\t{file.LastWriteTimeUtc.Ticks}\n" |> hash.AppendData

            Ok(Convert.ToHexStringLower(hash.GetHashAndReset()))
        with :? IOException as problem ->
            Error $"cannot be read: {problem.Message}"

    /// The MD5 of a stream, as lower-case hexadecimal.
    let md5 (stream: Stream) =
        stream.Position <- 0L
        Convert.ToHexStringLower(MD5.HashData stream)

    /// Whether an archive is what was published.
    let verify (archive: ArchiveFile) (stream: Stream) =
        if stream.Length <> archive.Length then
            Error $"has {stream.Length} bytes; expected {archive.Length}"
        else
            let found = md5 stream

            if found = archive.Md5 then
                Ok()
            else
                Error $"is not what was published (MD5 {found}; expected {archive.Md5})"

    let private read (path: string) =
        try
            Ok(InputFile.read ImageFolder.longestImage path)
        with
        | :? InputFile.RefusedException as refused -> Error refused.Reason
        | :? IOException
        | :? UnauthorizedAccessException as problem -> Error $"cannot be read: {problem.Message}"

    let private pixels (shape: ImageShape) folder file =
        read (Path.Combine(folder, file)) |> Result.bind (Picture.decode shape)

    let private fromRecords (dataset: Dataset) records folder =
        Records.load dataset records (fun name -> read (Path.Combine(folder, name)))
        |> Result.map (fun (training, test) -> { Shape = dataset.Shape; Training = training; Test = test })
        |> Result.mapError (fun (name, reason) -> Path.Combine(folder, name), reason)

    let private fromArchive (dataset: Dataset) (records: RecordFiles) (path: string) =
        result {
            do!
                try
                    use stream = InputFile.openRead InputFile.unbounded path
                    verify records.Archive stream
                with
                | :? InputFile.RefusedException as refused -> Error refused.Reason
                | :? IOException
                | :? UnauthorizedAccessException as problem -> Error $"cannot be read: {problem.Message}"

            return! Gathered.ofVisit dataset records quiet (fun visit -> Archive.visit visit path)
        }
        |> Result.mapError (fun reason -> path, reason)

    let private decode (dataset: Dataset) records source (files: (string * FileInfo) list) =
        match source with
        | PictureSource.Records folder -> fromRecords dataset records folder
        | PictureSource.Archive path -> fromArchive dataset records path
        | PictureSource.Tree folder ->
            ImageTree.arrange (Seq.map fst files)
            |> Result.bind (Gathered.ofKnownTree CancellationToken.None dataset records (pixels dataset.Shape folder))
            |> Result.mapError (fun reason -> folder, reason)

    let private keep (kept: string option) fingerprint (images: DecodedImages) =
        let count = images.Training.Count + images.Test.Count

        match kept with
        | None -> []
        | Some path ->
            try
                Decoded.write path fingerprint images
                [ $"decoded {count} images and kept them in {path}" ]
            with
            | :? IOException
            | :? UnauthorizedAccessException as problem ->
                [ $"the decoded images could not be kept in {path}, and will be decoded again: {problem.Message}" ]

    /// The images of the file that keeps them, if it belongs to the fingerprint and has them in the shape; and what is
    /// wrong with it otherwise.
    let private kept (file: string option) shape fingerprint =
        match file |> Option.filter File.Exists with
        | None -> Error []
        | Some path ->
            match Decoded.fingerprint path with
            | Ok found when found <> fingerprint -> Error [ $"{path} is out of date: its images have changed" ]
            | _ ->
                match Decoded.read path with
                | Ok(images, _) when images.Shape <> shape -> Error [ $"{path} has the images in another form" ]
                | Ok kept -> Ok kept
                | Error reason -> Error [ $"{path} is damaged and is made again: {reason}" ]

    let private keptOrDecoded file (source: PictureSource) (shape: ImageShape) found decode =
        result {
            let! print = fingerprint found |> Result.mapError (fun reason -> path source, reason)

            match kept file shape print with
            | Ok(images, checksum) -> return { Images = images; Checksum = checksum; Notices = [] }
            | Error notices ->
                let! images = decode found

                return
                    { Images = images
                      Checksum = Decoded.checksum images
                      Notices = notices @ keep file print images }
        }

    /// A dataset of records from its source in a folder, or from the file that keeps its decoded images. The error is
    /// the path that is wrong, and why.
    let load (dataset: Dataset) (records: RecordFiles) file source : Result<Loaded, string * string> =
        files records source
        |> Result.mapError (fun reason -> path source, reason)
        |> Result.bind (fun found ->
            keptOrDecoded (Some file) source dataset.Shape found (decode dataset records source))

    let private conversionText conversion =
        match conversion with
        | Picture.Conversion.GreyToColour -> "grey to colour"
        | Picture.Conversion.ColourToGrey -> "coloured to grey"
        | Picture.Conversion.WithoutTransparency -> "transparent, which is left out"
        | Picture.Conversion.Scaled -> "of another size"
        | Picture.Conversion.Narrowed -> "of 16 bits, brought to 8"

    /// One sentence on what was done to the images.
    let private conversionNotice (dataset: Dataset) folder (done': ConcurrentDictionary<Picture.Conversion, int>) =
        if done'.IsEmpty then
            []
        else
            let each =
                done'
                |> Seq.sortBy _.Key
                |> Seq.map (fun pair -> $"{pair.Value} {conversionText pair.Key}")
                |> String.concat ", "

            [ $"images in {folder} were converted to {dataset.Shape} (channels×height×width): {each}" ]

    /// A folder of images that `ImageFolder.survey` looked at; `file`, if any, is where its decoded images are kept.
    let loadFolder (dataset: Dataset) folder classNames isSized file : Result<Loaded, string * string> =
        let conversions = ConcurrentDictionary<Picture.Conversion, int>()

        let pixels path =
            read (Path.Combine(folder, path))
            |> Result.bind (Picture.convert isSized dataset.Shape)
            |> Result.map (fun (pixels, converted) ->
                for conversion in converted do
                    conversions.AddOrUpdate(conversion, 1, (fun _ count -> count + 1)) |> ignore

                pixels)

        let decode found =
            result {
                let! tree = ImageTree.arrange (Seq.map fst found)

                if tree.Classes <> classNames then
                    return! Error "has changed: its classes are others than before"

                return! Gathered.ofTree CancellationToken.None dataset.Shape classNames pixels tree
            }
            |> Result.mapError (fun reason -> folder, reason)

        ImageFolder.files folder
        |> Result.mapError (fun reason -> folder, reason)
        |> Result.bind (fun found -> keptOrDecoded file (PictureSource.Tree folder) dataset.Shape found decode)
        |> Result.map (fun loaded ->
            { loaded with
                Notices = conversionNotice dataset folder conversions @ loaded.Notices })

    /// Mean and deviation of each channel, with pixels scaled to [0, 1]. A channel that is the same everywhere has
    /// deviation 1.
    let moments (dataset: Dataset) (set: ImageSet) : (float * float) list =
        let plane = dataset.Shape.Height * dataset.Shape.Width
        let counts = Array.init dataset.Shape.Channels (fun _ -> Array.zeroCreate<int64> 256)

        for start in 0..plane .. set.Pixels.Length - 1 do
            let count = counts[start / plane % counts.Length]

            for index in start .. start + plane - 1 do
                let pixel = int set.Pixels[index]
                count[pixel] <- count[pixel] + 1L

        let moments (counts: int64[]) =
            let total = float (Array.sum counts)
            let scaled pixel = float pixel / float dataset.MaxPixel
            let mean = counts |> Seq.mapi (fun pixel count -> float count * scaled pixel) |> Seq.sum

            let square =
                counts
                |> Seq.mapi (fun pixel count -> float count * (scaled pixel - mean / total) ** 2.0)
                |> Seq.sum

            mean / total, (if square > 0.0 then sqrt (square / total) else 1.0)

        counts |> Array.map moments |> List.ofArray
