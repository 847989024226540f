/// The code that scenarios name in place of a component: each file is loaded once, however often it is named.
[<RequireQualifiedAccess>]
module UbarFs.Scripting.UserCode

open System.Collections.Generic
open System.IO
open UbarFs.Core
open UbarFs.Scenario

/// What some scenarios name.
type UserCode =
    {
        /// The way to the code for a scenario's file.
        Access: string -> CodeAccess
        /// What the compiler warned of so far.
        Warnings: unit -> Diagnostic list
    }

/// The file as it is found from a scenario's folder.
let private from (scenario: string) (file: CodeFile) =
    let folder = Path.GetDirectoryName scenario |> string
    let path = Path.Combine(folder, CodeFile.path file)

    match file with
    | CodeFile.Script _ -> CodeFile.Script path
    | CodeFile.Assembly(_, name) -> CodeFile.Assembly(path, name)

/// What is loaded, with `watch` about its value.
let private watched (watch: string -> 'value -> 'value) (file: CodeFile) (loaded: Loaded<'value>) : Loaded<'value> =
    let settings = loaded.Component.Settings
    let settings = { settings with Read = settings.Read >> watch (CodeFile.path file) }
    { loaded with Component = { loaded.Component with Settings = settings } }

let private once watch (load: CodeFile -> Result<Loaded<'value>, Diagnostic list>) =
    let known = Dictionary<CodeFile, Result<Loaded<'value>, Diagnostic list>>()

    let find file =
        match known.TryGetValue file with
        | true, loaded -> loaded
        | false, _ ->
            known[file] <- load file |> Result.map (watched watch file)
            known[file]

    let warnings () =
        [ for loaded in known.Values do
              match loaded with
              | Ok loaded -> yield! loaded.Warnings
              | Error _ -> () ]

    find, warnings

/// Loads a rule out of a script or an assembly.
let loadRule file : Result<Loaded<Rule>, Diagnostic list> =
    match file with
    | CodeFile.Script path -> RuleScript.loadRule path
    | CodeFile.Assembly(path, name) -> RuleAssembly.loadRule path name

/// Loads a stage of a pipeline likewise.
let loadStage file : Result<Loaded<PipelineStage>, Diagnostic list> =
    match file with
    | CodeFile.Script path -> RuleScript.loadStage path
    | CodeFile.Assembly(path, name) -> RuleAssembly.loadStage path name

/// Loads an attack likewise.
let loadAttack file : Result<Loaded<Attack>, Diagnostic list> =
    match file with
    | CodeFile.Script path -> RuleScript.loadAttack path
    | CodeFile.Assembly(path, name) -> RuleAssembly.loadAttack path name

/// Code for runs: what it changes of what it is lent is told, and fails the run.
let create () : UserCode =
    let rule, ruleWarnings = once Loan.rule loadRule
    let stage, stageWarnings = once Loan.stage loadStage
    let attack, attackWarnings = once Loan.attack loadAttack

    let access scenario : CodeAccess =
        { Rule = from scenario >> rule
          Stage = from scenario >> stage
          Attack = from scenario >> attack }

    { Access = access
      Warnings = fun () -> ruleWarnings () @ stageWarnings () @ attackWarnings () }
