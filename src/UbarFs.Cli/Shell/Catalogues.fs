/// `ubarfs list`, `ubarfs describe`, `ubarfs reference` and `ubarfs api`: what scenarios can say, on the terminal.
module UbarFs.Cli.Catalogues

open System
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Scripting

let private print lines = lines |> List.iter (printfn "%s")

let list (family: string option) =
    let plurals = Family.all |> List.map _.Plural

    match family with
    | None ->
        Family.all |> List.iter (Page.list >> print)
        Exit.done'
    | Some name ->
        match Family.all |> List.tryFind (fun family -> family.Plural = name || family.Name = name) with
        | Some family ->
            print (Page.list family)
            Exit.done'
        | None ->
            let known = String.concat ", " plurals
            Exit.refuse $"there is no family '{name}': expected one of {known}{Exit.nearest plurals name}"

let private describeName name =
    let found =
        Family.all
        |> List.collect (fun family -> family.Members |> List.map (fun described -> family, described))
        |> List.filter (fun (_, described) -> described.Name = name)

    match found with
    | [] ->
        let names = Family.all |> List.collect _.Members |> List.map _.Name

        let unknown =
            $"there is no component '{name}'; 'ubarfs list' shows all of them{Exit.nearest names name}"

        Family.all
        |> List.tryPick (fun family -> Unknown.whyWithdrawn family.Name name)
        |> Option.defaultValue unknown
        |> Exit.refuse
    | found ->
        found
        |> List.map (fun (family, described) -> Page.create family described |> Page.lines)
        |> List.iteri (fun index lines -> print (if index = 0 then lines else "" :: lines))

        Exit.done'

/// A page for a component out of code, which the language names by some keys.
let private pageOf word facts (keys: string) (loaded: Loaded<'value>) : Result<Page, Diagnostic> =
    try
        let chosen = Component.choose Map.empty loaded.Component

        Ok
            { Family = Family.all |> List.find (fun family -> family.Name = word)
              Name = loaded.Component.Name
              Summary = loaded.Component.Summary
              Meaning = Paragraph.read loaded.Component.Meaning
              Parameters = loaded.Component.Settings.Parameters
              Shorthand = None
              Facts = facts chosen.Value
              Source = loaded.Component.Source
              Example = $"{word}: {{ {keys} }}" }
    with CodeException problem ->
        Error problem

/// The pages of everything that a file defines, or why there are none.
let private pages (file: string) : Result<Page list, Diagnostic list> =
    let rule keys = Result.bind (pageOf "rule" Facts.ofRule keys >> Result.mapError List.singleton)

    let attack keys =
        Result.bind (pageOf "attack" Facts.ofAttack keys >> Result.mapError List.singleton)

    if Script.isScript file then
        let keys = $"script: {file}"

        match rule keys (RuleScript.loadRule file), attack keys (RuleScript.loadAttack file) with
        | Ok rule, Ok attack -> Ok [ rule; attack ]
        | Ok page, Error _
        | Error _, Ok page -> Ok [ page ]
        | Error problems, Error _ -> Error problems
    else
        RuleAssembly.classes file
        |> Result.mapError List.singleton
        |> Result.bind (
            List.traverseResultM (fun (name, word) ->
                let keys = $"assembly: {file}, type: {name}"

                if word = "rule" then
                    rule keys (RuleAssembly.loadRule file name)
                else
                    attack keys (RuleAssembly.loadAttack file name))
        )

let private describeFile file =
    match pages file with
    | Ok [] -> Exit.refuse $"{file}: no class in it is a rule or an attack"
    | Ok pages ->
        pages
        |> List.map Page.lines
        |> List.iteri (fun index lines -> print (if index = 0 then lines else "" :: lines))

        Exit.done'
    | Error problems ->
        Scenarios.print problems
        Exit.badUsage

/// A component of the catalogue by its name, or what a script or an assembly defines by its path.
let describe (name: string) =
    if Script.isScript name || name.EndsWith(".dll", StringComparison.OrdinalIgnoreCase) then
        describeFile name
    else
        describeName name

let reference () =
    printf "%s" (Reference.document ())
    Exit.done'

let api () =
    printf "%s" (ApiPage.document ())
    Exit.done'

let schema () =
    printf "%s" (Schema.document ())
    Exit.done'
