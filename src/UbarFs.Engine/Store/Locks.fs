namespace UbarFs.Engine

open System
open System.Collections.Concurrent
open System.Diagnostics
open System.IO
open System.Text.Json
open System.Threading
open UbarFs.Core

/// Who works on something: written beside the lock, for people and for machines that do not share locks.
type Holder =
    {
        Host: string
        Process: int
        /// The running kernel: locks of processes under the same one can be relied on.
        Kernel: string
        /// Sets this claim apart from any other.
        Token: string
        /// Grows while the holder lives.
        Beat: int64
    }

    override holder.ToString() = $"process {holder.Process} on {holder.Host}"

/// What a process knows of the locks of one store. A lock is an empty file `lock` in the folder that it is for, and while
/// somebody holds it a file `holder.json` beside it.
///
/// The lock is the operating system's on an open file, so that it ends with its process, however that ends. Where a
/// shared folder does not carry locks from machine to machine, the holder's beat does: a holder on another machine
/// counts as gone when its beat has not changed for a minute.
type Locks =
    private
        {
            /// Whether the file system knows locks.
            Reliable: bool
            /// Holders on other machines, by folder: their last beat, and when it was first seen.
            Sighted: ConcurrentDictionary<string, Holder * int64>
        }

/// A lock that this process holds until it disposes of it.
type HeldLock(stream: FileStream, holderFile: string, holder: Holder, read: unit -> Holder option) =
    let mutable finished = false
    let mutable lost = false
    let mutable beat = 0L

    let write () =
        Durable.writeBytes holderFile (JsonSerializer.SerializeToUtf8Bytes { holder with Beat = beat })

    let isOurs () = read () |> Option.forall (fun found -> found.Token = holder.Token)

    let refresh _ =
        try
            if isOurs () then
                beat <- beat + 1L
                write ()
            else
                lost <- true
        with
        | :? IOException
        | :? UnauthorizedAccessException -> () // A full disk, for instance: the beat is late.

    let betweenBeats = TimeSpan.FromSeconds 10.0
    do write ()
    let timer = new Timer(refresh, null, betweenBeats, betweenBeats)

    /// Whether another machine took this process for dead, as after a long sleep, and holds the lock now.
    member _.IsLost = lost || not (isOurs ())

    /// The folder needs no lock any more: nobody will want to work there again.
    member _.Finish() = finished <- true

    interface IDisposable with
        member _.Dispose() =
            use stopped = new ManualResetEvent false

            if timer.Dispose stopped then
                stopped.WaitOne() |> ignore

            try
                if isOurs () then
                    File.Delete holderFile

                    if finished && not (OperatingSystem.IsWindows()) then
                        File.Delete stream.Name
            finally
                stream.Dispose()

/// What became of an attempt to lock.
[<RequireQualifiedAccess>]
type Claim =
    /// With the one that held it and ended without a word, if there was one.
    | Granted of HeldLock * abandonedBy: Holder option
    | Held of Holder option

[<RequireQualifiedAccess>]
module Locks =

    /// Seconds without a new beat after which a holder on another machine counts as gone.
    let private patience = 60.0

    let private kernel =
        lazy
            (try
                File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()
             with
             | :? IOException
             | :? UnauthorizedAccessException -> Environment.MachineName)

    let private lockName = "lock"
    let private holderName = "holder.json"

    /// The names of the files of a lock.
    let names = [ lockName; holderName ]

    let private holderFile folder = Path.Combine(folder, holderName)

    // EWOULDBLOCK on Linux and on macOS, and Windows's sharing violation.
    let private isHeld (error: IOException) = List.contains error.HResult [ 11; 35; 0x80070020 ]

    let private tryOpen file =
        try
            Some(new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1))
        with :? IOException as error when isHeld error ->
            None

    let private holder (value: StoredValue) : Holder =
        let text name = StoredValue.required name StoredValue.text value

        { Host = text "Host"
          Process = StoredValue.required "Process" StoredValue.count value
          Kernel = text "Kernel"
          Token = text "Token"
          Beat = StoredValue.required "Beat" StoredValue.long value }

    // Who cannot be made out holds nothing: the lock itself is the file beside it.
    let private readHolder folder : Holder option =
        StoreReading.json 4096 holder (holderFile folder) |> Result.toOption |> Option.flatten

    /// Whether the file system knows locks: then nobody can open a locked file again.
    let private areReliable folder =
        let file = Durable.probeIn folder

        try
            use _ = new FileStream(file, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None)

            match tryOpen file with
            | None -> true
            | Some second ->
                second.Dispose()
                false
        finally
            File.Delete file

    /// The locks of a store in this folder.
    let ofStore (folder: string) : Locks = { Reliable = areReliable folder; Sighted = ConcurrentDictionary() }

    // The clock only ever compares its own readings, so that nobody's wrong date matters.
    let private isGone locks (folder: string) (holder: Holder) =
        let seen = holder, Stopwatch.GetTimestamp()

        let first =
            locks.Sighted.AddOrUpdate(folder, seen, fun _ before -> if fst before = holder then before else seen)

        Stopwatch.GetElapsedTime(snd first).TotalSeconds > patience

    let private granted folder stream abandonedBy =
        let holder =
            { Host = Environment.MachineName
              Process = Environment.ProcessId
              Kernel = kernel.Value
              Token = Guid.NewGuid().ToString "N"
              Beat = 0L }

        try
            Claim.Granted(new HeldLock(stream, holderFile folder, holder, fun () -> readHolder folder), abandonedBy)
        with _ ->
            stream.Dispose()
            reraise ()

    // What a run grows in place, or empties: through a link it would be somebody else's.
    let private written = [ lockName; holderName; "log.txt"; "metrics.csv"; "nodes.csv"; "checkpoint" ]

    let private refuseLinks (folder: string) =
        match
            folder :: (written |> List.map (fun name -> Path.Combine(folder, name)))
            |> List.tryFind StoreReading.isLink
        with
        | Some link -> raise (IOException $"'{Visible.line link}' is a link, and links are not followed: remove it")
        | None -> ()

    /// Tries to lock a folder, which is created, without waiting. Fails with an IOException if the folder is a link, or a
    /// file that a run writes in it is one.
    let claim (locks: Locks) (folder: string) : Claim =
        refuseLinks folder
        Directory.CreateDirectory folder |> ignore

        match tryOpen (Path.Combine(folder, lockName)) with
        | None -> Claim.Held(readHolder folder)
        | Some stream ->
            match readHolder folder with
            | Some holder when not (locks.Reliable && holder.Kernel = kernel.Value) && not (isGone locks folder holder) ->
                stream.Dispose()
                Claim.Held(Some holder)
            | found -> granted folder stream found

    // A reader's lock: it fails while a worker has the lock, and keeps no other reader from looking.
    let private isLocked folder =
        try
            use _ =
                new FileStream(Path.Combine(folder, lockName), FileMode.Open, FileAccess.Read, FileShare.Read, 1)

            false
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException -> false
        | :? IOException as error when isHeld error -> true

    /// Who works in a folder at this moment, as far as can be seen: on this machine by the lock, on others by the beat.
    let tryHolder (locks: Locks) (folder: string) : Holder option =
        readHolder folder
        |> Option.filter (fun holder ->
            if locks.Reliable && holder.Kernel = kernel.Value then
                isLocked folder
            else
                isLocked folder || not (isGone locks folder holder))

    /// Does something while nobody else does it who uses the same file. After ten seconds it is done all the same.
    let exclusively (file: string) (work: unit -> unit) =
        let clock = Stopwatch.StartNew()

        let rec attempt () =
            match tryOpen file with
            | Some stream -> using stream (fun _ -> work ())
            | None when clock.Elapsed.TotalSeconds > 10.0 -> work ()
            | None ->
                Thread.Sleep 20
                attempt ()

        attempt ()
