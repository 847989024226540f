namespace UbarFs.Scripting

open System
open System.IO
open System.Reflection
open FSharp.Reflection
open UbarFs.Core
open UbarFs.Scenario

/// Rules, stages and attacks out of F# scripts. Loading a script runs its code: there is no sandbox.
[<RequireQualifiedAccess>]
module RuleScript =

    let private isModule (candidate: Type) = candidate.IsPublic && FSharpType.IsModule candidate

    /// The values of a type that the script defines; those of files that it loads count only if it has none.
    let private values (part: Part<'value>) (assembly: Assembly) : PropertyInfo list =
        let ofModule (owner: Type) =
            owner.GetProperties(BindingFlags.Public ||| BindingFlags.Static)
            |> Array.filter (fun property -> List.contains property.PropertyType part.Types)
            |> List.ofArray

        let own, others =
            assembly.GetTypes()
            |> Array.filter isModule
            |> List.ofArray
            |> List.partition (fun owner -> owner.Name = Library.Module)

        match List.collect ofModule own with
        | [] -> List.collect ofModule others
        | found -> found

    let private chosen (part: Part<'value>) (path: string) (candidates: PropertyInfo list) =
        match candidates, candidates |> List.tryFind (fun candidate -> candidate.Name = part.Word) with
        | [ only ], _
        | _, Some only -> Ok only
        | [], None ->
            Diagnostic.fileError path $"the script defines no {part.Word}"
            |> Diagnostic.hinted $"define one, as in: {part.Example}"
            |> Error
        | several, None ->
            let names = several |> List.map (fun candidate -> $"'{candidate.Name}'") |> String.concat ", "

            Diagnostic.fileError path $"the script defines more than one {part.Word}: {names}"
            |> Diagnostic.hinted $"call the one that counts '{part.Word}', or make the others private"
            |> Error

    let private subject what =
        if what = "" then
            "the script"
        else
            $"the script, asked for {what},"

    let private thrown path sources (compiled: Library.Compiled) what error =
        let places = Symbols.methodPlace compiled.Code None
        let defined func = Symbols.invoked compiled.Assembly func |> Option.bind places
        Thrown.diagnosticOf (Sources.tryFind sources) defined (subject what) path error

    let private component' (part: Part<'value>) path sources (compiled: Library.Compiled) =
        let refused problem = Error(Diagnostic.fileError path $"the {part.Word}: {problem}")

        values part compiled.Assembly
        |> chosen part path
        |> Result.bind (fun property ->
            try
                match property.GetValue null with
                | null -> refused $"'{property.Name}' is null"
                | value ->
                    let read = part.Read (Path.GetFileName path |> string) value

                    match Contract.settings read with
                    | Some problem -> refused problem
                    | None -> Ok(Part.guarded part (thrown path sources compiled) read)
            with error ->
                Error(thrown path sources compiled "" error))

    let private load (part: Part<'value>) (path: string) : Result<Loaded<'value>, Diagnostic list> =
        Sources.read Purpose.Component path
        |> Result.bind (fun sources ->
            Library.ofSources sources
            |> Result.bind (fun compiled ->
                component' part path sources compiled
                |> Result.map (fun found ->
                    { Component = found
                      Fingerprint = Sources.fingerprint sources
                      Warnings = compiled.Warnings
                      Anew = fun () -> component' part path sources (Library.anew sources compiled) })
                |> Result.mapError (fun problem -> compiled.Warnings @ [ problem ])))

    /// The rule that a script defines. A script that was compiled before, by any process, is not compiled again.
    let loadRule (path: string) : Result<Loaded<Rule>, Diagnostic list> = load Part.rule path

    /// The stage of a pipeline that a script defines, likewise.
    let loadStage (path: string) : Result<Loaded<PipelineStage>, Diagnostic list> = load Part.stage path

    /// The attack that a script defines, likewise.
    let loadAttack (path: string) : Result<Loaded<Attack>, Diagnostic list> = load Part.attack path
