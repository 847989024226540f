namespace UbarFs.Report

open System
open System.IO
open UbarFs.Engine

/// Sweeps as their stores have them: what a report is about.
type Study =
    {
        Name: string
        /// One line, or one for each store that has a description of its own.
        Description: string
        /// The canonical form of each scenario, by its name.
        Scenarios: (string * string) list
        /// The rule that the others are compared with, by its name or label; several where merged sweeps differ in it.
        Baselines: string list
        Runs: StudyRun list
        Folders: string list
        /// Folders that hold runs which are not of their scenario as it is now, and not of this study: how many.
        Others: (string * int) list
        /// What of the stores cannot be used, and why: a sentence for each.
        Problems: string list
    }

[<RequireQualifiedAccess>]
module Study =

    let private settingsOf (outcome: Outcome) = outcome.Settings |> Map.remove "seed"

    let private codeOf (outcome: Outcome) = outcome.Provenance |> List.tryFind (fst >> (=) "code") |> Option.map snd

    // Versions are recorded with fewer digits than the whole hash.
    let private digits (code: string) = code.Substring(0, min 12 code.Length)

    let private run folder (identity: SweptRun) : StudyRun * string list =
        let own = Path.Combine(folder, identity.Id)
        let outcome, points, problems = Measured.ofFolder identity.Stages own identity.Id

        { Identity = identity
          Resolved =
            if identity.Settings.IsEmpty then
                settingsOf outcome
            else
                identity.Settings
          Code = codeOf outcome |> Option.defaultValue ""
          Settings = []
          Outcome = outcome
          Points = points
          Folder = own },
        problems

    /// Fills in what an older version did not write of runs that were never begun: they are like their repetitions.
    let private completed (runs: StudyRun list) =
        let look (run: StudyRun) =
            let identity = run.Identity
            let swept = [ for pair in identity.Swept -> pair[0], pair[1] ] |> List.filter (fst >> (<>) "seed")
            swept, identity.Rule, identity.Attack, identity.Dataset, identity.Model

        let known =
            lazy
                (runs
                 |> List.filter (fun run -> not run.Resolved.IsEmpty)
                 |> List.rev
                 |> List.map (fun run -> look run, run.Resolved)
                 |> Map.ofList)

        let fill (run: StudyRun) =
            if run.Resolved.IsEmpty then
                match Map.tryFind (look run) known.Value with
                | Some settings -> { run with Resolved = settings }
                | None ->
                    let swept, rule, attack, dataset, model = look run
                    let named = [ "rule", rule; "attack", attack; "data.dataset", dataset; "model", model ]
                    { run with Resolved = Map(swept @ named) }
            else
                run

        List.map fill runs

    /// The code of a sweep's runs: their ids were made by one.
    let private sameCode (sweep: SweepRecord) (runs: StudyRun list) =
        let code =
            sweep.Code
            |> Option.orElse (runs |> List.tryPick (fun run -> if run.Code = "" then None else Some run.Code))
            |> Option.defaultValue ""

        runs |> List.map (fun run -> { run with StudyRun.Code = digits code })

    let private others folder (runs: StudyRun list) =
        let own = runs |> List.map _.Identity.Id |> Set.ofList

        let count =
            Contents.folders folder
            |> List.filter (fun run -> not (own.Contains run.Name) && Contents.isBegun run)
            |> List.length

        if count = 0 then [] else [ folder, count ]

    let private ofSweep folder (sweep: SweepRecord) =
        let runs, problems =
            sweep.Runs |> Array.distinctBy _.Id |> Array.map (run folder) |> List.ofArray |> List.unzip

        let runs = runs |> completed |> sameCode sweep

        { Name = sweep.Name
          Description = sweep.Description
          Scenarios = [ sweep.Name, sweep.Scenario ]
          Baselines = [ sweep.Baseline ]
          Runs = Columns.align [ runs ]
          Folders = [ folder ]
          Others = others folder runs
          Problems = List.concat problems }

    /// What is in a store, or why its sweep cannot be read; `Ok None` if the folder is none.
    let load (folder: string) : Result<Study option, string> =
        SweepFile.read folder |> Result.map (Option.map (ofSweep folder))

    /// What is in a store; nothing if the folder is none, or its sweep cannot be read.
    let tryLoad (folder: string) : Study option = load folder |> Result.toOption |> Option.flatten

    let private latest (run: StudyRun) =
        let started = run.Outcome.Sittings |> List.map (fun (started, _, _) -> started.UtcTicks)
        run.Outcome.Status = Status.Complete, List.fold max 0L started

    /// The runs without those that would count a seed twice: where nothing that stores tell sets two runs apart, another
    /// version of the program computed one of them, and the later stays. A sentence says so.
    let private onePerSeed (runs: StudyRun list) : StudyRun list * string list =
        let kept =
            runs
            |> List.groupBy (fun run -> run.Resolved, run.Code, run.Identity.Seed)
            |> List.map (snd >> List.maxBy latest >> _.Identity.Id)
            |> Set.ofList

        match runs |> List.partition (fun run -> kept.Contains run.Identity.Id) with
        | kept, [] -> kept, []
        | kept, older ->
            let folders = older |> List.map (fun run -> Path.GetDirectoryName run.Folder |> string) |> List.distinct

            let where = String.concat ", " folders

            let count =
                if older.Length = 1 then
                    "1 run is"
                else
                    $"{older.Length} runs are"

            kept,
            [ $"{count} left out of {where}: another version of ubarfs computed the same settings and seeds, and which \
                the stores do not tell. Those that began last are shown." ]

    /// A run by its own record alone; nothing where an older version left out what a report needs.
    let private ofRecord (stored: StoredRun) : (StudyRun * string list) option =
        match stored.Record with
        | Some({ Facts = Some facts } as record) ->
            let seed = record.Canonical |> Map.tryFind "seed" |> Option.map Int64.TryParse

            let identity: SweptRun =
                { Id = record.Id
                  Seed = seed |> Option.map snd |> Option.defaultValue 0L
                  Dataset = facts.Dataset
                  Model = facts.Model
                  Rule = facts.Rule
                  Attack = facts.Attack
                  RuleName = facts.RuleName
                  AttackName = facts.AttackName
                  IsAttackFree = facts.AttackFree
                  Swept = [||]
                  Settings = Map.remove "seed" record.Canonical
                  Chance = facts.Chance
                  TestImages = Some facts.TestImages
                  TestSize = Some facts.TestSize
                  Stages = Array.ofList facts.Stages }

            let run, problems = run (Path.GetDirectoryName stored.Folder |> string) identity
            Some({ run with Code = digits run.Code }, problems)
        | _ -> None

    let private unreadable (stored: StoredRun) =
        stored.Problem
        |> Option.map (fun reason ->
            $"'{Path.Combine(stored.Folder, RunFolder.recordName)}' cannot be read: {reason}. The run is left out")

    let private withOthers folder (study: Study) : Study =
        let own = study.Runs |> List.map _.Identity.Id |> Set.ofList

        let stored =
            Contents.others folder own |> List.filter (fun run -> Contents.isBegun (DirectoryInfo run.Folder))

        let others, problems = stored |> List.choose ofRecord |> List.unzip
        let runs, twice = Columns.align [ study.Runs; others ] |> onePerSeed

        { study with
            Runs = runs
            Others =
                match stored.Length - others.Length with
                | 0 -> []
                | unreadable -> [ folder, unreadable ]
            Problems = study.Problems @ List.choose unreadable stored @ List.concat problems @ twice }

    /// Everything in a store, what is not of its scenario any more included: what these runs differ in sets them apart.
    /// `Others` counts what cannot be read.
    let loadAll (folder: string) : Result<Study option, string> =
        load folder |> Result.map (Option.map (withOthers folder))

    /// The same; nothing if the folder is no store, or its sweep cannot be read.
    let tryLoadAll (folder: string) : Study option = loadAll folder |> Result.toOption |> Option.flatten

    // Of the same run in several stores the one that is furthest.
    let private furthest (runs: StudyRun list) =
        runs |> List.maxBy (fun run -> run.Outcome.Status = Status.Complete, run.Points.Length)

    /// Several stores as one: runs that are in more than one of them count once, where the first of them has it. What
    /// differs between them sets their runs apart.
    let merge (studies: Study list) : Study =
        let best =
            studies
            |> List.collect _.Runs
            |> List.groupBy _.Identity.Id
            |> List.map (fun (id, same) -> id, furthest same)
            |> Map.ofList

        let descriptions =
            let said = studies |> List.filter (fun study -> study.Description <> "")

            match said |> List.map _.Description |> List.distinct with
            | _ :: _ :: _ -> said |> List.map (fun study -> $"{study.Name}: {study.Description}") |> List.distinct
            | shared -> shared

        let sweeps =
            studies |> List.map (fun study -> study.Runs |> List.map (fun run -> best[run.Identity.Id]))

        let runs, twice =
            if List.length studies > 1 then
                Columns.align sweeps |> List.distinctBy _.Identity.Id |> onePerSeed
            else
                List.concat sweeps, []

        { Name = studies |> List.map _.Name |> List.distinct |> String.concat " + "
          Description = String.concat "\n" descriptions
          Scenarios = studies |> List.collect _.Scenarios |> List.distinct
          Baselines = studies |> List.collect _.Baselines |> List.distinct
          Runs =
            if List.length studies > 1 then
                Columns.ordered runs
            else
                runs
          Folders = studies |> List.collect _.Folders
          Others = studies |> List.collect _.Others
          Problems = (studies |> List.collect _.Problems |> List.distinct) @ twice }
