// Kills a sweep at random moments, restarts it each time, and compares what it comes to with an undisturbed one:
// `dotnet fsi tests/crash.fsx [KILLS [SEED]]`, after a build. `build.fsx crash` builds first.

#load "UbarFs.Tests/Disturbance.fs"

open System
open System.Diagnostics
open System.IO
open UbarFs.Tests

let numbers = fsi.CommandLineArgs |> Array.tail |> Array.map int
let count = numbers |> Array.tryItem 0 |> Option.defaultValue 100
let seed = numbers |> Array.tryItem 1 |> Option.defaultValue Environment.TickCount

let program =
    Path.Combine(__SOURCE_DIRECTORY__, "../src/UbarFs.Cli/bin/Release/net10.0/ubarfs.dll")
    |> Path.GetFullPath

let root = Directory.CreateTempSubdirectory "ubarfs-crash-"
let clock = Stopwatch.StartNew()
printfn "seed %d" seed
let sweeps, wrong = Disturbance.kills program root.FullName seed count (printfn "%s")
List.iter (eprintfn "%s") wrong
printfn "%d kills, %d sweeps, %d differences, %.0f s" count sweeps wrong.Length clock.Elapsed.TotalSeconds
root.Delete true
exit (min 1 wrong.Length)
