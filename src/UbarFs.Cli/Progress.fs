/// Progress on standard error: live on a terminal, plain lines elsewhere.
module UbarFs.Cli.Progress

open System
open System.Collections.Generic
open System.Diagnostics
open System.Threading
open Spectre.Console
open UbarFs.Engine
open UbarFs.Scenario

let private percent (accuracy: float) = $"%.1f{100.0 * accuracy} %%"

let private epochs (schedule: Schedule) iterations =
    let total = (schedule.Iterations + schedule.PerEpoch - 1) / schedule.PerEpoch
    $"epoch {min total (iterations / schedule.PerEpoch)}/{total}"

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

let private beginning schedule from =
    if from = 0 then
        $"{schedule.Iterations} iterations"
    else
        $"goes on after iteration {from} of {schedule.Iterations}"

/// One line per start, end and (at most every few seconds) evaluation.
let plain (total: int) : Event -> unit =
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
    | Event.Evaluated(run, schedule, evaluation) when lastLine.Elapsed.TotalSeconds >= 2.0 ->
        lastLine.Restart()
        indented run $"{epochs schedule evaluation.Iterations}, worst accuracy {percent evaluation.Worst}"
    | Event.Evaluated _
    | Event.Iterated _ -> ()
    | Event.Noticed(run, text) -> eprintfn "ubarfs: %s: %s" (title run) text
    | Event.Ended result ->
        if numbers.ContainsKey result.Run then
            indented result.Run (outcome result)
        else
            count result.Run
            line result.Run $"{title result.Run}: {outcome result}"
    | Event.Reused result ->
        count result.Run
        line result.Run $"{title result.Run}: {outcome result} (from the store)"
    | Event.Waiting held -> eprintfn "ubarfs: %s" (others held)

let private stopping = "ubarfs: stopping after this iteration (once more to stop now)"

/// The bars of a screen: one for all runs, and one for each that is under way.
type private Bars(console: IAnsiConsole, context: ProgressContext, total: int) =
    let all = context.AddTask($"runs 0/{total}", maxValue = float total)
    let current = Dictionary<Run, ProgressTask>(HashIdentity.Reference)
    let mutable finished = 0
    let describe (task: ProgressTask) text = task.Description <- Markup.Escape text
    let say text = console.MarkupLineInterpolated $"{text}"

    let show (run: Run) text =
        match current.TryGetValue run with
        | true, task -> describe task $"{run.Rule.Name}, {Run.attackLabel run}: {text}"
        | false, _ -> ()

    let progress () =
        let parts = current.Values |> Seq.sumBy (fun task -> task.Value / task.MaxValue)
        all.Value <- float finished + parts
        describe all $"runs {finished}/{total}"

    let completed (run: Run) =
        match current.TryGetValue run with
        | true, task ->
            current.Remove run |> ignore
            context.RemoveTask task |> ignore
        | false, _ -> ()

        finished <- finished + 1
        progress ()

    member _.Take(event: Event) =
        match event with
        | Event.Started(run, schedule, from) ->
            current[run] <- context.AddTask("", maxValue = float (max 1 schedule.Iterations))
            current[run].Value <- float from
            show run (epochs schedule from)
        | Event.Iterated(run, count) ->
            current[run].Value <- float count
            progress ()
        | Event.Evaluated(run, schedule, evaluation) ->
            show run $"{epochs schedule evaluation.Iterations}, worst {percent evaluation.Worst}"
        | Event.Noticed(run, text) -> say $"{title run}: {text}"
        | Event.Ended result ->
            completed result.Run

            if result.Status <> Status.Complete || isDiverged result then
                say $"{title result.Run}: {outcome result}"
        | Event.Reused result -> completed result.Run
        | Event.Waiting held -> say (others held)

/// Live bars. The task gets the function that takes the events.
let live (stop: CancellationToken) (total: int) (work: (Event -> unit) -> 'result) : 'result =
    let console = AnsiConsole.Create(AnsiConsoleSettings(Out = AnsiConsoleOutput Console.Error))

    let columns: ProgressColumn[] =
        [| TaskDescriptionColumn(Alignment = Justify.Left)
           ProgressBarColumn(Width = 16)
           PercentageColumn()
           RemainingTimeColumn() |]

    console
        .Progress(AutoClear = true)
        .Columns(columns)
        .Start(fun context ->
            // Anything that the console does not know of would tear the bars apart.
            use _ = stop.Register(fun () -> console.WriteLine stopping)
            work (Bars(console, context, total).Take))

/// Runs the work with the progress that fits standard error, and says so when it is asked to stop.
let show (quiet: bool) (stop: CancellationToken) (total: int) (work: (Event -> unit) -> 'result) : 'result =
    if quiet || Console.IsErrorRedirected then
        use _ = stop.Register(fun () -> eprintfn "%s" stopping)
        work (if quiet then ignore else plain total)
    else
        live stop total work
