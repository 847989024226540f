/// The files of a dataset as they were published: what they must contain, and whether a copy does.
[<RequireQualifiedAccess>]
module UbarFs.Engine.Data.Published

open System
open System.IO
open System.Security.Cryptography
open FsToolkit.ErrorHandling
open UbarFs.Core

/// A published file with the dimensions of its IDX content.
type File = { File: DataFile; Dimensions: int list }

/// The four files (training images, training labels, test images, test labels) of a dataset in the IDX format.
let files (dataset: Dataset) : File list =
    let pair count (pair: IdxPair) =
        let { Channels = channels; Height = height; Width = width } = dataset.Shape

        let image =
            if channels = 1 then
                [ height; width ]
            else
                [ channels; height; width ]

        [ { File = pair.Images; Dimensions = count :: image }
          { File = pair.Labels; Dimensions = [ count ] } ]

    match dataset.Storage with
    | Storage.Embedded
    | Storage.Records _
    | Storage.Unread _
    | Storage.Images _
    | Storage.UnreadTable _
    | Storage.Table _ -> []
    | Storage.Idx(training, test) -> pair dataset.TrainingSize training @ pair dataset.TestSize test

/// The dataset that published a content with this checksum, among those known.
let owner (known: Chosen<Dataset> list) checksum =
    known
    |> List.tryFind (fun other -> files other.Value |> List.exists (fun file -> file.File.Sha256 = checksum))
    |> Option.map _.Name

/// The SHA-256 of the raw content with these elements, in lower-case hexadecimal.
let checksum dimensions (elements: byte[]) =
    use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256
    hash.AppendData(Idx.header dimensions)
    hash.AppendData elements
    Convert.ToHexStringLower(hash.GetHashAndReset())

/// The elements of a copy of the file, gzip or raw, in a seekable stream. A copy that is not what was published is an
/// error, which completes a sentence about it and names the dataset that it belongs to if that is known.
let read (known: Chosen<Dataset> list) (file: File) (stream: Stream) : Result<byte[], string> =
    result {
        let! elements = Idx.read file.Dimensions stream
        let found = checksum file.Dimensions elements

        if found <> file.File.Sha256 then
            return!
                match owner known found with
                | Some other -> Error $"it is a file of another dataset, {other}"
                | None -> Error $"its content is not what was published (SHA-256 {found}; expected {file.File.Sha256})"

        return elements
    }

/// Where a copy of the file lies in a folder. The gzip form comes first: it is the one that a download replaces.
let find (folder: string) (file: File) =
    [ file.File.Name + ".gz"; file.File.Name ]
    |> List.map (fun name -> Path.Combine(folder, name))
    |> List.tryFind IO.File.Exists

/// `read` from a path. A file that cannot be opened or read is an error like any other damage.
let readPath known (file: File) (path: string) =
    try
        use stream = InputFile.openRead InputFile.unbounded path
        read known file stream
    with
    | :? InputFile.RefusedException as refused -> Error $"it {refused.Reason}"
    | :? IOException
    | :? UnauthorizedAccessException as problem -> Error $"it cannot be read: {problem.Message}"
