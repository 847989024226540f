/// The process that does runs with code of the user's own for another one: what that code does hurts nobody else.
module UbarFs.Cli.Worker

open System
open System.Collections.Concurrent
open System.Diagnostics
open System.IO
open System.IO.Pipes
open System.Runtime.InteropServices
open System.Text
open System.Text.Json
open System.Threading
open Argu
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Cli.Arguments

/// The variable that tells it the pipe to speak through, and how many bytes of memory and seconds for a call it has.
[<Literal>]
let Variable = "UBARFS_WORKER"

module private Native =
    [<DllImport("libc", EntryPoint = "fcntl")>]
    extern int Control(int descriptor, int command, int flags)

    let setFlags = 2
    let closeOnExec = 1

// What the code starts must not keep the pipe open.
let private keepToItself (handle: string) =
    if not (OperatingSystem.IsWindows()) then
        Native.Control(int handle, Native.setFlags, Native.closeOnExec) |> ignore

// Whoever delegates decides when to stop; signals to all processes of a terminal are for it. A registration that nobody
// holds ends with the next collection of garbage.
let private leaveSignals () : PosixSignalRegistration list =
    [ PosixSignal.SIGINT
      PosixSignal.SIGTERM
      PosixSignal.SIGHUP
      PosixSignal.SIGQUIT ]
    |> List.map (fun signal -> PosixSignalRegistration.Create(signal, (fun context -> context.Cancel <- true)))

// Where memory runs out, the system is to end this process first.
let private volunteer () =
    try
        if OperatingSystem.IsLinux() then
            File.WriteAllText("/proc/self/oom_score_adj", "1000")
    with
    | :? IOException
    | :? UnauthorizedAccessException -> ()

/// The words of this process, one line at a time.
type private Speaker(pipe: Stream) =
    let writer = new StreamWriter(pipe, UTF8Encoding false, AutoFlush = true, NewLine = "\n")

    member _.Say(word: Word) =
        try
            lock writer (fun () -> writer.WriteLine(Protocol.write word))
        with :? IOException ->
            // Nobody is there any more to whom anything could be said.
            Interruption.endAtOnce Exit.runFailed

let private betweenLooks = 50

/// Ends the process when a call takes too long, or all of it too much memory.
let private watch (speaker: Speaker) (memory: int64) (patience: TimeSpan) =
    let look () =
        while true do
            Thread.Sleep betweenLooks

            match Calls.overdue patience with
            | Some callee ->
                speaker.Say(Word.Overdue callee)
                Interruption.endAtOnce Exit.runFailed
            | None -> ()

            let taken = Environment.WorkingSet

            if taken > memory then
                speaker.Say(Word.TooLarge taken)
                Interruption.endAtOnce Exit.runFailed

    Thread(look, IsBackground = true, Name = "watch").Start()

type private Request = { Id: string; Folder: string }

/// Hears what is asked for. The other one's end is the end of this one, too.
let private listen (requests: BlockingCollection<Request>) (stop: CancellationTokenSource) =
    let input = new StreamReader(Console.OpenStandardInput(), UTF8Encoding false)

    let rec hear () =
        match input.ReadLine() with
        | null -> Interruption.endAtOnce Exit.done'
        | Protocol.Stop -> stop.Cancel()
        | line ->
            match line.Split(' ', 3) with
            | [| Protocol.Run; id; folder |] ->
                let folder = JsonSerializer.Deserialize<string> folder |> string
                requests.Add { Id = id; Folder = folder }
            | _ -> ()

        hear ()

    Thread(hear, IsBackground = true, Name = "requests").Start()

let private betweenWords = TimeSpan.FromMilliseconds 50.0

// The code may have closed these.
let private endPrinting () =
    for writer in [ Console.Out; Console.Error ] do
        try
            writer.WriteLine Protocol.EndOfRun
            writer.Flush()
        with
        | :? IOException
        | :? ObjectDisposedException -> ()

/// Does what is asked for, for ever.
let private serve (plan: RunPlan) (speaker: Speaker) (requests: BlockingCollection<Request>) cancellation =
    let mutable latest = 0L

    let notify event =
        match event with
        | Event.Started(_, schedule, from) -> speaker.Say(Word.Started(schedule, from))
        | Event.Iterated(_, iterations) when Stopwatch.GetElapsedTime latest > betweenWords ->
            latest <- Stopwatch.GetTimestamp()
            speaker.Say(Word.Iterated iterations)
        | Event.Evaluated(_, schedule, iterations, worst) -> speaker.Say(Word.Evaluated(schedule, iterations, worst))
        | Event.Noticed(_, text) -> speaker.Say(Word.Noticed text)
        | _ -> ()

    let session = { plan.Session with Notify = notify; Cancellation = cancellation }

    let known =
        [ for planned in plan.Planned do
              let ledger = Ledger(planned.Store, planned.Campaign)

              for run in planned.Campaign.Runs do
                  { Id = RunStore.id run; Folder = planned.Store.Folder }, (ledger, run) ]
        |> dict

    for request in requests.GetConsumingEnumerable() do
        let deed =
            match known.TryGetValue request with
            | true, (ledger, run) -> Session.perform session ledger run
            | false, _ -> Deed.Broken "the scenario has changed since it was read"

        endPrinting ()
        speaker.Say(Word.Ended deed)

/// `ubarfs worker …`: what `ubarfs run` calls with its own arguments.
let run (arguments: ParseResults<RunArguments>) : int =
    match Environment.GetEnvironmentVariable Variable |> Option.ofObj |> Option.map _.Split(' ') with
    | Some [| handle; memory; seconds |] ->
        Environment.SetEnvironmentVariable(Variable, null)
        keepToItself handle
        let left = leaveSignals ()
        volunteer ()
        use pipe = new AnonymousPipeClientStream(PipeDirection.Out, handle)
        let speaker = Speaker pipe
        // Requests are no answers to what code asks.
        Console.SetIn TextReader.Null
        use requests = new BlockingCollection<Request>()
        use stop = new CancellationTokenSource()
        listen requests stop
        watch speaker (int64 memory) (TimeSpan.FromSeconds(float seconds))

        let permit file =
            speaker.Say(Word.Loading file)
            Ok()

        try
            match RunPlan.ofArgumentsWarning false permit arguments with
            | Error code -> code
            | Ok plan ->
                speaker.Say Word.Ready
                serve plan speaker requests stop.Token
                Exit.done'
        finally
            left |> List.iter _.Dispose()
    | _ -> Exit.refuse "'ubarfs worker' is what 'ubarfs run' calls for scenarios with code of your own; call that"
