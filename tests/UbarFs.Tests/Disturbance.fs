/// Sweeps that are killed, split and run side by side, and whether that changed anything. Without references to the
/// program, so that scripts can load it.
module UbarFs.Tests.Disturbance

open System
open System.Diagnostics
open System.IO
open System.Security.Cryptography
open System.Text.RegularExpressions

/// A sweep whose rules and attacks remember much from iteration to iteration.
let scenario =
    """name: disturbed
data: { dataset: digits }
model: [ { dense: 64 }, relu, dense ]
network: { topology: { random: 0.7 }, benign: 4, byzantine: 30% }
training: { batch: 16, iterations: 24, rate: 0.1 }
measure: { every: 5 iterations }
attack: [bit-flip, { stale: { age: 4 } }]
sweep: { rule: [ubar, afa, fltrust, dmedian], seed: [1, 2] }
"""

/// The program as a process in a folder.
let start (program: string) folder (arguments: string list) =
    let info = ProcessStartInfo("dotnet", program :: arguments, WorkingDirectory = folder)
    info.RedirectStandardOutput <- true
    info.RedirectStandardError <- true
    info.Environment["XDG_CACHE_HOME"] <- Path.Combine(folder, "cache")
    info.Environment["OMP_NUM_THREADS"] <- "1"
    let started = Process.Start info |> nonNull
    // Nobody reads them before the end: what is written must fit into the pipes, and does.
    started

/// Waits for a process; its exit code and what it wrote to standard error.
let ending (started: Process) =
    let output = started.StandardOutput.ReadToEndAsync()
    let errors = started.StandardError.ReadToEnd()
    started.WaitForExit()
    output.Wait()
    started.ExitCode, errors

let private isTiming (column: string) = column = "seconds" || column.EndsWith "_seconds"

/// The cells of a line; those in quotes stay as they are.
let private cells (line: string) = Regex.Split(line, ",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")

/// A table without its columns of seconds.
let private withoutTimings (file: string) =
    let rows = File.ReadAllLines file |> Array.map cells
    let kept = rows[0] |> Array.indexed |> Array.filter (snd >> isTiming >> not) |> Array.map fst

    rows
    |> Array.map (fun row -> kept |> Array.map (fun column -> row[column]) |> String.concat ",")
    |> String.concat "\n"

let private digest (file: string) = Convert.ToHexString(SHA256.HashData(File.ReadAllBytes file))

/// All that a store holds but timings, by file: tables as text, other files as digests. The drafts of a killed process may
/// be there for a minute.
let outcome (store: string) : Map<string, string> =
    let tables = [ "results.csv"; "metrics.csv" ]
    let ignored = [ "run.json"; "log.txt"; "report.html"; ".results.lock" ]

    Directory.EnumerateFiles(store, "*", SearchOption.AllDirectories)
    |> Seq.filter (fun file -> not (List.contains (Path.GetFileName file |> string) ignored || file.EndsWith ".tmp"))
    |> Seq.map (fun file ->
        let isTable = List.contains (Path.GetFileName file |> string) tables
        Path.GetRelativePath(store, file), (if isTable then withoutTimings file else digest file))
    |> Map.ofSeq

/// What a sweep in `folder/runs` came to.
let sweepOutcome folder = outcome (Path.Combine(folder, "runs", "disturbed"))

/// An empty folder with the scenario in it.
let prepared (root: string) (name: string) =
    let folder = Path.Combine(root, name)
    Directory.CreateDirectory folder |> ignore
    File.WriteAllText(Path.Combine(folder, "disturbed.yaml"), scenario)
    folder

let arguments = [ "disturbed.yaml"; "--quiet"; "--checkpoint-every"; "3" ]

/// Files whose content differs, or that one of the outcomes lacks.
let differences (one: Map<string, string>) (other: Map<string, string>) =
    Seq.append one.Keys other.Keys
    |> Seq.distinct
    |> Seq.filter (fun file -> Map.tryFind file one <> Map.tryFind file other)
    |> List.ofSeq

/// Starts the sweep in a folder and kills it after some milliseconds; whether it had ended before, and how.
let private killedAfter program folder (milliseconds: int) =
    use started = start program folder arguments

    if started.WaitForExit milliseconds then
        Some(ending started)
    else
        started.Kill()
        started.WaitForExit()
        None

/// Kills sweeps at random moments, so many times in all, and starts them again each time; a sweep that has ended is
/// compared with the undisturbed one, and another one begun. The last is left to end. Gives the number of sweeps and
/// everything that was wrong.
let kills (program: string) (root: string) (seed: int) (count: int) (tell: string -> unit) : int * string list =
    let random = Random seed
    let wrong = ResizeArray<string>()
    let whole = prepared root "whole"
    let clock = Stopwatch.StartNew()
    let code, errors = ending (start program whole arguments)
    // How long a sweep takes now: other programs come and go.
    let mutable longest = int clock.ElapsedMilliseconds
    let expected = sweepOutcome whole

    if code <> 0 then
        wrong.Add $"the undisturbed sweep ended with {code}: {errors}"

    let mutable killed, sweeps = 0, 0

    let compare folder (code, errors: string) =
        sweeps <- sweeps + 1

        if code <> 0 then
            wrong.Add $"sweep {sweeps} ended with {code}: {errors}"

        for file in differences expected (sweepOutcome folder) do
            wrong.Add $"sweep {sweeps}: {file} differs"
            tell (Seq.last wrong)

        tell $"sweep {sweeps}: {killed} kills so far, {wrong.Count} differences"

    let mutable folder = prepared root "sweep-1"

    while killed < count do
        match killedAfter program folder (random.Next(longest / 8, longest)) with
        | None ->
            killed <- killed + 1
            longest <- longest * 21 / 20
        | Some ended ->
            longest <- longest * 3 / 4
            compare folder ended
            folder <- prepared root $"sweep-{sweeps + 1}"

    compare folder (ending (start program folder arguments))
    sweeps, List.ofSeq wrong
