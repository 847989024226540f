namespace UbarFs.Engine.Data

open System
open System.IO
open System.Threading
open System.Threading.Tasks
open UbarFs.Core

/// What became of one file, and its path.
[<RequireQualifiedAccess>]
type Obtained =
    | Downloaded of path: string
    | AlreadyThere of path: string

/// Why a dataset could not be downloaded.
[<RequireQualifiedAccess>]
type DownloadProblem =
    /// The user has no home, and names no folder either.
    | NoPlace of dataset: string
    /// Every mirror of a file failed, each for its own reason; `files` describe all that the folder still lacks.
    | MirrorsFailed of dataset: string * folder: string * files: string list * failures: (string * string) list
    /// Another process is downloading the same file.
    | Busy of path: string
    | Unwritable of path: string * reason: string
    /// What has arrived is kept, and the next download continues it.
    | Cancelled

[<RequireQualifiedAccess>]
module DownloadProblem =

    /// The problem and what to do about it, in one or several lines.
    let describe problem =
        match problem with
        | DownloadProblem.NoPlace dataset ->
            $"there is no folder for the dataset '{dataset}': name one with --data DIR or {Places.Variable}"
        | DownloadProblem.MirrorsFailed(dataset, folder, files, failures) ->
            [ $"the dataset '{dataset}' could not be downloaded:"
              for mirror, reason in failures do
                  $"  {mirror}: {reason}"
              $"Try again later, or put these files into {folder} by hand:"
              for file in files do
                  $"  {file}" ]
            |> String.concat "\n"
        | DownloadProblem.Busy path -> $"another process is downloading {path}: wait for it, or stop it"
        | DownloadProblem.Unwritable(path, reason) -> $"{path} cannot be written: {reason}"
        | DownloadProblem.Cancelled -> "the download was stopped; the next one continues it"

/// `ubarfs data get`: downloads the published files of a dataset, verified before they get their names.
[<RequireQualifiedAccess>]
module Download =

    /// A file to download, whatever its kind.
    type private Wanted =
        {
            Name: string
            /// What the user is to put there by hand.
            Description: string
            Mirrors: string list
            /// The most bytes of its download.
            Limit: int64
            /// The name of the file while it grows, below the folder.
            Part: string
            Verify: FileStream -> Result<unit, string>
            /// The path of a valid copy in a folder.
            Present: string -> string option
            /// The name that verified content gets, and the one that it replaces.
            Published: FileStream -> string * string option
        }

    let private compressible (file: Published.File) =
        let compressed = file.File.Name + ".gz"

        { Name = file.File.Name
          Description =
            $"{file.File.Name} (uncompressed: {file.File.Length} bytes, SHA-256 {file.File.Sha256}), or with .gz"
          Mirrors = file.File.Mirrors
          // gzip adds at most a few bytes per 32 KiB to what cannot be compressed.
          Limit = file.File.Length + file.File.Length / 1024L + 4096L
          Part = compressed + ".part"
          Verify = fun part -> Published.read Store.known file part |> Result.map ignore
          Present =
            fun folder ->
                Published.find folder file
                |> Option.filter (fun path -> Published.readPath Store.known file path |> Result.isOk)
          // The name says whether the content is compressed: servers may decompress on the way.
          Published =
            fun part ->
                if Idx.isGzip part then
                    compressed, None
                else
                    file.File.Name, Some compressed }

    let private archive (file: ArchiveFile) =
        let verified (path: string) =
            try
                use stream = InputFile.openRead InputFile.unbounded path
                Pictures.verify file stream |> Result.isOk
            with :? IOException ->
                false

        { Name = file.Name
          Description = $"{file.Name} ({file.Length} bytes, MD5 {file.Md5})"
          Mirrors = file.Mirrors
          Limit = file.Length
          Part = file.Name + ".part"
          Verify = fun part -> Pictures.verify file part |> Result.mapError (fun reason -> $"it {reason}")
          Present = fun folder -> Some(Path.Combine(folder, file.Name)) |> Option.filter verified
          Published = fun _ -> file.Name, None }

    /// Errors of a lock that somebody else holds: EAGAIN of Linux and of macOS, and sharing and lock violations of Windows.
    let private isLocked (problem: IOException) = List.contains problem.HResult [ 11; 35; 0x80070020; 0x80070021 ]

    /// Opens for this process alone, and yet so that the file can be renamed while it is open: no other process can
    /// then take hold of it between its verification and its renaming.
    let private openAlone path =
        let share =
            if OperatingSystem.IsWindows() then
                FileShare.Delete
            else
                FileShare.None

        try
            Ok(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, share))
        with :? IOException as problem when isLocked problem ->
            Error(DownloadProblem.Busy path)

    let private verify (file: Wanted) part = file.Verify part |> Result.mapError FetchFailure.Unusable

    /// Gives the verified content its name.
    let private publish folder (file: Wanted) (part: FileStream) =
        let name, replaced = file.Published part
        let path = Path.Combine(folder, name)
        part.Flush true
        File.Move(part.Name, path, true)
        replaced |> Option.iter (fun name -> File.Delete(Path.Combine(folder, name)))
        path

    /// Fills `part` from the mirrors in turn until its content is what was published; gives the failures otherwise. What
    /// turns out bad after continuing an earlier download is first got once more from its start.
    let private fromMirrors fetch (file: Wanted) (part: FileStream) =
        let rec attempt failures mirrors =
            task {
                match mirrors with
                | [] -> return Error(List.rev failures)
                | mirror :: others ->
                    let continued = part.Length > 0L
                    let! fetched = fetch mirror part

                    match fetched |> Result.bind (fun () -> verify file part) with
                    | Ok() -> return Ok()
                    | Error(FetchFailure.Interrupted reason) -> return! attempt ((mirror, reason) :: failures) others
                    | Error(FetchFailure.Unusable reason) ->
                        part.SetLength 0L

                        if continued then
                            return! attempt failures mirrors
                        else
                            return! attempt ((mirror, reason) :: failures) others
            }

        attempt [] file.Mirrors

    /// Downloads one file unless it is there; `failed` makes the error of its mirrors' failures. A part may turn out to
    /// be complete: an earlier process ended just before it could give the file its name.
    let private obtain fetch failed folder (file: Wanted) =
        task {
            match file.Present folder with
            | Some path -> return Ok(Obtained.AlreadyThere path)
            | None ->
                match openAlone (Path.Combine(folder, file.Part)) with
                | Error problem -> return Error problem
                | Ok part ->
                    use part = part
                    let complete = part.Length > 0L && Result.isOk (verify file part)

                    let! filled =
                        if complete then
                            Task.FromResult(Ok())
                        else
                            fromMirrors fetch file part

                    if Result.isError filled && part.Length = 0L then
                        File.Delete part.Name

                    return
                        filled
                        |> Result.map (fun () -> Obtained.Downloaded(publish folder file part))
                        |> Result.mapError failed
        }

    let private toFolder settings progress cancellation folder (dataset: Chosen<Dataset>) (files: Wanted list) =
        let rec next client obtained (files: Wanted list) =
            task {
                match files with
                | [] -> return Ok(List.rev obtained)
                | file :: others ->
                    let fetch mirror part =
                        Fetch.into settings client (progress file.Name) cancellation file.Limit mirror part

                    let failed failures =
                        let absent (other: Wanted) = Option.isNone (other.Present folder)
                        let lacking = file :: List.filter absent others |> List.map _.Description
                        DownloadProblem.MirrorsFailed(dataset.Name, folder, lacking, failures)

                    match! obtain fetch failed folder file with
                    | Ok path -> return! next client (path :: obtained) others
                    | Error problem -> return Error problem
            }

        // A folder that was made for nothing would look as if it held the dataset.
        let withdraw () =
            if Directory.Exists folder && Seq.isEmpty (Directory.EnumerateFileSystemEntries folder) then
                Directory.Delete folder

        task {
            use client = Fetch.client settings

            try
                Directory.CreateDirectory folder |> ignore

                try
                    return! next client [] files
                finally
                    withdraw ()
            with
            | :? OperationCanceledException -> return Error DownloadProblem.Cancelled
            | :? IOException
            | :? UnauthorizedAccessException as problem ->
                return Error(DownloadProblem.Unwritable(folder, problem.Message))
        }

    /// Downloads what the dataset's folder in the first writable place lacks; valid files stay as they are, and an
    /// embedded dataset has none. Each file grows as `<name>.gz.part` and gets its name once its content is verified.
    /// `progress` hears a file's name, the bytes received and the length of the download, if the server tells it.
    let get
        (settings: FetchSettings)
        (progress: string -> int64 -> int64 option -> unit)
        (cancellation: CancellationToken)
        (places: Place list)
        (dataset: Chosen<Dataset>)
        : Task<Result<Obtained list, DownloadProblem>> =
        let inPlaceItself =
            places
            |> List.tryFind _.Writable
            |> Option.bind (fun place -> Store.load [ place ] dataset |> Result.toOption)
            |> Option.bind _.Folder

        let wanted =
            match dataset.Value.Storage with
            | Storage.Records records -> [ archive records.Archive ]
            | _ -> Published.files dataset.Value |> List.map compressible

        match dataset.Value.Storage, inPlaceItself, Places.destination dataset.Name places with
        | (Storage.Embedded | Storage.Unread _ | Storage.Images _ | Storage.UnreadTable _ | Storage.Table _), _, _ ->
            Task.FromResult(Ok [])
        | Storage.Records _, Some folder, _ -> Task.FromResult(Ok [ Obtained.AlreadyThere folder ])
        | Storage.Idx _, Some folder, _ ->
            Published.files dataset.Value
            |> List.choose (Published.find folder >> Option.map Obtained.AlreadyThere)
            |> Ok
            |> Task.FromResult
        | _, None, None -> Task.FromResult(Error(DownloadProblem.NoPlace dataset.Name))
        | _, None, Some folder -> toFolder settings progress cancellation folder dataset wanted
