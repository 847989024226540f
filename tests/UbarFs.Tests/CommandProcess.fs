/// The command `ubarfs` as a process with arguments, two streams and an exit code.
module UbarFs.Tests.CommandProcess

open System
open System.Diagnostics
open System.IO
open Expecto

type Outcome = { Code: int; Output: string; Errors: string }

/// A file beside the tests.
let beside name = Path.Combine(AppContext.BaseDirectory, name)

/// The command with some variables in its environment. No dataset of this machine is seen, nor its cache: their folders
/// are given by the environment.
let startWith (variables: (string * string) list) folder (arguments: string list) =
    let info = ProcessStartInfo("dotnet", beside "ubarfs.dll" :: arguments, WorkingDirectory = folder)
    info.RedirectStandardOutput <- true
    info.RedirectStandardError <- true
    info.Environment.Remove "UBARFS_DATA" |> ignore
    info.Environment["XDG_CACHE_HOME"] <- Path.Combine(folder, "cache")
    // Several of these run at once: more threads than cores would only wait for each other.
    info.Environment["OMP_NUM_THREADS"] <- "1"

    for name, value in variables do
        info.Environment[name] <- value

    match Process.Start info with
    | null -> failtest "dotnet does not start"
    | started -> started

let start = startWith []

let outcome (started: Process) =
    let output = started.StandardOutput.ReadToEndAsync()
    let errors = started.StandardError.ReadToEnd()

    if not (started.WaitForExit 60_000) then
        started.Kill()
        failtest "it does not end"

    // Whatever a test is about: nothing that it does to the command is to come out as a fault of the command's own.
    if errors.Contains "defect of ubarfs" then
        failtest errors

    { Code = started.ExitCode; Output = output.Result; Errors = errors }

let ubarfs folder arguments =
    use started = start folder arguments
    outcome started

/// Runs a test in an empty folder with some files in it.
let inFolderWith (files: (string * string) list) test =
    TinyDataset.inFolder (fun folder ->
        for name, text in files do
            let path = Path.Combine(folder, name)
            Directory.CreateDirectory(Path.GetDirectoryName path |> string) |> ignore
            File.WriteAllText(path, text)

        test folder)
