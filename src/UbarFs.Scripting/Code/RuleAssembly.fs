/// Rules, stages and attacks out of .NET assemblies. Loading one runs its code: there is no sandbox.
[<RequireQualifiedAccess>]
module UbarFs.Scripting.RuleAssembly

open System
open System.Collections.Generic
open System.ComponentModel
open System.IO
open System.Reflection
open System.Security.Cryptography
open FsToolkit.ErrorHandling
open UbarFs.Api
open UbarFs.Core
open UbarFs.Scenario

let private types path (assembly: Assembly) : Result<Type list, Diagnostic> =
    try
        Ok(List.ofArray (assembly.GetTypes()))
    with
    | :? ReflectionTypeLoadException
    | :? IOException
    | :? TypeLoadException as error ->
        Error(Diagnostic.fileError path $"its types cannot be loaded: {Thrown.oneLine error.Message}")

/// The interfaces, with the keys of the language that take them.
let private contracts =
    [ typeof<IAggregationRule>, "rule"
      typeof<IPipelineStage>, "stage"
      typeof<IAttack>, "attack" ]

let private isUsable (contract: Type) (candidate: Type) =
    contract.IsAssignableFrom candidate
    && candidate.IsVisible
    && candidate.IsClass
    && not candidate.IsAbstract
    && not candidate.ContainsGenericParameters

/// The class of a name, with or without its namespace, that implements the interface.
let private find (contract: Type) (name: string) (all: Type list) : Result<Type, Diagnostic> =
    let refuse message = Diagnostic.fileError name message
    let usable = all |> List.filter (isUsable contract)
    let isNamed (candidate: Type) = candidate.FullName = name || candidate.Name = name

    match List.filter isNamed usable, List.tryFind isNamed all with
    | [ found ], _ -> Ok found
    | several, _ when several.Length > 1 ->
        let names = several |> List.map (fun candidate -> $"'{candidate.FullName}'") |> String.concat ", "
        Error(refuse $"several classes are called '{name}': {names}")
    | _, Some other when contract.IsAssignableFrom other ->
        Error(refuse $"'{name}' is not a class that others can make: public, not abstract, and not generic")
    | _, Some other ->
        let meant =
            contracts
            |> List.tryFind (fun (known, _) -> known.IsAssignableFrom other)
            |> Option.map (fun (_, word) -> $"it is a class for another key: '{word}'")

        Error(refuse $"'{name}' does not implement {contract.FullName}" |> Diagnostic.withHint meant)
    | _, None ->
        let names = usable |> List.map _.Name

        let hint =
            match Nearest.find names name, names with
            | Some nearest, _ -> $"did you mean '{nearest}'?"
            | None, [] -> $"no public class in it implements {contract.FullName}"
            | None, names ->
                let listed = names |> List.map (fun name -> $"'{name}'") |> String.concat ", "
                $"it has {listed}"

        Error(refuse $"there is no class '{name}' in the assembly" |> Diagnostic.hinted hint)

/// A checksum of the assembly and of what lies beside it and is loaded with it.
let private fingerprint (path: string) (assembly: Assembly) =
    let folder = Path.GetDirectoryName(Path.GetFullPath path) |> string
    let context = GuestAssembly.contextOf assembly
    use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256

    let rec add (known: Set<string>) (file: string, assembly: Assembly) =
        hash.AppendData(SHA256.HashData(AssemblyFile.read file))

        assembly.GetReferencedAssemblies()
        |> Array.sortBy _.FullName
        |> Array.fold
            (fun (known: Set<string>) name ->
                let beside = Path.Combine(folder, $"{name.Name}.dll")

                if known.Contains beside || GuestAssembly.isShared (string name.Name) || not (File.Exists beside) then
                    known
                else
                    add (known.Add beside) (beside, context.LoadFromAssemblyName name))
            known

    add Set.empty (Path.GetFullPath path, assembly) |> ignore
    Convert.ToHexStringLower(hash.GetHashAndReset())

/// A file as the assembly's symbols name it. Where a build has mapped the project's folder to `/_/`, as it does to be the
/// same on all machines, that is looked for in the folders above the assembly.
let private sourceOf (path: string) (name: string) : Source option =
    let mapped = "/_/"

    let rec above (folder: string | null) =
        match folder with
        | null -> []
        | folder -> Path.Combine(folder, name.Substring mapped.Length) :: above (Path.GetDirectoryName folder)

    let file =
        if name.StartsWith(mapped, StringComparison.Ordinal) then
            above (Path.GetDirectoryName(Path.GetFullPath path)) |> List.truncate 8 |> List.tryFind File.Exists
        else
            Some name

    file
    |> Option.bind (fun file ->
        ScenarioFile.read file |> Result.toOption |> Option.map (Source.create (Origin.File file)))

let private describe word (found: Type) settings : Component<'value> =
    let summary =
        found.GetCustomAttribute<DescriptionAttribute>()
        |> Option.ofObj
        |> Option.map _.Description
        |> Option.defaultValue $"your own {word}"

    Define.Named found.Name settings |> Component.describedBy summary "" $"the class {found.FullName}"

/// How what a class does wrong is told, with the place of its method where symbols say it.
let private thrown (path: string) (found: Type) (what: string) (error: exn) : Diagnostic =
    let methods =
        match what with
        | "its tolerance" -> [ "Tolerance" ]
        | "its α" -> [ "Alpha" ]
        | "its memory" -> [ "Remember" ]
        | "its labels" -> [ "Label" ]
        | _ -> [ "Aggregate"; "Send" ]

    let place _ =
        let full = Path.GetFullPath path
        let symbols = Path.ChangeExtension(full, ".pdb")

        let method =
            methods
            |> List.tryPick (fun name -> found.GetMethods() |> Array.tryFind (fun method -> method.Name = name))

        try
            let bytes =
                if File.Exists symbols then
                    Some(AssemblyFile.read symbols)
                else
                    None

            method |> Option.bind (Symbols.methodPlace (AssemblyFile.read full) bytes)
        with
        | :? IOException
        | :? UnauthorizedAccessException -> None

    let subject =
        match what with
        | "" -> $"the class '{found.Name}'"
        | what -> $"the class '{found.Name}', asked for {what},"

    Thrown.diagnosticOf (sourceOf path) place subject found.Name error

/// A class that is a rule, a stage or an attack, with what an object of it becomes.
type private ClassKind<'made, 'value> =
    { Part: Part<'value>
      Interface: Type
      Adapt: obj -> 'made
      Complete: Component<'made> -> Component<'value> }

let private component' (kind: ClassKind<'made, 'value>) (path: string) (found: Type) =
    let part = kind.Part
    let thrown = thrown path found
    let make () = Activator.CreateInstance found |> nonNull

    let attempt (work: unit -> Result<'result, Diagnostic>) =
        try
            work ()
        with error ->
            Error(thrown "" error)

    result {
        if isNull (found.GetConstructor Type.EmptyTypes) then
            return!
                Diagnostic.fileError found.Name $"'{found.FullName}' has no public constructor without parameters"
                |> Diagnostic.hinted "parameters of the language are public properties that can be set"
                |> Error

        let! properties =
            attempt (fun () -> ClassParameters.read (make ()) |> Result.mapError (Diagnostic.fileError found.Name))

        let build (arguments: Arguments) =
            let target = make ()

            for property in properties do
                match arguments.TryFind property.Parameter.Name with
                | Some value -> property.Set target value
                | None -> ()

            kind.Adapt target

        let settings = { Parameters = properties |> List.map _.Parameter; Read = build }
        let! read = attempt (fun () -> describe part.Word found settings |> kind.Complete |> Ok)

        match Contract.settings read with
        | Some problem -> return! Error(Diagnostic.fileError found.Name $"the {part.Word}: {problem}")
        | None -> return Part.guarded part thrown read
    }

let private load (kind: ClassKind<'made, 'value>) (path: string) (typeName: string) =
    let opened () =
        result {
            let! assembly = GuestAssembly.load path
            let! found = types path assembly |> Result.bind (find kind.Interface typeName)
            let! read = component' kind path found
            return assembly, read
        }

    result {
        let! assembly, read = opened ()

        return
            { Component = read
              Fingerprint = fingerprint path assembly
              Warnings = []
              Anew = opened >> Result.map snd }
    }
    |> Result.mapError List.singleton

/// The rule that a class of an assembly is.
let loadRule path typeName : Result<Loaded<Rule>, Diagnostic list> =
    load
        { Part = Part.rule
          Interface = typeof<IAggregationRule>
          Adapt = unbox<IAggregationRule> >> RuleClass.rule
          Complete = id }
        path
        typeName

/// The stage of a pipeline that a class of an assembly is.
let loadStage path typeName : Result<Loaded<PipelineStage>, Diagnostic list> =
    load
        { Part = Part.stage
          Interface = typeof<IPipelineStage>
          Adapt = unbox<IPipelineStage> >> RuleClass.stage
          Complete = id }
        path
        typeName

/// The attack that a class of an assembly is.
let loadAttack path typeName : Result<Loaded<Attack>, Diagnostic list> =
    load
        { Part = Part.attack
          Interface = typeof<IAttack>
          Adapt = unbox<IAttack> >> RuleClass.behaviour
          Complete = Attack.timed }
        path
        typeName

/// The classes of an assembly that are rules, stages or attacks, each with what the language calls it.
let classes path : Result<(string * string) list, Diagnostic> =
    GuestAssembly.load path
    |> Result.bind (types path)
    |> Result.map (fun all ->
        [ for contract, word in contracts do
              for found in all |> List.filter (isUsable contract) -> string found.FullName, word ])
