namespace UbarFs.Engine

open System
open System.IO
open UbarFs.Core
open UbarFs.Kernels

/// The folder of one scenario's runs: `results.csv`, and for each run a folder with `run.json` and what it measured.
type RunStore = { Folder: string }

[<RequireQualifiedAccess>]
module RunStore =

    /// The run's name in the store: the beginning of its identity.
    let id (run: Run) = (Identity.ofRun run).Substring(0, 12)

    // Enough that a full disk takes no part of it.
    let private probe = Array.zeroCreate<byte> 65536

    let private tryWriting folder =
        let file = Durable.probeIn folder

        try
            Durable.writing (fun () -> File.WriteAllBytes(file, probe))
        finally
            File.Delete file

    /// Opens the folder `out/name`, creating it; fails if nothing can be written there, and then leaves nothing new.
    let opened (out: string) (name: string) : Result<RunStore, string> =
        let folder = Path.Combine(out, name)
        let made = [ folder; out ] |> List.takeWhile (Directory.Exists >> not)

        let withdraw () =
            for folder in made do
                if Directory.Exists folder then
                    Directory.Delete folder

        // Some of .NET's messages end with the file, here the probe's.
        let refused (reason: string) =
            let reason = Array.head(reason.Split " : '").TrimEnd '.'
            Error $"cannot write to '{Path.GetFullPath folder}': {reason}. Choose another folder with --out."

        if File.Exists out then
            refused $"'{out}' is a file"
        else
            try
                Directory.CreateDirectory folder |> ignore
                tryWriting folder
                Durable.sweepAbandoned folder
                Ok { Folder = folder }
            with
            | :? IOException
            | :? UnauthorizedAccessException as error ->
                withdraw ()
                refused error.Message

    let folderOf store run = Path.Combine(store.Folder, id run)
    let private recordFile store run = Path.Combine(folderOf store run, RunFolder.recordName)
    let private resultsFile store = Path.Combine(store.Folder, "results.csv")
    let private metricsFile store run = Path.Combine(folderOf store run, MetricsFile.name)

    /// Writes what is known of a run; `json` makes the values of its settings (`Campaign.Json`).
    let save json store run (record: RunRecord) =
        Directory.CreateDirectory(folderOf store run) |> ignore
        Durable.writeText (recordFile store run) (RunRecord.write json record)

    /// What the store knows of a run, or why its record cannot be read; `Ok None` when it was never begun.
    let record store run : Result<RunRecord option, string> = RunFolder.read (folderOf store run) (id run)

    /// What the store knows of a run; nothing when it was never begun or its record is not one: then it is done anew.
    let tryRecord store run : RunRecord option = record store run |> Result.toOption |> Option.flatten

    /// Drops everything that the store has of a run, but for its lock.
    let forget store run =
        let folder = DirectoryInfo(folderOf store run)

        if folder.Exists && isNull folder.LinkTarget then
            // First the record: nobody may take what is left for a run whose files are damaged.
            File.Delete(recordFile store run)

            for entry in folder.GetFileSystemInfos() do
                match entry with
                | :? DirectoryInfo as inner when isNull inner.LinkTarget -> inner.Delete true
                | entry when List.contains entry.Name Locks.names -> ()
                | entry -> entry.Delete()

    /// Opens the run's `metrics.csv`, to go on with it or afresh; each evaluation is written as soon as it is there.
    let metrics store run (goOn: bool) =
        Directory.CreateDirectory(folderOf store run) |> ignore

        // A link that somebody put there is not followed.
        if not goOn then
            File.Delete(metricsFile store run)

        let writer = new StreamWriter(metricsFile store run, goOn, AutoFlush = true, NewLine = "\n")

        if not goOn then
            writer.WriteLine(
                Csv.line (MetricsFile.header run.Rule.Value.Stages @ List.map fst (MetricsFile.further run))
            )

        writer

    /// Sees to it that all that was written is on disk.
    let settleMetrics (writer: StreamWriter) =
        match writer.BaseStream with
        | :? FileStream as stream -> stream.Flush true
        | _ -> ()

    let writeMetrics (run: Run) (writer: StreamWriter) evaluation =
        writer.WriteLine(Csv.line (MetricsFile.row (MetricsFile.further run) evaluation))

    /// Writes `results.csv` for the scenario's runs from their records: one row per run, in order.
    let saveResults store (names: RunNames) (rows: (Run * Status * RunRecord option) list) =
        let identity = [ "run"; "status"; "seed"; "dataset"; "model"; "rule"; "attack" ]

        // A swept rule has its column already.
        let paths =
            rows
            |> List.collect (fun (run, _, _) -> List.map fst run.Swept)
            |> List.distinct
            |> List.except identity

        // Columns of their own only where somebody measures it.
        let further =
            [ if rows |> List.exists (fun (run, _, _) -> (Run.poison run).IsSome) then
                  "success_rate", (fun (record: RunRecord) -> record.SuccessRate)
              if rows |> List.exists (fun (run, _, _) -> run.Validation.IsSome) then
                  "worst_validation_accuracy", _.ValidationAccuracy
              if rows |> List.exists (fun (run, _, _) -> run.Averaged) then
                  "averaged_accuracy", _.AveragedAccuracy ]

        let header =
            identity
            @ paths
            @ [ "worst_accuracy"
                "mean_accuracy"
                "best_accuracy"
                "test_loss"
                "consensus_error"
                "seconds"
                "diverged" ]
            @ List.map fst further

        let row (run: Run, status: Status, record: RunRecord option) =
            let optional format value = record |> Option.bind value |> Csv.optional format

            [ id run
              string status
              string run.Seed
              names.Dataset run
              names.Model run
              names.Rule run
              names.Attack run ]
            @ (paths
               |> List.map (fun path -> List.tryFind (fst >> (=) path) run.Swept |> Csv.optional (snd >> Csv.setting)))
            @ [ optional Csv.number _.WorstAccuracy
                optional Csv.number _.MeanAccuracy
                optional Csv.number _.BestAccuracy
                optional Csv.number _.TestLoss
                optional Csv.number _.ConsensusError
                optional Csv.seconds _.Seconds
                optional Csv.truth _.Diverged ]
            @ [ for _, measured in further -> optional Csv.number measured ]

        Durable.writeText (resultsFile store) (Csv.table header (List.map row rows))
