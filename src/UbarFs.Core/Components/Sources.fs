/// The sources that an assembly was built from, of which the build records the checksums: what a run's numbers depend on.
[<RequireQualifiedAccess>]
module UbarFs.Core.Sources

open System
open System.Reflection

/// A source file: its path in its project, such as `Rules/Ubar.fs`, and the SHA-256 of its text.
type Source = { File: string; Checksum: string }

/// The recorded sources of an assembly, by file; none for an assembly whose build records none.
let ofAssembly (assembly: Assembly) : Source list =
    assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
    |> Seq.filter (fun attribute -> attribute.Key = "Sources")
    |> Seq.collect (fun attribute -> (string attribute.Value).Split '|')
    |> Seq.map (fun line ->
        let place = line.LastIndexOf '='

        { File = line.Substring(0, place).Replace('\\', '/')
          Checksum = line.Substring(place + 1).ToLowerInvariant() })
    // The build lists them in whatever order it found them.
    |> Seq.sortWith (fun one other -> String.CompareOrdinal(one.File, other.File))
    |> List.ofSeq

let private own = lazy (ofAssembly (Assembly.GetExecutingAssembly()))

/// The source of this assembly at a path on the machine that built it.
let tryAt (path: string) : Source option =
    let path = path.Replace('\\', '/')
    own.Value |> List.tryFind (fun source -> path.EndsWith("/" + source.File, StringComparison.Ordinal))
