/// Standard output and error as they can be on any machine: closed, full, or a pipe that nobody reads.
module UbarFs.Cli.Streams

open System
open System.IO
open System.Runtime.InteropServices

module private Native =
    [<DllImport("libc", EntryPoint = "open", CharSet = CharSet.Ansi)>]
    extern int Open(string path, int flags)

    [<DllImport("libc", EntryPoint = "close")>]
    extern int Close(int descriptor)

    let readAndWrite = 2
    let standardError = 2

/// What goes to standard output cannot be written.
type OutputException(cause: exn) =
    inherit Exception(cause.Message, cause)

/// A writer to another one, with something done about what fails.
type private Guarded(inner: TextWriter, failed: exn -> unit) =
    inherit TextWriter()

    let attempt work =
        try
            work ()
        with
        | :? IOException
        | :? UnauthorizedAccessException
        | :? ArgumentException
        | :? InvalidOperationException
        | :? NotSupportedException as error ->
            // Which one it is depends on what has the stream's number.
            failed error

    override _.Encoding = inner.Encoding
    override _.Write(letter: char) = attempt (fun () -> inner.Write letter)
    override _.Write(text: string) = attempt (fun () -> inner.Write text)
    override _.Write(letters: char[], index: int, count: int) = attempt (fun () -> inner.Write(letters, index, count))
    override _.Flush() = attempt inner.Flush

// Where one of the three is closed, the next file that is opened takes its number, and what is printed.
let rec private openAll () =
    let descriptor = Native.Open("/dev/null", Native.readAndWrite)

    if descriptor > Native.standardError then
        Native.Close descriptor |> ignore
    elif descriptor >= 0 then
        openAll ()

/// Makes both streams safe to write to: what cannot be said on standard error is left unsaid, for nothing may be lost for
/// it; what cannot be written to standard output ends the command with an `OutputException`.
let guard () =
    if not (OperatingSystem.IsWindows()) then
        openAll ()

    Console.SetError(new Guarded(Console.Error, ignore))
    Console.SetOut(new Guarded(Console.Out, (fun error -> raise (OutputException error))))
