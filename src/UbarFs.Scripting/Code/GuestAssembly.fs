/// .NET assemblies of the user's own, loaded with what lies beside them.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.GuestAssembly

open System
open System.IO
open System.Reflection
open System.Runtime.Loader
open UbarFs.Api
open UbarFs.Core
open UbarFs.Scenario

/// Assemblies that the program and its guests share, by their names.
let private shared =
    lazy
        (AppContext.GetData "TRUSTED_PLATFORM_ASSEMBLIES"
         |> string
         |> _.Split(Path.PathSeparator)
         |> Seq.map (fun path -> Path.GetFileNameWithoutExtension path |> string)
         |> Set)

/// Whether guests get an assembly of this name from the program.
let isShared (name: string) = shared.Value.Contains name

/// Loads an assembly and what lies beside it; what the program has itself is shared with it.
type private Guest(path: string) =
    inherit AssemblyLoadContext(Path.GetFileName path)
    let resolver = AssemblyDependencyResolver path

    override guest.Load name =
        match Option.ofObj name.Name with
        | Some name when isShared name -> null
        | simple ->
            // Where a deps.json lies beside it, the resolver knows what is in there alone.
            let beside () =
                simple
                |> Option.map (fun simple -> Path.Combine(string (Path.GetDirectoryName path), simple + ".dll"))

            resolver.ResolveAssemblyToPath name
            |> Option.ofObj
            |> Option.orElseWith (beside >> Option.filter File.Exists)
            |> Option.filter (fun path -> (InputFile.objection (int64 AssemblyFile.longest) path).IsNone)
            |> Option.map guest.LoadFromAssemblyPath
            |> Option.toObj

let private siblings (path: string) =
    try
        Directory.GetFiles(Path.GetDirectoryName path |> string, "*.dll")
        |> Array.map (fun file -> Path.GetFileName file |> string)
        |> List.ofArray
    with
    | :? IOException
    | :? UnauthorizedAccessException -> []

let private read (path: string) : Result<Assembly, Diagnostic> =
    let full = Path.GetFullPath path
    let refuse message = Diagnostic.fileError path message

    if not (File.Exists full) then
        let nearest = Nearest.find (siblings full) (Path.GetFileName full |> string)

        let hint =
            match nearest with
            | Some name -> $"did you mean '{name}'?"
            | None -> "if a project makes it, build that first, with 'dotnet build FOLDER'"

        Error(refuse $"there is no assembly '{full}'" |> Diagnostic.hinted hint)
    else
        try
            let symbols = Path.ChangeExtension(full, ".pdb")

            // Out of memory, so that the file can be built anew meanwhile.
            use code = new MemoryStream(AssemblyFile.read full)

            if File.Exists symbols then
                use symbols = new MemoryStream(AssemblyFile.read symbols)
                Ok(Guest(full).LoadFromStream(code, symbols))
            else
                Ok(Guest(full).LoadFromStream code)
        with
        | :? BadImageFormatException -> Error(refuse "this is not a .NET assembly")
        | :? InputFile.RefusedException as refused -> Error(refuse $"this {refused.Reason}")
        | :? IOException
        | :? UnauthorizedAccessException as error -> Error(refuse error.Message)

let private libraries = [ typeof<TorchSharp.torch>.Assembly; typeof<IAggregationRule>.Assembly ]

/// What the assembly was compiled with that the program has in another version.
let private mismatch path (assembly: Assembly) : Diagnostic option =
    assembly.GetReferencedAssemblies()
    |> Array.tryPick (fun wanted ->
        libraries
        |> List.map _.GetName()
        |> List.tryFind (fun had -> had.Name = wanted.Name && had.Version <> wanted.Version)
        |> Option.map (fun had ->
            Diagnostic.fileError path $"it was compiled with {had.Name} {wanted.Version}; ubarfs has {had.Version}"
            |> Diagnostic.hinted $"compile it with the {had.Name}.dll of this ubarfs"))

/// What it was loaded into, with what lies beside it.
let contextOf (assembly: Assembly) = AssemblyLoadContext.GetLoadContext assembly |> nonNull

/// What the assembly refers to that is neither the program's nor beside it.
let private missing path (assembly: Assembly) : Diagnostic option =
    let isMissing (wanted: AssemblyName) =
        try
            (contextOf assembly).LoadFromAssemblyName wanted |> ignore
            false
        with
        | :? IOException
        | :? BadImageFormatException -> true

    assembly.GetReferencedAssemblies()
    |> Array.tryFind isMissing
    |> Option.map (fun wanted ->
        Diagnostic.fileError path $"it needs {wanted.Name} {wanted.Version}, which does not lie beside it"
        |> Diagnostic.hinted $"put {wanted.Name}.dll there; a project does with EnableDynamicLoading set to true")

/// The assembly, if it goes together with the program.
let load path : Result<Assembly, Diagnostic> =
    read path
    |> Result.bind (fun assembly ->
        match mismatch path assembly |> Option.orElseWith (fun () -> missing path assembly) with
        | Some problem -> Error problem
        | None -> Ok assembly)
