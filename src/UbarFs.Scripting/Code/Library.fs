/// Scripts as assemblies.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.Library

open System
open System.Collections.Concurrent
open System.IO
open System.Reflection
open System.Runtime.CompilerServices
open System.Runtime.Loader
open System.Security.Cryptography
open System.Text
open FSharp.Compiler.CodeAnalysis
open UbarFs.Core
open UbarFs.Scenario

/// The module that a script becomes which declares none itself.
[<Literal>]
let Module = "UbarFsScript"

/// A script as an assembly, and what the compiler had to say of it.
type Compiled =
    {
        Assembly: Assembly
        /// The assembly's file, with its debugging symbols.
        Code: byte[]
        Warnings: Diagnostic list
    }

let private versionOf (assembly: Assembly) = string assembly.ManifestModule.ModuleVersionId

/// What the script is compiled from and with. The compiler's version comes with that of this assembly.
let private key (sources: Sources) =
    let parts =
        [ Sources.fingerprint sources
          string sources.Purpose
          string Environment.Version
          for assembly in
              [ typeof<Rule>.Assembly
                typeof<UbarFs.Kernels.KeyedRandom>.Assembly
                typeof<Diagnostic>.Assembly
                typeof<TorchSharp.torch>.Assembly
                typeof<unit>.Assembly
                Assembly.GetExecutingAssembly() ] do
              versionOf assembly
          for reference in sources.References do
              Path.GetFileName reference |> string ]

    Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(String.concat "\n" parts)))

/// What scripts are compiled against: .NET, F#, tensors, and the library without the rest of the program, unless they
/// refer to it.
let private references (sources: Sources) =
    let library =
        [ "mscorlib"
          "netstandard"
          "FSharp.Core"
          "TorchSharp"
          "UbarFs.Core"
          "UbarFs.Kernels"
          if sources.Purpose = Purpose.Scenarios then
              "UbarFs.Scenario" ]

    let isMeant (name: string) =
        name.StartsWith("System.", StringComparison.Ordinal) || List.contains name library

    [ for entry in Sources.given do
          if isMeant entry.Key then
              entry.Value
      yield! sources.References ]
    |> List.distinct

/// Writes the sources into a folder; the script last, under the name of its module.
let private written folder (sources: Sources) =
    let last = sources.Files.Length - 1

    sources.Files
    |> List.mapi (fun index file ->
        let name =
            if index = last then
                $"{Module}.fsx"
            else
                Path.GetFileName file.Document |> string

        let path = Path.Combine(Directory.CreateDirectory(Path.Combine(folder, string index)).FullName, name)
        File.WriteAllText(path, file.Text)
        path)

let private inTemporaryFolder (action: string -> 'result) =
    let folder = Directory.CreateTempSubdirectory "ubarfs-script-"

    try
        action folder.FullName
    finally
        folder.Delete true

let private options (sources: Sources) =
    [ "fsc.exe"
      // Scenarios are what the script does, and a rule is what it defines.
      (match sources.Purpose with
       | Purpose.Component -> "--target:library"
       | Purpose.Scenarios -> "--target:exe")
      "--nologo"
      "--noframework"
      "--targetprofile:netcore"
      "--simpleresolution"
      "--debug:embedded"
      // What fails is to fail at the line that is written: inlining and tail calls would move it to others.
      "--optimize-"
      "--tailcalls-"
      "--deterministic+"
      // Nobody refers to a script.
      "--nointerfacedata"
      "--nooptimizationdata"
      "--nowin32manifest"
      // Names are words of the language wherever a script says them.
      "--nowarn:3391"
      // Whoever runs a script says better what it lacks.
      "--nowarn:988" ]

// The compiler is loaded when a method that mentions it is: nothing else here does.
[<MethodImpl(MethodImplOptions.NoInlining)>]
let private compile key (sources: Sources) : Compiler.CompiledScript option =
    let checker = FSharpChecker.Create(keepAssemblyContents = false, keepAllBackgroundResolutions = false)

    match LastExpression.kept checker sources with
    | Error message -> Some { Code = [||]; Messages = [ message ] }
    | Ok sources ->
        inTemporaryFolder (fun folder ->
            let output = Path.Combine(folder, $"script-{key}.dll")

            let arguments =
                [| yield! options sources
                   for reference in references sources do
                       $"-r:{reference}"
                   yield! [ "-o"; output ]
                   yield! written folder sources |]

            let compiling = checker.Compile arguments |> Async.StartAsTask
            let said, problem = compiling.GetAwaiter().GetResult()
            let messages = said |> Array.choose Compiler.message |> List.ofArray

            if problem.IsNone && File.Exists output then
                Some { Code = File.ReadAllBytes output; Messages = messages }
            elif messages |> List.exists _.IsError then
                Some { Code = [||]; Messages = messages }
            else
                None)

let private known = ConcurrentDictionary<string, Compiled>()

/// An assembly of the code, with everything of it new.
let private load (sources: Sources) (code: byte[]) : Assembly =
    let context = AssemblyLoadContext $"script {(Sources.script sources).Document}"

    context.add_Resolving (fun context name ->
        sources.References
        |> List.tryFind (fun path -> AssemblyName.GetAssemblyName(path).Name = name.Name)
        |> Option.map context.LoadFromAssemblyPath
        |> Option.toObj)

    context.LoadFromStream(new MemoryStream(code))

/// The script with everything that it defines as it was before anybody asked it anything.
let anew (sources: Sources) (compiled: Compiled) : Compiled = { compiled with Assembly = load sources compiled.Code }

let private ofCompiled key (sources: Sources) (script: Compiler.CompiledScript) : Result<Compiled, Diagnostic list> =
    let sourceOf = Sources.tryFind sources >> Option.defaultValue (Sources.script sources).Source
    let said = script.Messages |> List.map (Compiler.diagnostic sourceOf) |> Diagnostic.arrange

    if script.Code.Length = 0 then
        Error said
    else
        let compiled = { Assembly = load sources script.Code; Code = script.Code; Warnings = said }
        Ok(known.GetOrAdd(key, compiled))

/// The assembly of a script: out of this process, out of the user's cache, or compiled. What does not compile is kept
/// like what does.
let ofSources (sources: Sources) : Result<Compiled, Diagnostic list> =
    let key = key sources

    match known.TryGetValue key, lazy AssemblyCache.tryFind key with
    | (true, compiled), _ -> Ok compiled
    | _, Lazy(Some script) -> ofCompiled key sources script
    | _ ->
        match compile key sources with
        | Some script ->
            AssemblyCache.save key script
            ofCompiled key sources script
        | None ->
            let path = (Sources.script sources).Document
            Error [ Diagnostic.fileError path "the F# compiler ended without a result" ]
