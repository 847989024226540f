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
type Compiled = { Assembly: Assembly; Warnings: Diagnostic list }

let private versionOf (assembly: Assembly) = string assembly.ManifestModule.ModuleVersionId

/// What the script is compiled from and with. The compiler's version comes with that of this assembly.
let private key (sources: Sources) =
    let parts =
        Sources.fingerprint sources
        :: string Environment.Version
        :: List.map
            versionOf
            [ typeof<Rule>.Assembly
              typeof<TorchSharp.torch>.Assembly
              Assembly.GetExecutingAssembly() ]

    Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(String.concat "\n" parts)))

/// What scripts are compiled against: .NET, F#, tensors, and the library without the rest of the program.
let private references (sources: Sources) =
    let library =
        [ "mscorlib"
          "netstandard"
          "FSharp.Core"
          "TorchSharp"
          "UbarFs.Core"
          "UbarFs.Kernels" ]

    let platform =
        (AppContext.GetData "TRUSTED_PLATFORM_ASSEMBLIES" |> string).Split Path.PathSeparator
        |> Array.filter (fun path ->
            let name = Path.GetFileNameWithoutExtension path |> string
            name.StartsWith("System.", StringComparison.Ordinal) || List.contains name library)

    Array.append platform (Array.ofList sources.References)

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

// The compiler is loaded when a method that mentions it is: nothing else here does.
[<MethodImpl(MethodImplOptions.NoInlining)>]
let private compile key (sources: Sources) : Result<byte[] * Diagnostic list, Diagnostic list> =
    inTemporaryFolder (fun folder ->
        let output = Path.Combine(folder, $"script-{key}.dll")

        let arguments =
            [| yield!
                   [ "fsc.exe"
                     "--target:library"
                     "--nologo"
                     "--noframework"
                     "--targetprofile:netcore"
                     "--simpleresolution"
                     "--debug:embedded"
                     "--optimize+"
                     "--deterministic+"
                     // Names are words of the language wherever a script says them.
                     "--nowarn:3391" ]
               for reference in references sources do
                   $"-r:{reference}"
               yield! [ "-o"; output ]
               yield! written folder sources |]

        let compiling = FSharpChecker.Create().Compile arguments |> Async.StartAsTask
        let messages, problem = compiling.GetAwaiter().GetResult()
        let sourceOf = Sources.tryFind sources >> Option.defaultValue (Sources.script sources).Source
        let said = messages |> Array.choose (Compiler.diagnostic sourceOf) |> List.ofArray |> Diagnostic.arrange

        if problem.IsNone && File.Exists output then
            Ok(File.ReadAllBytes output, said)
        else
            Error said)

let private known = ConcurrentDictionary<string, Compiled>()

let private loaded key (sources: Sources) warnings (bytes: byte[]) =
    let context = AssemblyLoadContext $"script {(Sources.script sources).Document}"

    context.add_Resolving (fun context name ->
        sources.References
        |> List.tryFind (fun path -> AssemblyName.GetAssemblyName(path).Name = name.Name)
        |> Option.map context.LoadFromAssemblyPath
        |> Option.toObj)

    let compiled =
        { Assembly = context.LoadFromStream(new MemoryStream(bytes))
          Warnings = warnings }

    known.GetOrAdd(key, compiled)

/// The assembly of a script: out of this process, out of the user's cache, or compiled.
let ofSources (sources: Sources) : Result<Compiled, Diagnostic list> =
    let key = key sources

    match known.TryGetValue key, lazy AssemblyCache.tryFind key with
    | (true, compiled), _ -> Ok compiled
    | _, Lazy(Some bytes) -> Ok(loaded key sources [] bytes)
    | _ ->
        compile key sources
        |> Result.map (fun (bytes, warnings) ->
            AssemblyCache.save key bytes
            loaded key sources warnings bytes)
