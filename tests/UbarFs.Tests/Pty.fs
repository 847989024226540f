/// Commands on a terminal of their own (`script` of util-linux makes it): what a person sees, types and gets.
module UbarFs.Tests.Pty

open System
open System.Diagnostics
open System.Text
open System.Threading
open System.IO
open Expecto

type Size = { Columns: int; Rows: int }

let size columns = { Columns = columns; Rows = 24 }

type Ending =
    {
        Code: int
        /// Everything that the terminal got.
        Written: string
        /// What can be seen in the end, with what has scrolled away.
        Seen: TerminalModel
    }

/// A word of a POSIX shell.
let quoted (text: string) = "'" + text.Replace("'", "'\\''") + "'"

/// The command `ubarfs` in a shell.
let ubarfs = "dotnet " + quoted (CommandProcess.beside "ubarfs.dll")

let private hasScript =
    lazy
        (let folders = (Environment.GetEnvironmentVariable "PATH" |> string).Split Path.PathSeparator

         OperatingSystem.IsLinux()
         && folders |> Array.exists (fun folder -> File.Exists(Path.Combine(folder, "script"))))

let private orSkip () =
    match hasScript.Value, isNull (Environment.GetEnvironmentVariable "CI") with
    | true, _ -> ()
    | false, true -> skiptest "there is no 'script' on this machine: apt-get install bsdutils"
    | false, false -> failtest "these tests need 'script': apt-get install bsdutils"

/// A command under way.
type Session(started: Process, size: Size) =
    let written = StringBuilder()
    let model = TerminalModel(size.Columns, size.Rows)
    // Only what hangs takes so long, however busy the machine is.
    let patience = TimeSpan.FromMinutes 10.0

    let read () =
        use reader = new StreamReader(started.StandardOutput.BaseStream, UTF8Encoding false)
        let buffer = Array.zeroCreate<char> 4096
        let mutable count = reader.Read(buffer, 0, buffer.Length)

        while count > 0 do
            lock written (fun () ->
                let text = String(buffer, 0, count)
                written.Append text |> ignore
                model.Write text)

            count <- reader.Read(buffer, 0, buffer.Length)

    let thread = Thread(read, IsBackground = true)
    do thread.Start()

    let text () = lock written (fun () -> model.Text)

    let giveUp (reason: string) =
        started.Kill true
        failtest $"{reason}; the terminal shows:\n{text ()}"

    /// Waits for a text to be seen.
    member _.Await(expected: string) =
        let isThere () = (text ()).Contains expected

        if not (SpinWait.SpinUntil((fun () -> isThere () || started.HasExited), patience)) then
            giveUp $"'{expected}' does not appear"
        elif not (isThere ()) then
            thread.Join patience |> ignore

            if not (isThere ()) then
                giveUp $"it ended without '{expected}'"

    member _.Type(keys: string) =
        started.StandardInput.Write keys
        started.StandardInput.Flush()

    /// Waits for the end.
    member _.End() : Ending =
        if not (started.WaitForExit patience && thread.Join patience) then
            giveUp "it does not end"

        if (text ()).Contains "defect of ubarfs" then
            failtest (text ())

        { Code = started.ExitCode; Written = string written; Seen = model }

let controlC = "\u0003"

/// Runs a line of a shell in a folder, on a terminal of some size, with these variables besides those of a terminal in
/// colour. No dataset of this machine is seen.
let run folder (size: Size) (variables: (string * string) list) (line: string) (test: Session -> 'result) : 'result =
    orSkip ()
    let inner = $"stty cols {size.Columns} rows {size.Rows}; {line}"
    let info = ProcessStartInfo("script", [ "-qefc"; inner; "/dev/null" ], WorkingDirectory = folder)
    info.RedirectStandardInput <- true
    info.RedirectStandardOutput <- true

    for name in [ "UBARFS_DATA"; "NO_COLOR"; "COLUMNS"; "LINES" ] do
        info.Environment.Remove name |> ignore

    for name, value in
        [ "SHELL", "/bin/sh"
          "TERM", "xterm-256color"
          "XDG_CACHE_HOME", Path.Combine(folder, "cache")
          "OMP_NUM_THREADS", "1" ]
        @ variables do
        info.Environment[name] <- value

    match Process.Start info with
    | null -> failtest "script does not start"
    | started ->
        use started = started
        test (Session(started, size))

/// The same to its end without a key.
let toEnd folder size variables line = run folder size variables line _.End()
