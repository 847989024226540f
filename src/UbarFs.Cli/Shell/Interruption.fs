/// What becomes of Ctrl-C and of SIGTERM while a command works.
module UbarFs.Cli.Interruption

open System
open System.Runtime.InteropServices
open System.Threading

module private Native =
    [<DllImport("libc", EntryPoint = "_exit")>]
    extern void Exit(int code)

// Not Environment.Exit, which waits: this is for when something hangs.
let private endAtOnce () =
    if OperatingSystem.IsWindows() then
        Environment.Exit Exit.interrupted
    else
        Native.Exit Exit.interrupted

/// Does some work that the first Ctrl-C or SIGTERM asks to stop, and says so in these words; the second ends the process
/// at once, whatever hangs.
let stoppable (saying: string) (work: CancellationToken -> 'result) : 'result =
    // Not disposed of: a signal may come at any moment.
    let source = new CancellationTokenSource()
    let asked = ref 0

    let stop (context: PosixSignalContext) =
        context.Cancel <- true

        if Interlocked.Increment asked = 1 then
            source.Cancel()
            Exit.complain saying
        else
            Live.close ()
            endAtOnce ()

    use _ = PosixSignalRegistration.Create(PosixSignal.SIGINT, stop)
    use _ = PosixSignalRegistration.Create(PosixSignal.SIGTERM, stop)
    work source.Token
