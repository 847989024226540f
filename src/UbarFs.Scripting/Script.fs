/// Scenarios out of F# scripts. Running a script is running its code: there is no sandbox.
[<RequireQualifiedAccess>]
module UbarFs.Scripting.Script

open System
open System.Collections
open System.IO
open System.Reflection
open UbarFs.Core
open UbarFs.Scenario

/// Whether a file is a script, by its name.
let isScript (path: string) =
    String.Equals(Path.GetExtension path, ".fsx", StringComparison.OrdinalIgnoreCase)

/// What a script made: everything among its result that is a scenario.
let rec private scenarios (value: obj | null) : Result<obj list, string> =
    match value with
    | :? Build.Built
    | :? Scenario -> Ok [ nonNull value ]
    | null -> Ok []
    | :? string as text -> Error $"the text '{text}'"
    | :? IEnumerable as items ->
        let found = [ for item in items -> scenarios item ]

        match
            found
            |> List.tryPick (fun item ->
                match item with
                | Error what -> Some what
                | Ok _ -> None)
        with
        | Some what -> Error what
        | None -> Ok(found |> List.collect (Result.defaultValue []))
    | other -> Error $"a value of type {other.GetType().Name}"

let private loaded world file overrides (made: obj) : Result<Scenario * Diagnostic list, Diagnostic list> =
    match made with
    | :? Build.Built as built -> Scenario.loadText world $"{file} ({built.Name})" built.Yaml overrides
    | :? Scenario as scenario when List.isEmpty overrides -> Ok({ scenario with File = file }, [])
    | _ ->
        Diagnostic.fileError file "--set cannot change a scenario that the script has checked itself"
        |> Diagnostic.hinted "let the script end with what 'scenario' builds"
        |> List.singleton
        |> Error

let private gathered world file overrides warnings (made: obj list) =
    let results = made |> List.map (loaded world file overrides)

    let errors =
        results
        |> List.collect (fun result ->
            match result with
            | Error errors -> errors
            | Ok _ -> [])

    let found = results |> List.choose Result.toOption

    if made.IsEmpty then
        Diagnostic.fileError file "the script yields no scenario"
        |> Diagnostic.hinted "its last line is a scenario, or a list of scenarios: [ first; second ]"
        |> List.singleton
        |> Error
    elif errors.IsEmpty then
        Ok(List.map fst found, warnings @ List.collect snd found)
    else
        Error errors

/// Does what the script does. Its last expression is what it yields.
let private run (compiled: Library.Compiled) : obj | null =
    Yielded.during (fun () ->
        match compiled.Assembly.EntryPoint with
        | null -> ()
        | start ->
            let arguments: obj[] = [| for _ in start.GetParameters() -> Array.empty<string> |]
            start.Invoke(null, BindingFlags.DoNotWrapExceptions, null, arguments, null) |> ignore)

let private ofCompiled world path overrides sources (compiled: Library.Compiled) =
    let said = compiled.Warnings
    let places = Symbols.methodPlace compiled.Code None
    let defined func = Symbols.invoked compiled.Assembly func |> Option.bind places

    let ran =
        try
            Ok(scenarios (run compiled))
        with error ->
            Error(Thrown.diagnosticOf (Sources.tryFind sources) defined "the script" path error)

    match ran with
    | Error problem -> Error(said @ [ problem ])
    | Ok(Ok made) -> gathered world path overrides said made
    | Ok(Error what) ->
        Diagnostic.fileError path $"the script yields {what}, which is no scenario"
        |> Diagnostic.hinted "its last line is a scenario, or a list of scenarios: [ first; second ]"
        |> fun problem -> Error(said @ [ problem ])

/// Runs a script and reads what it yields: values of `Build.scenario`, or scenarios. `--set` values count as if the
/// scenarios said them. What scripts print goes to standard output. A script that was compiled before, by any process, is
/// not compiled again.
let load
    world
    (path: string)
    (overrides: (string * string) list)
    : Result<Scenario list * Diagnostic list, Diagnostic list> =
    Sources.read Purpose.Scenarios path
    |> Result.bind (fun sources ->
        Library.ofSources sources
        // A script runs each time it is loaded.
        |> Result.bind (fun compiled -> ofCompiled world path overrides sources (Library.anew sources compiled)))
