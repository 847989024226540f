/// Why a process ended that user's code ran in, out of what it left behind.
module UbarFs.Cli.Crash

open System
open System.Text.RegularExpressions

/// The lines with which .NET begins its last words.
let private openings =
    [ "Stack overflow."
      "Unhandled exception."
      "Process terminated."
      "Fatal error." ]

/// Whether a line of standard error begins .NET's last words: what follows is a trace.
let begins (line: string) =
    openings |> List.exists (fun opening -> line.StartsWith(opening, StringComparison.Ordinal))

let private frame = Regex @"^\s+at (?<method>[^(]+)\(.*?\)(?: in (?<file>.+):line (?<line>\d+))?"

/// Where the trace leaves the runtime: the first place with a line, or else the first method of nobody's library.
let private place (trace: string list) : string option =
    let frames = trace |> List.map frame.Match |> List.filter _.Success

    let isLibrary (found: Match) =
        [ "System."; "Microsoft."; "TorchSharp." ]
        |> List.exists (fun prefix -> found.Groups["method"].Value.StartsWith(prefix, StringComparison.Ordinal))

    frames
    |> List.tryFind (fun found -> found.Groups["line"].Success && not (isLibrary found))
    |> Option.map (fun found ->
        let group (name: string) = found.Groups[name].Value
        let file, number = IO.Path.GetFileName(group "file"), group "line"
        $"{file}, line {number}")
    |> Option.orElseWith (fun () ->
        frames
        |> List.tryFind (isLibrary >> not)
        |> Option.map (fun found -> found.Groups["method"].Value.Trim()))

let private sigint, private sigkill, private sigsegv, private sigterm = 2, 9, 11, 15

/// Whether a process with this exit code was asked to end, as all of a terminal or of a job are.
let wasAsked code = List.contains (code - 128) [ sigint; sigterm ]

let private byCode code =
    match code - 128 with
    | signal when signal = sigkill ->
        "was killed (signal 9): where nobody does that by hand, the system does it for want of memory"
    | signal when signal = sigsegv -> "died of a memory access that is not allowed (signal 11)"
    | signal when signal > 0 && signal < 64 -> $"died of signal {signal}"
    | _ -> $"was ended by the code itself, with exit code {code}"

/// What ended a process with this exit code, which left these lines on standard error: the end of a sentence that begins
/// with the process.
let reason (code: int) (lastWords: string list) : string =
    let at = place lastWords |> Option.map (fun place -> $" ({place})") |> Option.defaultValue ""

    match lastWords with
    | first :: _ when first.StartsWith "Stack overflow." -> $"died of a stack overflow{at}"
    | first :: _ when first.StartsWith "Unhandled exception. " ->
        let said = first.Substring("Unhandled exception. ".Length)
        $"died of an exception that nobody handled, on a thread of the code's own: {said}{at}"
    | first :: rest when first.StartsWith "Process terminated." ->
        let said = first.Substring("Process terminated.".Length).Trim()

        // What it was given stands on that line, or on the next one.
        let said =
            match rest with
            | next :: _ when said = "" && not (frame.IsMatch next) -> next.Trim()
            | _ -> said

        let said = if said = "" then "" else $": {said}"
        $"was ended by FailFast{said}{at}"
    | _ -> byCode code
