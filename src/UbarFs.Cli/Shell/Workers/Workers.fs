namespace UbarFs.Cli

open System
open System.Collections.Concurrent
open System.Diagnostics
open System.IO
open System.IO.Pipes
open System.Text
open System.Text.Json
open System.Threading
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario

/// What processes that run code of the user's own are allowed.
type Allowance =
    {
        /// How long one call may take, and loading; none: for ever.
        Patience: TimeSpan option
        /// Bytes of memory of one process.
        Memory: int64
    }

/// Another process of this program, which does runs one after the other.
type private Hand(arguments: string list, allowance: Allowance) =
    static let starting = obj ()
    let pipe = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.Inheritable)
    let words = new StreamReader(pipe, UTF8Encoding false)
    let said = ConcurrentQueue<string>()
    let lastWords = ConcurrentQueue<string>()
    let mutable isReady = false

    // Compiling takes its time on a busy machine.
    let loading = allowance.Patience |> Option.map (max (TimeSpan.FromMinutes 2.0))

    // A trace of a stack that overflowed can have a hundred thousand lines.
    let longestTrace = 400

    let ends = new SemaphoreSlim 0
    let closed = new CountdownEvent 2
    let mutable heard = 0

    let rec hear (line: string) =
        heard <- heard + 1

        if line.EndsWith(Protocol.EndOfRun, StringComparison.Ordinal) then
            // What has no end of its own.
            let rest = line.Substring(0, line.Length - Protocol.EndOfRun.Length)

            if rest <> "" then
                hear rest

            ends.Release() |> ignore
        elif Crash.begins line || not lastWords.IsEmpty then
            if lastWords.Count < longestTrace then
                lastWords.Enqueue line
        elif isReady then
            eprintfn "%s" line
        elif said.Count < longestTrace then
            said.Enqueue line

    // Where `dotnet` runs the program, it is told which.
    let own =
        let program = string Environment.ProcessPath

        if Path.GetFileNameWithoutExtension program = "dotnet" then
            program, [ Environment.GetCommandLineArgs()[0] ]
        else
            program, []

    let start () =
        let program, before = own
        let info = ProcessStartInfo(program, before @ "worker" :: arguments)
        info.RedirectStandardInput <- true
        info.RedirectStandardOutput <- true
        info.RedirectStandardError <- true

        let seconds =
            match allowance.Patience with
            | Some patience -> patience.TotalSeconds
            | None -> TimeSpan.FromDays(1000.0).TotalSeconds

        info.Environment[Worker.Variable] <- $"{pipe.GetClientHandleAsString()} {allowance.Memory} %.3f{seconds}"

        // Nobody else is to inherit the other end of the pipe.
        lock starting (fun () ->
            let started = Process.Start info |> nonNull
            pipe.DisposeLocalCopyOfClientHandle()
            started)

    let running = start ()

    do
        let relay (line: string | null) =
            match line with
            | null -> closed.Signal() |> ignore
            | line -> hear line

        running.OutputDataReceived.Add(fun line -> relay line.Data)
        running.ErrorDataReceived.Add(fun line -> relay line.Data)
        running.BeginOutputReadLine()
        running.BeginErrorReadLine()

    let say (line: string) =
        try
            running.StandardInput.WriteLine line
            running.StandardInput.Flush()
        with :? IOException ->
            () // It has ended, and says no more either.

    /// The next word; none when it has ended.
    let next () : Word option =
        try
            words.ReadLine() |> Option.ofObj |> Option.map Protocol.read
        with :? IOException ->
            None

    /// Waits for what the run's code printed last, as long as more of it comes: code that closes its output has no end
    /// there.
    let settle () =
        let rec awaitEnd () =
            let before = heard

            if not (ends.Wait 500) && heard <> before then
                awaitEnd ()

        awaitEnd ()
        awaitEnd ()

    /// The exit code, once it has said its last word. What it has started can keep its output open, and is not waited for.
    let ended () =
        if not (running.WaitForExit 5000) then
            running.Kill true
            running.WaitForExit 5000 |> ignore

        closed.Wait 1000 |> ignore
        running.ExitCode

    /// Waits until it has read the scenarios. Otherwise there are the file whose code it was about to run, and what it died
    /// of; none if it said itself what is wrong with the command.
    member _.AwaitReady() : Result<unit, (string * string) option> =
        let mutable isLate = false

        let giveUp _ =
            isLate <- true
            running.Kill true

        use _ =
            match loading with
            | Some patience -> new Timer(giveUp, null, patience, Timeout.InfiniteTimeSpan)
            | None -> new Timer(giveUp)

        let rec await file =
            match next () with
            | Some(Word.Loading file) -> await file
            | Some Word.Ready ->
                isReady <- true
                Ok()
            | Some _ -> await file
            | None ->
                match ended () with
                | _ when isLate -> Error(Some(file, "it is not loaded in the time that --rule-timeout allows"))
                | code when code = Exit.badUsage && lastWords.IsEmpty -> Error None
                | code ->
                    for line in said do
                        eprintfn "%s" line

                    Error(Some(file, $"its process {Crash.reason code (List.ofSeq lastWords)} as it was loaded"))

        await ""

    /// Has a run done in which these may be to blame. Fails if the process has ended, with the reason; without one if
    /// somebody has asked all to stop.
    member _.Do(store: RunStore, run: Run, culprits, notify: Event -> unit, cancellation: CancellationToken) =
        use _ = cancellation.Register(fun () -> say Protocol.Stop)
        say $"{Protocol.Run} {RunStore.id run} {JsonSerializer.Serialize store.Folder}"

        let rec follow (reason: string option) =
            match next () with
            | Some(Word.Ended deed) ->
                settle ()
                Ok deed
            | Some word ->
                match word with
                | Word.Started(schedule, from) -> notify (Event.Started(run, schedule, from))
                | Word.Iterated iterations -> notify (Event.Iterated(run, iterations))
                | Word.Evaluated(schedule, iterations, worst) ->
                    notify (Event.Evaluated(run, schedule, iterations, worst))
                | Word.Noticed text -> notify (Event.Noticed(run, text))
                | _ -> ()

                match word with
                | Word.Overdue callee -> follow (Some $"{callee}: no answer in the time that --rule-timeout allows")
                | Word.TooLarge bytes ->
                    let gibibytes = float bytes / 1024.0 ** 3.0

                    follow (
                        Some $"{culprits}: its process takes %.1f{gibibytes} GiB of memory; --rule-memory allows more"
                    )
                | _ -> follow reason
            | None ->
                match ended (), reason with
                | code, None when Crash.wasAsked code && cancellation.IsCancellationRequested -> Error None
                | _, Some reason -> Error(Some reason)
                | code, None -> Error(Some $"{culprits}: its process {Crash.reason code (List.ofSeq lastWords)}")

        follow None

    interface IDisposable with
        member _.Dispose() =
            running.StandardInput.Close()

            if not (running.WaitForExit 2000) then
                running.Kill true

            running.Dispose()
            pipe.Dispose()

/// The processes that do the runs with code of the user's own, started as they are needed and used again.
type Workers(arguments: string list, allowance: Allowance) =
    let idle = ConcurrentBag<Hand>()

    let isCode (chosen: Chosen<'value>) = chosen.Code.IsSome || chosen.Parts |> List.exists _.Code.IsSome

    let start () =
        let hand = new Hand(arguments, allowance)

        match hand.AwaitReady() with
        | Ok() -> Ok hand
        | Error problem ->
            (hand :> IDisposable).Dispose()
            Error problem

    // The first one shows what loading the code leads to, before this process does the same.
    let first =
        lazy
            (match start () with
             | Ok hand ->
                 idle.Add hand
                 Ok()
             | Error None -> Ok()
             | Error(Some(file, problem)) -> Error(Diagnostic.fileError file problem))

    let rented () =
        match idle.TryTake() with
        | true, hand -> Ok hand
        | false, _ ->
            start ()
            |> Result.mapError (function
                | Some(file, problem) -> $"{file}: {problem}"
                | None -> "another process of ubarfs could not be prepared for it")

    let culprits (run: Run) =
        [ if isCode run.Rule then
              $"rule '{Chosen.label run.Rule}'"
          for attack in run.Attacks do
              if isCode attack then
                  $"attack '{Chosen.label attack}'" ]
        |> String.concat " or "

    /// Whether code of files may run in this process.
    member _.Permit(_: string) : Result<unit, Diagnostic> = first.Value

    interface IDelegate with
        member _.Takes run = isCode run.Rule || run.Attacks |> List.exists isCode

        member _.Do(store, run, notify, cancellation) =
            match rented () with
            | Error reason -> Deed.Broken reason
            | Ok hand ->
                match hand.Do(store, run, culprits run, notify, cancellation) with
                | Ok deed ->
                    idle.Add hand
                    deed
                | Error reason ->
                    (hand :> IDisposable).Dispose()
                    reason |> Option.map Deed.Broken |> Option.defaultValue Deed.Lost

    interface IDisposable with
        member _.Dispose() =
            for hand in idle do
                (hand :> IDisposable).Dispose()
