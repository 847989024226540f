/// Progress of runs on standard error: live on a terminal, plain lines elsewhere.
module UbarFs.Cli.Progress

open System
open System.Collections.Generic
open System.Diagnostics
open UbarFs.Engine
open UbarFs.Core
open UbarFs.Scenario

let private percent (accuracy: float) = $"%.1f{100.0 * accuracy} %%"

let private epochs (schedule: Schedule) iterations =
    let total = Schedule.allEpochs schedule
    $"epoch {min total (Schedule.epoch schedule iterations)}/{total}"

let private reason (result: RunResult) =
    result.Record
    |> Option.bind _.Reason
    |> Option.map (fun reason -> ": " + reason)
    |> Option.defaultValue ""

let private isDiverged (result: RunResult) = result.Record |> Option.bind _.Diverged = Some true

let private outcome (result: RunResult) =
    match result.Status, result.Record |> Option.bind _.WorstAccuracy with
    | Status.Complete, Some worst when isDiverged result -> $"complete, diverged, worst accuracy {percent worst}"
    | Status.Complete, Some worst -> $"complete, worst accuracy {percent worst}"
    // How to get the data is told once, at the end.
    | Status.MissingData, _ -> string Status.MissingData
    | status, _ -> string status + reason result

let private title (run: Run) = $"{run.Scenario}: {Run.label run}"

let private others (held: (Run * Holder option) list) =
    let who =
        held
        |> List.choose snd
        |> List.map string
        |> List.distinct
        |> function
            | [] -> "another process"
            | holders -> String.concat ", " holders

    $"waiting for {held.Length} runs that {who} works on"

let private beginning (schedule: Schedule) from =
    if from = 0 then
        $"{schedule.Iterations} iterations"
    else
        $"goes on after iteration {from} of {schedule.Iterations}"

/// One line per start, end and (at most every few seconds) evaluation.
let private plain (total: int) : Event -> unit =
    let mutable latest = 0
    let numbers = Dictionary<Run, int>(HashIdentity.Reference)
    let lastLine = Stopwatch()
    let line run text = eprintfn "[%d/%d] %s" (numbers.GetValueOrDefault(run, latest)) total text

    let count run =
        if numbers.TryAdd(run, latest + 1) then
            latest <- latest + 1

    // Side by side, a line has to say whose it is.
    let indented run text =
        line
            run
            (if numbers[run] = latest then
                 $"  {text}"
             else
                 $"  {Run.label run}: {text}")

    function
    | Event.Started(run, schedule, from) ->
        count run
        lastLine.Restart()
        line run $"{title run}: {beginning schedule from}"
    | Event.Evaluated(run, schedule, iterations, worst) when lastLine.Elapsed.TotalSeconds >= 2.0 ->
        lastLine.Restart()
        indented run $"{epochs schedule iterations}, worst accuracy {percent worst}"
    | Event.Evaluated _
    | Event.Iterated _ -> ()
    | Event.Noticed(run, text) -> Exit.complain $"{title run}: {text}"
    | Event.Ended result ->
        if numbers.ContainsKey result.Run then
            indented result.Run (outcome result)
        else
            count result.Run
            line result.Run $"{title result.Run}: {outcome result}"
    | Event.Reused result ->
        count result.Run
        line result.Run $"{title result.Run}: {outcome result} (from the store)"
    | Event.Waiting held -> Exit.complain (others held)

/// What stays on a terminal, above the bars. Failures are told in full at the end, and so is where missing data belong.
let private tell (event: Event) =
    match event with
    | Event.Noticed(run, text) -> Exit.complain $"{title run}: {text}"
    | Event.Ended result when result.Status = Status.Failed || isDiverged result ->
        let first = (outcome result).ReplaceLineEndings("\n").Split('\n')[0]
        Exit.complain $"{title result.Run}: {first}"
    | Event.Waiting held -> Exit.complain (others held)
    | _ -> ()

let private clock = Stopwatch.StartNew()
let private now () = clock.Elapsed.TotalSeconds

// A terminal shows no line for a run that was complete before.
let private tellReused reused total =
    if reused > 0 then
        let whole =
            if reused = total then
                ": nothing was run"
            else
                ", and were not run again"

        Exit.complain $"{reused} of {total} runs were complete in the store{whole}"

/// How far the runs of a command are, for everything that shows it.
type Tracker(runs: Run list) =
    let gate = obj ()
    let mutable state = Underway.start runs.Length

    member _.Runs = runs
    member _.Take(event: Event) = lock gate (fun () -> state <- Underway.take (now ()) event state)

    /// The state, and the time to look at it with.
    member _.Now = lock gate (fun () -> now (), state)

/// Runs the work, which gets the function that takes its events, with the progress that fits standard error.
let show (quiet: bool) (tracker: Tracker) (work: (Event -> unit) -> 'result) : 'result =
    let tracked take event =
        tracker.Take event
        take event

    if quiet then
        work (tracked ignore)
    elif Terminal.isLive () then
        let labels = RunLabels.create tracker.Runs

        let lines () =
            let now, state = tracker.Now
            Bars.lines labels (Terminal.room ()) now state

        let mutable reused = 0

        let counted event =
            match event with
            | Event.Reused _ -> Threading.Interlocked.Increment &reused |> ignore
            | _ -> ()

            tell event

        let result = Live.during lines (fun () -> work (tracked counted))
        tellReused reused tracker.Runs.Length
        result
    else
        work (tracked (plain tracker.Runs.Length))
