/// The rule that a command names: one of the catalogue, a script's or an assembly's.
module UbarFs.Cli.TestedRule

open System
open System.IO
open System.Threading.Tasks
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Scripting
open UbarFs.Testing

/// A rule under test.
type Subject =
    {
        /// For people and file names.
        Name: string
        /// The arguments of the command line that choose it.
        Words: string
        Source: RuleSource
        Rule: Rule
        /// The same rule, as it is before anybody asked it anything.
        Anew: unit -> Rule
        /// The same rule with another number of liars assumed, if it is told one.
        Assuming: (int -> Rule) option
    }

let private isFile (word: string) = Path.HasExtension word || File.Exists word || Path.GetFileName word <> word

let private isAssembly (word: string) = Path.GetExtension(word).Equals(".dll", StringComparison.OrdinalIgnoreCase)

/// A component, and the way to have it anew.
type private Found =
    { Component: Component<Rule>
      Fresh: unit -> Result<Component<Rule>, Diagnostic> }

let private ofCode (loaded: Result<Loaded<Rule>, Diagnostic list>) =
    match loaded with
    | Ok loaded ->
        Scenarios.print loaded.Warnings
        Ok { Component = loaded.Component; Fresh = loaded.Anew }
    | Error diagnostics ->
        Scenarios.print diagnostics
        Error Exit.badUsage

let private isStage name = Catalogue.stages |> List.exists (fun stage -> stage.Name = name)

let private ofCatalogue (name: string) =
    match Catalogue.rules |> List.tryFind (fun rule -> rule.Name = name) with
    | Some rule -> Ok { Component = rule; Fresh = fun () -> Ok rule }
    | None when isStage name ->
        Error(
            Exit.refuse
                $"'{name}' is a stage: it is tested in front of a rule, as in 'ubarfs test-rule \"[{name}, dmedian]\"'"
        )
    | None ->
        let names = Catalogue.rules |> List.map _.Name

        let unknown =
            $"there is no rule '{name}'; 'ubarfs list rules' shows all of them{Exit.nearest names name}"

        Error(Exit.refuse (Unknown.whyWithdrawn "rule" name |> Option.defaultValue unknown))

/// An assembly without --type: what could stand there.
let private unnamed file =
    match RuleAssembly.classes file with
    | Error problem ->
        Scenarios.print [ problem ]
        Error Exit.badUsage
    | Ok classes ->
        match classes |> List.filter (snd >> (=) "rule") |> List.map fst with
        | [] -> Error(Exit.refuse $"{file}: no class in it is a rule")
        | rules ->
            let known = String.concat ", " rules
            Error(Exit.refuse $"{file}: name the class that is the rule with --type: {known}")

/// A list of stages with a rule at its end, as a scenario writes it.
let private pipelineOf (word: string) =
    match Yaml.parse (Source.create Origin.CommandLine word) 0 with
    | Some node, [] ->
        Json.ofNode node
        |> Option.ofObj
        |> Option.either (fun json -> Ok(RuleOrigin.Pipeline(word, json))) (fun () ->
            Error(Exit.refuse "a rule is missing"))
    | _, problems ->
        Scenarios.print problems
        Error Exit.badUsage

/// It has no parameters of its own: what it is written with are those of its parts.
let private ofPipeline (word: string) : Result<Component<Rule>, string> =
    RuleText.read ((UserCode.create ()).Access "") word
    |> Result.map (fun chosen ->
        Define.Named chosen.Name (Setting.none chosen.Value) |> Component.describedBy "a pipeline" "" "")

let private originOf (word: string) (typeName: string option) : Result<RuleOrigin, int> =
    match typeName with
    | Some name when isAssembly word -> Ok(RuleOrigin.Assembly(word, name))
    | Some _ -> Error(Exit.refuse $"--type belongs to an assembly (.dll), and '{word}' is none")
    | None when word.TrimStart().StartsWith '[' -> pipelineOf word
    | None when isAssembly word -> unnamed word
    | None when Script.isScript word -> Ok(RuleOrigin.Script word)
    | None when isFile word ->
        Error(Exit.refuse $"{word}: expected an F# script (.fsx), an assembly (.dll) or the name of a rule")
    | None -> Ok(RuleOrigin.Catalogue word)

let private find origin : Result<Found, int> =
    match origin with
    | RuleOrigin.Catalogue name -> ofCatalogue name
    | RuleOrigin.Pipeline(text, _) ->
        let fresh () = ofPipeline text |> Result.mapError (Diagnostic.fileError "rule")

        ofPipeline text
        |> Result.map (fun found -> { Component = found; Fresh = fresh })
        |> Result.mapError Exit.refuse
    | RuleOrigin.Script path -> ofCode (RuleScript.loadRule path)
    | RuleOrigin.Assembly(path, typeName) -> ofCode (RuleAssembly.loadRule path typeName)

let private argument (parameters: Parameter list) (name: string, text: string) =
    match parameters |> List.tryFind (fun parameter -> parameter.Name = name) with
    | None ->
        let names = parameters |> List.map _.Name

        let known =
            if names.IsEmpty then
                "it has none"
            else
                String.concat ", " names

        Error $"--set {name}: the rule has no such parameter ({known}){Exit.nearest names name}"
    | Some parameter ->
        match Kind.read parameter.Kind text with
        | Some value -> Ok(name, value)
        | None -> Error $"--set {name}={text}: expected {Kind.describe parameter.Kind}"

// As a shell takes it for one word.
let private quoted (word: string) =
    if word |> Seq.forall (fun letter -> Char.IsLetterOrDigit letter || "-_./+".Contains letter) then
        word
    else
        "'" + word.Replace("'", @"'\''") + "'"

// A pipeline's name is cut at no point.
let private nameOf origin (name: string) =
    match origin with
    | RuleOrigin.Pipeline _ -> name.Replace(" + ", "+")
    | _ -> Path.GetFileNameWithoutExtension name |> string

/// Finds the rule, with `name=value` settings of its parameters; or prints why not, and gives the exit code. libtorch is
/// loaded beside it, for both take their time.
let load libtorch (settings: string list) (typeName: string option) (word: string) : Result<Subject, int> =
    result {
        let loading = Task.Run(fun () -> LibTorch.load libtorch)
        let! origin = originOf word typeName
        let! found = find origin
        let component' = found.Component
        let! _ = loading.Result |> Result.mapError Exit.refuse
        let! overrides = Overriding.read settings |> Result.mapError Exit.refuse

        let! arguments =
            overrides
            |> List.traverseResultM (argument component'.Settings.Parameters)
            |> Result.mapError Exit.refuse

        let options =
            [ for name in Option.toList typeName -> $" --type {name}"
              for setting in settings -> $" --set {setting}" ]

        let chosen (component': Component<Rule>) = (Component.choose (Map.ofList arguments) component').Value

        let assuming (count: int) =
            let arguments = Map.ofList arguments |> Map.add "assumed" (Value.Whole count)
            (Component.choose arguments component').Value

        let isTold = component'.Settings.Parameters |> List.exists (fun parameter -> parameter.Name = "assumed")

        let! rule =
            try
                Ok(chosen component')
            with CodeException problem ->
                Scenarios.print [ problem ]
                Error Exit.badUsage

        let anew () =
            match found.Fresh() with
            | Ok component' -> chosen component'
            | Error problem -> raise (CodeException(problem, exn problem.Message))

        return
            { Name = nameOf origin component'.Name
              Words = quoted word + String.concat "" options
              Source = { Origin = origin; Arguments = arguments }
              Rule = rule
              Anew = anew
              Assuming = if isTold then Some assuming else None }
    }
