/// Scenarios out of F# scripts. Running a script is running its code: there is no sandbox.
[<RequireQualifiedAccess>]
module UbarFs.Scripting.Script

open System
open System.Collections
open System.IO
open FSharp.Compiler.Interactive.Shell
open UbarFs.Core
open UbarFs.Scenario

/// Whether a file is a script, by its name.
let isScript (path: string) =
    String.Equals(Path.GetExtension path, ".fsx", StringComparison.OrdinalIgnoreCase)

/// What scripts find open.
let private prelude = "open UbarFs.Scenario\nopen UbarFs.Scenario.Build"

let private session output =
    let assemblies = [ typeof<Rule>.Assembly; typeof<Build.Built>.Assembly ]

    let arguments =
        [| yield!
               [ "fsi"
                 "--noninteractive"
                 "--nologo"
                 "--gui-"
                 "--quiet"
                 // Names are words of the language wherever a script says them.
                 "--nowarn:3391"
                 "--debug+"
                 "--optimize-" ]
           yield $"--lib:{AppContext.BaseDirectory}"
           for assembly in assemblies do
               yield $"-r:{assembly.Location}" |]

    let configuration = FsiEvaluationSession.GetDefaultConfiguration()
    FsiEvaluationSession.Create(configuration, arguments, new StringReader "", output, output, collectible = true)

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

/// Runs a script and reads what it yields: values of `Build.scenario`, or scenarios. `--set` values count as if the
/// scenarios said them. What scripts print goes to standard output.
let load
    world
    (path: string)
    (overrides: (string * string) list)
    : Result<Scenario list * Diagnostic list, Diagnostic list> =

    match ScenarioFile.read path with
    | Error problem -> Error [ problem ]
    | Ok text ->
        let source = Source.create (Origin.File path) text
        use output = new StringWriter()
        use session = session output
        session.EvalInteraction prelude
        let result, messages = session.EvalInteractionNonThrowing(text, Path.GetFullPath path)

        let said =
            messages
            |> Array.choose (Compiler.diagnostic (Compiler.sourceOf source))
            |> List.ofArray
            |> Diagnostic.arrange

        let errors = said |> List.filter (fun message -> message.Severity = Severity.Error)

        match result with
        | _ when not errors.IsEmpty -> Error said
        | Choice2Of2 error -> Error(said @ [ Thrown.diagnostic (Thrown.only source) "the script" path error ])
        | Choice1Of2 value ->
            let value = value |> Option.map _.ReflectionValue |> Option.toObj

            match scenarios value with
            | Ok made -> gathered world path overrides said made
            | Error what ->
                Diagnostic.fileError path $"the script yields {what}, which is no scenario"
                |> Diagnostic.hinted "its last line is a scenario, or a list of scenarios: [ first; second ]"
                |> fun problem -> Error(said @ [ problem ])
