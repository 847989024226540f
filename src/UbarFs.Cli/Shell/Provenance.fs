/// What produced a result: the versions of everything that takes part in it.
module UbarFs.Cli.Provenance

open System
open System.Reflection
open UbarFs.Engine
open UbarFs.Kernels.Vectors
open UbarFs.LibTorch

let private informational (assembly: Assembly) =
    assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
    |> Option.ofObj
    |> Option.map _.InformationalVersion
    |> Option.defaultValue ""

/// The version and the commit that it was built from.
let ubarfs = informational (Assembly.GetExecutingAssembly())

let versions (libtorch: LibTorchReport) : Map<string, string> =
    let version, commit =
        match ubarfs.Split '+' with
        | [| version; commit |] -> version, commit
        | _ -> ubarfs, "unknown"

    Map
        [ "ubarfs", version
          "commit", commit
          "code", Identity.code.Substring(0, 12)
          "torchsharp", (typeof<TorchSharp.torch>.Assembly.GetName().Version |> string)
          "libtorch", Option.ofObj libtorch.Version |> Option.defaultValue "unknown"
          "dotnet", string Environment.Version
          "vectors", $"{VectorBits.Current} bits"
          "system", Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier ]
