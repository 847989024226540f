namespace UbarFs.Report

open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario

/// A run as its store has it.
type StudyRun =
    {
        /// What it is. Different rules, attacks, models and datasets of a study have different names.
        Identity: SweptRun
        /// Every resolved setting but the seed, by path, with the checksums of code: runs that share it, and the code of
        /// ubarfs, are repetitions of each other.
        Resolved: Map<string, string>
        /// The first digits of the hash of the code of ubarfs that computes it; empty if the store does not tell.
        Code: string
        /// The values that set it apart in its study, by path, without its seed.
        Settings: (string * string) list
        Outcome: Outcome
        Points: Point list
        Folder: string
    }

/// The columns of a study: what its runs differ in, in words that differ where the runs do.
[<RequireQualifiedAccess>]
module Columns =

    /// The column that says by which code of ubarfs a run was computed, where there are several.
    let code = "ubarfs"

    // What is the same for all runs of a sweep: one sweep is one list.
    type private Sweeps = StudyRun list list

    let private swept (run: StudyRun) =
        [ for pair in run.Identity.Swept -> pair[0], pair[1] ] |> List.filter (fst >> (<>) "seed")

    let private written path run = swept run |> List.tryFind (fst >> (=) path) |> Option.map snd

    /// What a path comes to in a run, in a form that does not depend on how it is written.
    let private valueAt path (run: StudyRun) =
        if path = code then
            Some(if run.Code = "" then "unknown" else run.Code)
        else
            match Resolved.at path run.Resolved with
            | Some value -> Some value
            | None -> written path run

    let private printAt path (run: StudyRun) = Prints.at path run.Resolved

    /// What a path's value is called: the names of components, or else as a sweep writes it.
    let private label path (words: Map<string, string>) (run: StudyRun) (value: string) =
        match path with
        | "rule" -> run.Identity.Rule
        | "attack" -> run.Identity.Attack
        | "model" -> run.Identity.Model
        | "data.dataset" -> run.Identity.Dataset
        | _ -> Map.tryFind value words |> Option.defaultValue value

    // A ratio that one sweep writes as a percentage and another as a fraction has one form: that of the percentage.
    let private alike (words: string list) : string -> string =
        let number (text: string) =
            match
                System.Decimal.TryParse(
                    text,
                    System.Globalization.NumberStyles.Float,
                    System.Globalization.CultureInfo.InvariantCulture
                )
            with
            | true, number -> Some number
            | false, _ -> None

        let isPercentage word = Csv.setting word <> word

        let percentage (word: string) =
            match number word with
            | Some number ->
                (100m * number).ToString("0.##########", System.Globalization.CultureInfo.InvariantCulture) + "%"
            | None -> word

        if
            List.exists isPercentage words
            && words |> List.forall (fun word -> isPercentage word || (number word).IsSome)
        then
            percentage
        else
            id

    /// The names of a path's values among some runs.
    let private namer path (runs: StudyRun list) : StudyRun -> string =
        let words =
            runs
            |> List.rev
            |> List.choose (fun run ->
                Option.map2 (fun value text -> value, text) (valueAt path run) (written path run))
            |> Map.ofList

        let labelOf (run: StudyRun) value = label path words run value

        let alike =
            runs
            |> List.choose (fun run -> valueAt path run |> Option.map (labelOf run))
            |> List.distinct
            |> alike

        let named (run: StudyRun) : Named option =
            valueAt path run
            |> Option.map (fun value ->
                { Label = alike (labelOf run value)
                  Canonical = value
                  Print = printAt path run })

        let names = runs |> List.choose named |> Naming.distinct

        fun run ->
            match named run with
            | Some thing -> names[thing.Canonical, thing.Print]
            | None -> ""

    /// The value itself, with the checksum that belongs to it.
    let private exact path (run: StudyRun) = valueAt path run, printAt path run

    let private isInside (outer: string) (path: string) = path.StartsWith(outer + ".", System.StringComparison.Ordinal)

    /// Whether columns that lead into a value say all of it.
    let private isTold (columns: string list) path (runs: StudyRun list) =
        match columns |> List.filter (isInside path) with
        | [] -> false
        | inner ->
            runs
            |> List.groupBy (fun run -> inner |> List.map (fun column -> valueAt column run))
            |> List.forall (fun (values, same) ->
                List.exists Option.isSome values && (List.distinctBy (exact path) same).Length = 1)

    /// What is known of a path in a sweep.
    let private known path (sweep: StudyRun list) =
        sweep |> List.map (exact path) |> List.filter (fst >> Option.isSome) |> Set.ofList

    /// Paths that have other values in one sweep than in another, without its own sweep of them having said so.
    let private between (sweeps: Sweeps) columns paths =
        let runs = List.concat sweeps

        paths
        |> List.filter (fun path ->
            let values = sweeps |> List.map (known path) |> List.filter (Set.isEmpty >> not) |> List.distinct
            values.Length > 1 && not (isTold columns path runs))

    // Which of the runs that look alike are not is told by the first path in which they differ.
    let rec private separating paths columns (runs: StudyRun list) : string list =
        let look (run: StudyRun) = columns |> List.map (fun path -> exact path run)

        let confused =
            runs
            |> List.groupBy look
            |> List.map (snd >> List.distinctBy (fun run -> run.Resolved, run.Code))
            |> List.tryFind (fun alike -> alike.Length > 1)

        let differing alike =
            paths
            |> List.except columns
            |> List.tryFind (fun path -> (List.distinctBy (exact path) alike).Length > 1)

        match confused |> Option.bind differing with
        | Some path -> separating paths (columns @ [ path ]) runs
        | None -> columns

    let private columns (sweeps: Sweeps) =
        let runs = List.concat sweeps
        let own = runs |> List.collect (swept >> List.map fst) |> List.distinct

        let paths =
            runs
            |> List.collect (fun run -> run.Resolved |> Map.keys |> List.ofSeq)
            |> List.distinct
            |> List.filter (Prints.isPrint >> not)

        // The rule has its own column in every table.
        let more = between sweeps own (paths |> List.except ("rule" :: own))

        let versions =
            if (List.distinctBy _.Code runs).Length > 1 then
                [ code ]
            else
                []

        let always = [ "rule"; "attack" ]

        separating paths (own @ more @ versions @ List.except own always) runs
        |> List.filter (fun path -> List.contains path (own @ more @ versions) || not (List.contains path always))

    // The checksums that are in the way of a comparison stay with the runs: another one may need them.
    let private compared (sweeps: Sweeps) : Sweeps =
        let settings = sweeps |> List.concat |> List.map _.Resolved |> Prints.onlyTelling |> Array.ofList

        let firsts = sweeps |> List.scan (fun first sweep -> first + sweep.Length) 0

        List.zip firsts[.. sweeps.Length - 1] sweeps
        |> List.map (fun (first, sweep) ->
            sweep |> List.mapi (fun index run -> { run with Resolved = settings[first + index] }))

    /// The runs of some sweeps, each with a value for everything in which any of them differ.
    let align (sweeps: StudyRun list list) : StudyRun list =
        let told = compared sweeps
        let runs = List.concat told
        let columns = columns told |> List.map (fun path -> path, namer path runs)

        let rule, attack = namer "rule" runs, namer "attack" runs
        let model, dataset = namer "model" runs, namer "data.dataset" runs

        // A store of an older version can leave a run's settings open.
        let named name (value: string) run =
            match name run with
            | "" -> value
            | name -> name

        List.map2
            (fun (run: StudyRun) told ->
                { run with
                    Identity =
                        { run.Identity with
                            Rule = named rule run.Identity.Rule told
                            Attack = named attack run.Identity.Attack told
                            Model = named model run.Identity.Model told
                            Dataset = named dataset run.Identity.Dataset told }
                    Settings = columns |> List.map (fun (path, name) -> path, name told) })
            (List.concat sweeps)
            runs

    let private number (text: string) =
        match
            System.Double.TryParse(
                Csv.setting text,
                System.Globalization.NumberStyles.Float,
                System.Globalization.CultureInfo.InvariantCulture
            )
        with
        | true, number -> Some number
        | false, _ -> None

    /// Runs of several sweeps in the order that one sweep of all their values would have: the first column changes
    /// slowest, numbers ascend, and words come as they first appear.
    let ordered (runs: StudyRun list) : StudyRun list =
        let paths = runs |> List.collect _.Settings |> List.map fst |> List.distinct
        let valueOf path (run: StudyRun) = run.Settings |> List.tryFind (fst >> (=) path) |> Option.map snd

        let places path =
            let values = runs |> List.choose (valueOf path) |> List.distinct
            let isNumber = values |> List.forall (number >> Option.isSome)
            let sorted = if isNumber then List.sortBy number values else values
            let places = sorted |> List.mapi (fun place value -> value, place) |> Map.ofList
            fun run -> valueOf path run |> Option.map (fun value -> places[value])

        let places = List.map places paths
        runs |> List.sortBy (fun run -> places |> List.map (fun place -> place run))
