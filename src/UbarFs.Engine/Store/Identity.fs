/// What determines a run's numbers, as a hash: its settings, and the code that computes it. The device, the version of
/// libtorch and its threads are recorded with a result instead: they change its rounding, not the experiment.
[<RequireQualifiedAccess>]
module UbarFs.Engine.Identity

open System
open System.Reflection
open System.Security.Cryptography
open System.Text
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Scenario

let private hash (text: string) = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes text))

let private versionOf (assembly: Assembly) = assembly.GetName().Version |> string

// The build lists the sources in whatever order it found them.
let private sources (assembly: Assembly) =
    assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
    |> Seq.filter (fun attribute -> attribute.Key = "Sources")
    |> Seq.collect (fun attribute -> (string attribute.Value).Split '|')
    |> Seq.sortWith (fun one other -> String.CompareOrdinal(one, other))
    |> String.concat "\n"

/// A hash of the sources of everything that takes part in a run, and of the version of TorchSharp. It does not depend on
/// where or when they were built.
let code =
    [ typeof<KeyedRandom>; typeof<Rule>; typeof<Run>; typeof<Schedule> ]
    |> List.map (fun representative -> sources representative.Assembly)
    |> List.append [ versionOf typeof<TorchSharp.torch>.Assembly ]
    |> String.concat "\n\n"
    |> hash

/// The version of the program.
let version = (typeof<Schedule>.Assembly.GetName().Version |> nonNull).ToString 3

let ofRun (run: Run) =
    let settings = Run.canonical run |> List.map (fun (path, value) -> $"{path}: {value}\n")
    hash (String.concat "" ($"ubarfs: {version}\n" :: $"code: {code}\n" :: settings))
