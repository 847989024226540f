/// Where functions and methods are defined, by the debugging symbols of an assembly.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.Symbols

open System
open System.Collections.Immutable
open System.IO
open System.Reflection
open System.Reflection.Metadata
open System.Reflection.Metadata.Ecma335
open System.Reflection.PortableExecutable

/// The first line of a method that the symbols name, with its document.
let private firstLine (symbols: MetadataReader) (method: MethodBase) : (string * int) option =
    let row = method.MetadataToken &&& 0xFFFFFF

    symbols.GetMethodDebugInformation(MetadataTokens.MethodDefinitionHandle row).GetSequencePoints()
    |> Seq.tryFind (fun point -> not point.IsHidden)
    |> Option.map (fun point -> symbols.GetString(symbols.GetDocument(point.Document).Name), point.StartLine)

let private embedded (code: byte[]) : MetadataReaderProvider option =
    use reader = new PEReader(ImmutableArray.Create<byte> code)

    reader.ReadDebugDirectory()
    |> Seq.tryFind (fun entry -> entry.Type = DebugDirectoryEntryType.EmbeddedPortablePdb)
    |> Option.map reader.ReadEmbeddedPortablePdbDebugDirectoryData

/// Where a method is defined. `symbols` are a file of their own; without it they are looked for in the code. Symbols that
/// cannot be read are as good as none.
let methodPlace (code: byte[]) (symbols: byte[] option) (method: MethodBase) : (string * int) option =
    try
        let provider =
            match symbols with
            | Some symbols -> Some(MetadataReaderProvider.FromPortablePdbImage(ImmutableArray.Create<byte> symbols))
            | None -> embedded code

        match provider with
        | Some provider ->
            use provider = provider
            firstLine (provider.GetMetadataReader()) method
        | None -> None
    with
    | :? BadImageFormatException
    | :? IOException
    | :? ArgumentException -> None

/// The method that runs when an F# function of an assembly is called with its first argument.
let invoked (assembly: Assembly) (func: obj) : MethodBase option =
    match box func with
    | null -> None
    | func when func.GetType().Assembly = assembly ->
        func.GetType().GetMethods(BindingFlags.Public ||| BindingFlags.Instance ||| BindingFlags.DeclaredOnly)
        |> Array.filter (fun method -> method.Name = "Invoke")
        |> Array.sortByDescending _.GetParameters().Length
        |> Array.tryHead
        |> Option.map (fun method -> method :> MethodBase)
    | _ -> None
