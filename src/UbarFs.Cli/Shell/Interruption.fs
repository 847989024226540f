/// What becomes of Ctrl-C and of SIGTERM while a command works.
module UbarFs.Cli.Interruption

open System
open System.Runtime.InteropServices
open System.Threading

module private Native =
    [<DllImport("libc", EntryPoint = "_exit")>]
    extern void Exit(int code)

/// Ends the process with an exit code. Not like Environment.Exit, which waits: this is for when something hangs.
let endAtOnce (code: int) =
    if OperatingSystem.IsWindows() then
        Environment.Exit code
    else
        Native.Exit code

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
            endAtOnce Exit.interrupted

    use _ = PosixSignalRegistration.Create(PosixSignal.SIGINT, stop)
    use _ = PosixSignalRegistration.Create(PosixSignal.SIGTERM, stop)
    work source.Token
