/// What is at the other end of standard error.
module UbarFs.Cli.Terminal

open System
open System.IO
open System.Runtime.InteropServices
open System.Threading
open Spectre.Console

/// In cells.
type Size = { Columns: int; Rows: int }

module private Native =
    [<Struct; StructLayout(LayoutKind.Sequential)>]
    type WindowSize =
        val Rows: uint16
        val Columns: uint16
        val Width: uint16
        val Height: uint16

    [<DllImport("libc", EntryPoint = "ioctl")>]
    extern int WindowSizeOf(int descriptor, unativeint request, WindowSize& size)

    [<DllImport("libc", EntryPoint = "write", SetLastError = true)>]
    extern nativeint Write(int descriptor, nativeint bytes, unativeint count)

    let tiocgwinsz = 0x5413un
    let interrupted = 4
    let full = if OperatingSystem.IsMacOS() then 35 else 11
    let standardError = 2

let private usual = { Columns = 80; Rows = 24 }

// .NET measures the terminal of standard output, and guesses where that is a file.
let private measured () =
    if OperatingSystem.IsLinux() then
        let mutable size = Native.WindowSize()

        if Native.WindowSizeOf(Native.standardError, Native.tiocgwinsz, &size) = 0 then
            { Columns = int size.Columns; Rows = int size.Rows }
        else
            usual
    else
        try
            { Columns = Console.WindowWidth; Rows = Console.WindowHeight }
        with
        | :? IOException
        | :? PlatformNotSupportedException -> usual

/// The size of the terminal at this moment; what is usual where it does not say.
let size () =
    let size = measured ()

    { Columns = if size.Columns > 0 then size.Columns else usual.Columns
      Rows = if size.Rows > 0 then size.Rows else usual.Rows }

/// The cells that lines at the foot of the terminal may take: a terminal shows what is typed behind the last of them, such
/// as ^C twice, and that must not begin another row.
let room () =
    let size = size ()
    { size with Columns = size.Columns - min 4 (size.Columns / 5) }

let private variable name =
    Environment.GetEnvironmentVariable name |> Option.ofObj |> Option.defaultValue ""

// Asking Spectre.Console is what makes Windows understand control sequences.
let private understandsMovement () =
    if OperatingSystem.IsWindows() then
        AnsiConsole.Create(AnsiConsoleSettings(Out = AnsiConsoleOutput Console.Error)).Profile.Capabilities.Ansi
    else
        not (List.contains (variable "TERM") [ ""; "dumb"; "unknown" ])

/// Writes everything, as soon as there is room; a terminal that has gone away is nobody's failure.
let private writeAll (bytes: byte[]) =
    let pinned = GCHandle.Alloc(bytes, GCHandleType.Pinned)

    let rec from position =
        if position < bytes.Length then
            let rest = pinned.AddrOfPinnedObject() + nativeint position
            let count = Native.Write(Native.standardError, rest, unativeint (bytes.Length - position))

            if count >= 0n then
                from (position + int count)
            else
                match Marshal.GetLastPInvokeError() with
                | error when error = Native.interrupted -> from position
                | error when error = Native.full ->
                    Thread.Sleep 1
                    from position
                | _ -> ()

    try
        from 0
    finally
        pinned.Free()

/// Writes to standard error under no lock but the caller's: .NET's own streams take that of `Console.Out` for each write,
/// and whoever prints through a writer of ours holds it already while he waits for the screen.
let write (text: string) =
    if OperatingSystem.IsWindows() then
        use errors = Console.OpenStandardError()
        errors.Write(Text.Encoding.UTF8.GetBytes text)
    else
        writeAll (Text.Encoding.UTF8.GetBytes text)

/// Whether text that was written can be replaced by other text.
let isLive () = not Console.IsErrorRedirected && understandsMovement ()

/// Whether colours are welcome (https://no-color.org).
let hasColours () = isLive () && variable "NO_COLOR" = ""
