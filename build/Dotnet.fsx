/// Running `dotnet` so that its exit code, its output and Ctrl-C behave as if it had been called directly.
module Dotnet

open System
open System.Diagnostics
open System.IO
open System.Runtime.InteropServices

let root = Path.GetDirectoryName __SOURCE_DIRECTORY__
let inRoot path = Path.Combine(root, path)
let here = Directory.GetCurrentDirectory()

module Native =
    [<DllImport("libc", EntryPoint = "kill")>]
    extern int Kill(int pid, int signal)

let mutable interrupted = false
let mutable current: Process option = None

// A terminal sends Ctrl-C to the child as well: outlive it, and let it end the way it wants to.
let onInterrupt =
    PosixSignalRegistration.Create(
        PosixSignal.SIGINT,
        fun signal ->
            signal.Cancel <- true
            interrupted <- true
    )

// A termination request reaches only us: hand it on, so that no child is left behind.
let onTerminate =
    PosixSignalRegistration.Create(
        PosixSignal.SIGTERM,
        fun signal ->
            signal.Cancel <- true
            interrupted <- true
            current |> Option.iter (fun child -> Native.Kill(child.Id, 15) |> ignore)
    )

/// The same `dotnet` as the one that runs this script.
let startDotnet directory captured (arguments: string list) =
    let start = ProcessStartInfo(Environment.ProcessPath, arguments, WorkingDirectory = directory)
    start.RedirectStandardOutput <- captured
    start.RedirectStandardError <- captured
    start.Environment["DOTNET_NOLOGO"] <- "1"
    start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] <- "1"
    let child = Process.Start start
    current <- Some child
    child

let exitCode (child: Process) =
    child.WaitForExit()
    current <- None
    child.ExitCode

/// Runs `dotnet` on our terminal and returns its exit code.
let dotnet directory arguments =
    use child = startDotnet directory false arguments
    exitCode child

/// Runs `dotnet` and returns its exit code and what it writes to standard output.
let dotnetOutput arguments =
    use child = startDotnet root true arguments
    let errors = child.StandardError.ReadToEndAsync()
    let text = child.StandardOutput.ReadToEnd()
    let code = exitCode child
    eprintf "%s" errors.Result
    code, text

/// Whether a line on standard error can be written anew.
let isLive =
    not Console.IsErrorRedirected
    && not (List.contains (string (Environment.GetEnvironmentVariable "TERM")) [ ""; "dumb" ])

let duration (elapsed: TimeSpan) =
    if elapsed.TotalSeconds < 100.0 then
        $"%.0f{elapsed.TotalSeconds} s"
    else
        $"%d{int elapsed.TotalMinutes} min %02d{elapsed.Seconds} s"

/// Steps that are over before anybody reads of them leave no line on a terminal.
let worthALine = TimeSpan.FromSeconds 10.0

/// Runs `dotnet` in the repository, showing only the time it takes, and its output if it fails.
let dotnetQuietly activity arguments =
    let log = ResizeArray<string>()
    let clock = Stopwatch.StartNew()
    let append (line: DataReceivedEventArgs) = lock log (fun () -> log.Add(string line.Data))
    let eraseLine = "\r\u001b[K"

    use child = startDotnet root true arguments
    child.OutputDataReceived.Add append
    child.ErrorDataReceived.Add append
    child.BeginOutputReadLine()
    child.BeginErrorReadLine()

    if not isLive then
        eprintfn "%s…" activity

    while not (child.WaitForExit 500) do
        if isLive then
            eprintf "%s%s… %s" eraseLine activity (duration clock.Elapsed)

    let code = exitCode child

    if isLive then
        eprintf "%s" eraseLine

    if code <> 0 || not isLive || clock.Elapsed > worthALine then
        let ending =
            if interrupted then "interrupted after"
            elif code <> 0 then "failed after"
            else "took"

        eprintfn "%s %s %s" activity ending (duration clock.Elapsed)

    if code <> 0 && not interrupted then
        // MSBuild says everything twice.
        for line in Seq.distinct log do
            if line <> "" then
                eprintfn "%s" line

    if interrupted then 130 else code

/// Runs the steps in turn until one fails; the exit code of the last that ran.
let rec inTurn steps =
    match steps with
    | [] -> 0
    | step :: rest ->
        match step () with
        | 0 -> inTurn rest
        | code -> code

/// The SDK that global.json asks for, or what `dotnet` says of its absence.
let withSdk target =
    use child = startDotnet root true [ "--version" ]
    let complaint = child.StandardOutput.ReadToEndAsync()
    let error = child.StandardError.ReadToEnd()

    if exitCode child = 0 then
        target ()
    else
        eprintfn "UbarFs needs the .NET SDK named in global.json (https://dotnet.microsoft.com/download)."
        eprintfn "%s" ((complaint.Result + error).Trim())
        1

let release = [ "-c"; "Release" ]

/// Only warnings and errors; and no build servers, which would outlive the script and hold its output open.
let quietly = [ "--nologo"; "-v"; "quiet"; "--disable-build-servers" ]
