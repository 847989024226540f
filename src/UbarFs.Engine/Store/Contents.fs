namespace UbarFs.Engine

open System
open System.IO

/// The folder of a run in a store, as it lies there.
type StoredRun =
    {
        Id: string
        Folder: string
        /// Nothing where no record can be read.
        Record: RunRecord option
        /// Why there is a record that cannot be read.
        Problem: string option
        /// Whether the store's scenario, as it is now, has the run.
        IsCurrent: bool
        /// What its files take, in bytes.
        Bytes: int64
        /// When anything of it was last written.
        Changed: DateTime
    }

/// What became of an attempt to remove a run.
[<RequireQualifiedAccess>]
type Removal =
    | Removed
    /// A process works on it.
    | Held of Holder option
    /// The scenario has it again since it was listed.
    | Current
    | Failed of reason: string

/// What a store holds beside its scenario's runs, and the way to get rid of it.
[<RequireQualifiedAccess>]
module Contents =

    let private isRun (folder: DirectoryInfo) = StoreReading.isId folder.Name

    /// The folders of runs: real ones, named by an id. Nothing that links lead to is the store's.
    let folders (store: string) : DirectoryInfo list =
        DirectoryInfo(store).EnumerateDirectories()
        |> Seq.filter (fun folder -> isRun folder && isNull folder.LinkTarget)
        |> List.ofSeq

    /// Links that are called like runs: nobody follows them, and nobody removes them.
    let links (store: string) : string list =
        DirectoryInfo(store).EnumerateDirectories()
        |> Seq.filter (fun folder -> isRun folder && not (isNull folder.LinkTarget))
        |> Seq.map _.FullName
        |> List.ofSeq

    /// Whether there is more in a run's folder than a lock.
    let isBegun (folder: DirectoryInfo) = File.Exists(Path.Combine(folder.FullName, RunFolder.recordName))

    /// The ids of the runs of a store's scenario; nothing if the folder is no store.
    let current (store: string) : Set<string> option =
        SweepFile.tryRead store |> Option.map (fun sweep -> sweep.Runs |> Seq.map _.Id |> Set.ofSeq)

    // Somebody may be removing what is looked at.
    let rec private files (folder: DirectoryInfo) : FileInfo list =
        try
            [ for entry in folder.GetFileSystemInfos() do
                  match entry with
                  | :? DirectoryInfo as inner when isNull inner.LinkTarget -> yield! files inner
                  | :? FileInfo as file when isNull file.LinkTarget -> file
                  | _ -> () ]
        with :? DirectoryNotFoundException ->
            []

    let private stored (current: Set<string>) (folder: DirectoryInfo) : StoredRun =
        let files = files folder |> List.filter _.Exists
        let record = RunFolder.read folder.FullName folder.Name

        { Id = folder.Name
          Folder = folder.FullName
          Record = record |> Result.toOption |> Option.flatten
          Problem =
            match record with
            | Error reason -> Some reason
            | Ok _ -> None
          IsCurrent = current.Contains folder.Name
          Bytes = files |> List.sumBy _.Length
          Changed = files |> List.map _.LastWriteTimeUtc |> List.fold max folder.LastWriteTimeUtc }

    /// Every run folder of a store, the oldest first; `current` has the ids of its scenario's runs.
    let runs (store: string) (current: Set<string>) : StoredRun list =
        folders store
        |> List.map (stored current)
        |> List.sortBy (fun run ->
            run.Record |> Option.map _.Started.UtcDateTime |> Option.defaultValue run.Changed, run.Id)

    /// Those that are not of its scenario.
    let others (store: string) (current: Set<string>) : StoredRun list =
        folders store
        |> List.filter (fun folder -> not (current.Contains folder.Name))
        |> List.map (stored current)
        |> List.sortBy (fun run ->
            run.Record |> Option.map _.Started.UtcDateTime |> Option.defaultValue run.Changed, run.Id)

    // A link is removed itself, and nothing behind it.
    let rec private empty (kept: string list) (folder: DirectoryInfo) =
        for entry in folder.GetFileSystemInfos() do
            match entry with
            | :? DirectoryInfo as inner when isNull inner.LinkTarget ->
                empty [] inner
                inner.Delete()
            | entry when List.contains entry.Name kept -> ()
            | entry -> entry.Delete()

    /// Removes a run's folder, unless a process works on it or the store's scenario has it.
    let remove (locks: Locks) (store: string) (run: StoredRun) : Removal =
        let folder = DirectoryInfo(Path.Combine(store, run.Id))

        try
            if not (StoreReading.isId run.Id && folder.Exists && isNull folder.LinkTarget) then
                Removal.Failed "it is no folder of a run any more"
            else
                match Locks.claim locks folder.FullName with
                | Claim.Held holder -> Removal.Held holder
                | Claim.Granted(held, _) ->
                    let isWanted =
                        using held (fun held ->
                            // The lock is ours: nobody begins the run while it is looked for once more.
                            match current store with
                            | Some ids when not (ids.Contains run.Id) ->
                                empty Locks.names folder
                                held.Finish()
                                false
                            | _ -> true)

                    if isWanted then
                        Removal.Current
                    else
                        // Not with what is in it: somebody may have begun the run anew.
                        folder.Delete()
                        Removal.Removed
        with
        | :? IOException
        | :? UnauthorizedAccessException as error -> Removal.Failed error.Message
