module UbarFs.Benchmarks.Main

open System
open System.Diagnostics
open System.IO
open System.Text.Json.Nodes
open BenchmarkDotNet.Running
open UbarFs.Benchmarks.Rows
open UbarFs.LibTorch
open UbarFs.Tests

let private usage =
    """Usage: UbarFs.Benchmarks [--json FILE] [--quick]    the table of docs/performance.md
       UbarFs.Benchmarks --growth [--json FILE]      exponents of growth with n, |N_i| and d
       UbarFs.Benchmarks --rules                     how long each rule of the catalogue aggregates
       UbarFs.Benchmarks --attacks                   how long each attack makes its messages
       UbarFs.Benchmarks --fuzz MINUTES              files with mistakes for everything that reads files
       UbarFs.Benchmarks --kernels [ARGS]            the kernels under BenchmarkDotNet"""

let private ratio row = row.Straightforward / row.Ours

let private print table =
    printfn
        "n = %d, %d directed edges, d = %d, %d threads, copies at %.1f GB/s"
        table.Nodes
        table.Edges
        table.Dimension
        table.Threads
        (table.CopyBandwidth / 1e9)

    printfn "\n%-18s %18s %10s %8s %14s" "" "straightforward ms" "ours ms" "ratio" "× memory limit"

    for row in table.Rows do
        let limit = row.Limit |> Option.map (fun limit -> $"%.1f{row.Ours / limit}") |> Option.defaultValue ""
        printfn "%-18s %18.1f %10.2f %8.1f %14s" row.Name row.Straightforward row.Ours (ratio row) limit

let private json table =
    let row row =
        let node = JsonObject()
        node["name"] <- JsonValue.Create row.Name
        node["straightforward_ms"] <- JsonValue.Create row.Straightforward
        node["ours_ms"] <- JsonValue.Create row.Ours
        node["ratio"] <- JsonValue.Create(ratio row)
        row.Limit |> Option.iter (fun limit -> node["limit_ms"] <- JsonValue.Create limit)
        node

    let whole = JsonObject()
    whole["rows"] <- JsonArray(table.Rows |> List.map (fun item -> row item :> JsonNode) |> Array.ofList)
    whole["nodes"] <- JsonValue.Create table.Nodes
    whole["edges"] <- JsonValue.Create table.Edges
    whole["dimension"] <- JsonValue.Create table.Dimension
    whole["threads"] <- JsonValue.Create table.Threads
    whole["copy_gb_per_s"] <- JsonValue.Create(table.CopyBandwidth / 1e9)
    whole.ToJsonString()

let private load () = LibTorchLoader.Load() |> ignore

let private table budget file =
    load ()
    let table = measure budget
    print table
    file |> Option.iter (fun file -> File.WriteAllText(file, json table))
    0

let private growthJson (growths: Growth.Growth list) =
    let ofGrowth (growth: Growth.Growth) =
        let point (size: int, value: float) =
            let node = JsonArray()
            node.Add size
            node.Add value
            node :> JsonNode

        let node = JsonObject()
        node["name"] <- JsonValue.Create growth.Name
        node["with"] <- JsonValue.Create growth.With
        node["unit"] <- JsonValue.Create growth.Unit
        node["exponent"] <- JsonValue.Create growth.Exponent
        node["points"] <- JsonArray(growth.Points |> List.map point |> Array.ofList)
        node :> JsonNode

    JsonArray(growths |> List.map ofGrowth |> Array.ofList).ToJsonString()

let private growth file =
    load ()
    let growths = Growth.measure ()
    printfn "%-10s %-6s %8s" "what" "with" "exponent"

    for growth in growths do
        let points =
            growth.Points |> List.map (fun (size, value) -> $"%d{size}: %.1f{value}") |> String.concat "  "

        printfn "%-10s %-6s %8.2f   %s %s" growth.Name growth.With growth.Exponent points growth.Unit

    file |> Option.iter (fun file -> File.WriteAllText(file, growthJson growths))
    0

let private rules () =
    load ()
    printfn "%-18s %10s %10s" "rule" "ms" "× dkrum"

    for time in RuleTimes.measure 8 do
        printfn "%-18s %10.2f %10.1f" time.Rule time.Milliseconds time.Ratio

    0

let private attacks () =
    load ()
    let table = AttackTimes.measure 5

    printfn
        "30 benign and %d Byzantine nodes; training %.0f ms, %s %.1f ms"
        table.Byzantine
        table.Training
        table.Rule
        table.Aggregation

    printfn "%-26s %10s %12s %10s" "attack" "ms" "× training" $"× {table.Rule}"

    for time in table.Times do
        printfn "%-26s %10.2f %12.4f %10.1f" time.Attack time.Milliseconds time.OfTraining time.OfRule

    0

/// Every reader has its share of the time.
let private fuzz (minutes: float) =
    load ()
    let folder = Directory.CreateTempSubdirectory "ubarfs-fuzz-"
    let seed = Environment.TickCount
    let targets = Fuzzing.targets folder.FullName
    printfn "seed %d" seed

    try
        targets
        |> List.map (fun target ->
            let clock = Stopwatch.StartNew()
            let mutable tried = 0

            let goOn count =
                tried <- count
                clock.Elapsed.TotalMinutes < minutes / float targets.Length

            let wrong = Fuzzing.attack target (Random seed) goOn
            printfn "%-18s %10d files: %s" target.Name tried (Option.defaultValue "ok" wrong)
            if wrong.IsSome then 1 else 0)
        |> List.max
    finally
        folder.Delete true

/// In this process: BenchmarkDotNet's own would have to find the project from where this is called, and to build it.
let private kernels options =
    let summaries =
        BenchmarkSwitcher
            .FromTypes([| typeof<KernelBenchmarks>; typeof<UpdateBenchmarks> |])
            .Run(Array.ofList ("--inProcess" :: options))

    let failed = summaries |> Seq.exists _.HasCriticalValidationErrors
    if failed then 1 else 0

[<EntryPoint>]
let main arguments =
    match List.ofArray arguments with
    | [] -> table 4000.0 None
    | [ "--quick" ] -> table 500.0 None
    | [ "--json"; file ] -> table 4000.0 (Some file)
    | [ "--growth" ] -> growth None
    | [ "--rules" ] -> rules ()
    | [ "--attacks" ] -> attacks ()
    | [ "--growth"; "--json"; file ] -> growth (Some file)
    | [ "--fuzz"; minutes ] when fst (Double.TryParse minutes) -> fuzz (float minutes)
    | [ "--kernels" ] -> kernels [ "--filter"; "*"; "--job"; "short" ]
    | "--kernels" :: options -> kernels options
    | _ ->
        eprintfn "%s" usage
        2
