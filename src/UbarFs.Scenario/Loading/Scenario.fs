namespace UbarFs.Scenario

open FsToolkit.ErrorHandling
open UbarFs.Core

/// Scenarios out of text and files.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Scenario =

    // A key that stands elsewhere is told there, and not as missing where it belongs.
    let private withoutEchoes (diagnostics: Diagnostic list) =
        let moved =
            [ for diagnostic in diagnostics do
                  for change in List.concat diagnostic.Fixes do
                      match change with
                      | Change.Set(path, _) -> path
                      | _ -> () ]

        let isEcho (diagnostic: Diagnostic) = diagnostic.Lacks |> Option.exists (fun path -> List.contains path moved)

        diagnostics |> List.filter (isEcho >> not)

    let private arranged file diagnostics =
        let all = diagnostics |> withoutEchoes |> Diagnostic.arrange

        if all.Length <= Diagnostic.most then
            all
        else
            List.truncate Diagnostic.most all
            @ [ Diagnostic.fileError file $"there are more errors than these {Diagnostic.most}" ]

    let private empty file =
        Diagnostic.fileError file "the file is empty"
        |> Diagnostic.hinted "a scenario has at least the keys data, model, network and training"

    /// The tree with everything that the world adds to it: inherited keys, the command line's values, and environment
    /// variables.
    let private complete world file (root: Node) overrides =
        let grammar = Grammar.scenario.Shape
        let root, inherited = Inheritance.resolve world grammar file root
        let root, wrong = Overrides.applyAll grammar overrides root
        let root, unset = References.variables world.Variable root
        root, inherited, wrong @ unset

    /// Looks at each folder of images once, however many runs name it.
    let private surveyOnce (world: World) file =
        let known = System.Collections.Generic.Dictionary<Dataset, Result<Dataset * string list, string>>()

        fun (dataset: Dataset) ->
            match known.TryGetValue dataset with
            | true, surveyed -> surveyed
            | false, _ ->
                known[dataset] <- world.Survey file dataset
                known[dataset]

    let private resolve world file (root: Node) overrides : Validation<Scenario * Diagnostic list, Diagnostic> =
        let root, inherited, wrong = complete world file root overrides
        let hasName = Path.isGiven [ { Value = "name"; Span = root.Span } ] root

        // What a scenario lacks may be in the one that could not be read.
        let expanded =
            Expansion.expand (world.Code file) (surveyOnce world file) root
            |> Result.mapError (fun errors ->
                if List.isEmpty inherited then
                    errors
                else
                    errors |> List.filter (fun error -> error.Lacks.IsNone))

        validation {
            let! expanded = expanded

            and! () =
                if List.isEmpty (inherited @ wrong) then
                    Ok()
                else
                    Error(inherited @ wrong)

            and! nameOfFile =
                if hasName then
                    Ok ""
                else
                    ScenarioName.ofFile file |> Validation.ofResult

            let header, runs = expanded.Header, expanded.Runs
            let name = header.Name |> Option.defaultValue nameOfFile

            let scenario =
                { Name = name
                  Description = header.Description
                  File = file
                  Baseline = header.Baseline
                  Runs = runs |> List.map (fun run -> { run with Scenario = name })
                  Places = expanded.Places
                  Definition = Canonical.definition name header runs.Head root }

            return scenario, Diagnostic.arrange expanded.Warnings |> List.truncate Diagnostic.most
        }

    /// Reads a scenario: the text of a file, its path, and `path, value` pairs of the command line that count as if
    /// they were written in the file. The warnings stand beside the scenario; without one, there is at least one error.
    let parseIn
        (world: World)
        (file: string)
        (text: string)
        (overrides: (string * string) list)
        : Result<Scenario * Diagnostic list, Diagnostic list> =
        match Yaml.parse (Source.create (Origin.File file) text) 0 with
        | None, [] -> Error [ empty file ]
        | None, problems -> Error(arranged file problems)
        | Some root, problems ->
            match resolve world file root overrides, problems with
            | Ok result, [] -> Ok result
            | Ok _, problems -> Error(arranged file problems)
            | Error errors, problems -> Error(arranged file (problems @ errors))

    /// Reads a scenario that asks nothing of the machine: no other files, no environment variables. A graph file stays a
    /// path, and a folder of images unread.
    let parse file text overrides = parseIn World.none file text overrides

    /// The topology with its graph file read, if it has one, and what is to be said of the file; the path counts from the
    /// scenario's folder. `place` is where the scenario names it.
    let private readGraph (scenario: string) (topology: Chosen<Topology>, place: Span option) =
        let folder = System.IO.Path.GetDirectoryName scenario |> string

        let named (problem: Diagnostic) =
            match problem.Place, place with
            | Place.File path, Some place when not (System.IO.File.Exists path) ->
                { problem with
                    Place = Place.Text place
                    Message = $"cannot read '{path}': {problem.Message}"
                    Fixes = [] }
            | _ -> problem

        match topology.Value with
        | Topology.File file ->
            GraphSource.read (System.IO.Path.Combine(folder, file))
            |> Result.map (fun (graph, remarks) -> { topology with Value = Topology.Listed graph }, remarks)
            |> Result.mapError (List.map named)
        | Topology.Family _
        | Topology.Listed _ -> Ok(topology, [])

    let private readGraphs (scenario: Scenario) =
        let topologies =
            List.zip scenario.Runs scenario.Places
            |> List.map (fun (run, places) -> run.Network.Topology, places.Topology)
            |> List.distinctBy (fst >> Chosen.canonical)

        // One after the other: the errors of all files, in their order.
        let results =
            topologies |> List.map (fun named -> Chosen.canonical (fst named), readGraph scenario.File named)

        let errors =
            results
            |> List.collect (function
                | _, Ok _ -> []
                | _, Error errors -> errors)

        if errors.IsEmpty then
            let loaded =
                results
                |> List.choose (fun (key, result) -> Result.toOption result |> Option.map (fun found -> key, found))

            let graphs =
                Map
                    [ for key, (topology, _) in loaded do
                          match Topology.fingerprint topology.Value with
                          | Some print -> key, (topology.Value, print)
                          | None -> () ]

            let withGraph (run: Run) =
                match graphs.TryFind(Chosen.canonical run.Network.Topology) with
                | Some(graph, print) -> Run.onGraph graph print run
                | None -> run

            Ok(
                { scenario with Runs = List.map withGraph scenario.Runs },
                loaded |> List.collect (fun (_, (_, remarks)) -> remarks)
            )
        else
            Error errors

    /// The partition with its shares read, if a file lists them, for the images of a run; the path counts from the
    /// scenario's folder. A file that lists shares for another number of nodes is told where the scenario names it.
    let private readShares (scenario: string) (run: Run, places: NetworkPlaces) (path: string) =
        let folder = System.IO.Path.GetDirectoryName scenario |> string
        let file = System.IO.Path.Combine(folder, path)
        let place = Option.defaultValue places.Size places.Partition
        let dataset = run.Dataset.Value

        let images = if dataset.IsUnread then None else Some dataset.TrainingSize

        let partition shares = ListedShares.ofShares shares run.Partition.Value

        let named (problem: Diagnostic) =
            match problem.Place with
            | Place.File path when not (System.IO.File.Exists path) ->
                { problem with
                    Place = Place.Text place
                    Message = $"cannot read '{path}': {problem.Message}"
                    Fixes = [] }
            | _ -> problem

        ShareSource.read images file
        |> Result.mapError named
        |> Result.bind (fun shares ->
            match (partition shares).Conflict dataset.Classes (Run.holders run) with
            | Some reason -> Error(Diagnostic.error place reason)
            | None -> Ok(partition shares, ShareFile.fingerprint shares))

    // A file is read once for all runs of as many images and nodes.
    let private readAllShares (scenario: Scenario) =
        let known = System.Collections.Generic.Dictionary<_, _>(HashIdentity.Structural)

        let ofRun (run: Run, places: NetworkPlaces) =
            match run.Partition.Value.File with
            | None -> Ok run
            | Some path ->
                let key = path, run.Dataset.Value.TrainingSize, Run.holders run

                if not (known.ContainsKey key) then
                    known[key] <- readShares scenario.File (run, places) path

                known[key] |> Result.map (fun (partition, print) -> Run.onShares partition print run)

        let results = List.zip scenario.Runs scenario.Places |> List.map ofRun

        match
            results
            |> List.choose (function
                | Error problem -> Some problem
                | Ok _ -> None)
            |> List.distinct
        with
        | [] -> Ok { scenario with Runs = results |> List.choose Result.toOption }
        | errors -> Error errors

    /// Reads a scenario from a text, and the files that it names; they count from the folder of `path`. Folders of
    /// images are looked at.
    let loadText world (path: string) text overrides : Result<Scenario * Diagnostic list, Diagnostic list> =
        parseIn world path text overrides
        |> Result.bind (fun (scenario, warnings) ->
            readGraphs scenario
            |> Result.bind (fun (scenario, remarks) ->
                readAllShares scenario |> Result.map (fun scenario -> scenario, warnings @ remarks)))

    /// Reads a scenario file, and the files that it names.
    let loadIn world (path: string) overrides : Result<Scenario * Diagnostic list, Diagnostic list> =
        ScenarioFile.readNamed path
        |> Result.mapError List.singleton
        |> Result.bind (fun text -> loadText world path text overrides)

    /// Reads a scenario file, and the files that it names, but no code.
    let load path overrides = loadIn World.machine path overrides

    /// Scenarios whose results would share a folder: an error for each that has the name of an earlier one.
    let clashes (scenarios: Scenario list) : Diagnostic list =
        scenarios
        |> List.groupBy _.Name.ToLowerInvariant()
        |> List.collect (fun (_, same) ->
            match same with
            | first :: others ->
                [ for other in others do
                      Diagnostic.fileError
                          other.File
                          $"the scenario is called '{other.Name}', as that of {first.File} is"
                      |> Diagnostic.hinted "give one of them another 'name': their results would share a folder" ]
            | [] -> [])
