namespace UbarFs.Cli

open System
open System.IO
open UbarFs.Engine
open UbarFs.Report

/// The run stores that a live page shows: what they hold, and what is under way in them, in this process or another.
type Watched(tracker: Progress.Tracker, folders: string list) =
    let gate = obj ()
    let mutable known: (string * Study) option = None
    let ids = lazy (tracker.Runs |> List.map (fun run -> RunStore.id run, run) |> Map.ofList)
    let locks = lazy (Map.ofList [ for folder in folders -> Path.GetFullPath folder, Locks.ofStore folder ])

    let waiting: Study =
        { Name = "Waiting for the first run"
          Description = ""
          Scenarios = []
          Baselines = []
          Runs = []
          Folders = []
          Others = []
          Problems = [] }

    let load () =
        match List.choose Study.tryLoad folders with
        | [] -> waiting
        | studies -> Study.merge studies

    /// Changes whenever a run has measured something.
    let measured () =
        let written (file: FileInfo) = file.LastWriteTimeUtc.Ticks + file.Length

        folders
        |> Seq.filter Directory.Exists
        |> Seq.collect (fun folder -> DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories))
        |> Seq.filter (fun file -> List.contains file.Name [ "metrics.csv"; "results.csv"; "run.json"; "sweep.json" ])
        |> Seq.fold (fun sum file -> sum * 31L + written file) 17L
        |> string

    // Reading a large sweep takes a while.
    let study () =
        let now = measured ()

        lock gate (fun () ->
            match known with
            | Some(before, study) when before = now -> study
            | _ ->
                let study = load ()
                known <- Some(now, study)
                study)

    let ofThisProcess now (state: Underway) (holder: string) id =
        Map.tryFind id ids.Value
        |> Option.bind (fun run -> state.Runs |> List.tryFind (fun progress -> obj.ReferenceEquals(progress.Run, run)))
        |> Option.map (fun progress ->
            { Id = id
              Share = Some progress.Share
              SecondsLeft = Underway.secondsLeft now progress
              Holder = holder })

    let ofOthers (holder: string) (run: StudyRun) =
        let file name = Path.Combine(run.Folder, name)

        RunRecord.read (file RunFolder.recordName)
        |> Result.toOption
        |> Option.flatten
        |> Option.map (fun record ->
            let measured = DateTimeOffset(File.GetLastWriteTimeUtc(file MetricsFile.name), TimeSpan.Zero)
            Activity.ofStore DateTimeOffset.UtcNow measured holder record run)
        |> Option.defaultValue { Id = run.Identity.Id; Share = None; SecondsLeft = None; Holder = holder }

    let activities (study: Study) =
        let now, state = tracker.Now

        let holder (run: StudyRun) =
            if run.Outcome.Status = Status.Complete then
                None
            else
                let store = Path.GetDirectoryName(Path.GetFullPath run.Folder) |> string
                Locks.tryHolder locks.Value[store] run.Folder

        study.Runs
        |> List.choose (fun run ->
            holder run
            |> Option.map (fun holder ->
                ofThisProcess now state (string holder) run.Identity.Id
                |> Option.defaultWith (fun () -> ofOthers (string holder) run)))

    let secondsLeft () = tracker.Now ||> Underway.allSecondsLeft

    /// Changes whenever the page does, but for what is under way.
    member _.State() =
        let running = activities (study ()) |> List.map _.Id |> String.concat " "
        $"{measured ()} {running}"

    member _.Page() =
        let study = study ()
        Page.createLive (secondsLeft ()) (activities study) study

    member _.Underway() =
        let study = study ()
        Page.underway (secondsLeft ()) (activities study) study
