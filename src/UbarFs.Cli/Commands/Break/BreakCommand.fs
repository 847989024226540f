/// `ubarfs break`: at which Byzantine ratio each rule of a scenario falls.
module UbarFs.Cli.BreakCommand

open System
open System.Diagnostics
open System.IO
open System.Text.Json
open System.Threading
open Argu
open FsToolkit.ErrorHandling
open Spectre.Console
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Cli.Arguments

/// How long the search goes on.
type private Budget = { Runs: int option; Time: TimeSpan option }

let private budget (arguments: ParseResults<BreakArguments>) : Result<Budget, string> =
    match arguments.TryGetResult Budget with
    | None -> Ok { Runs = None; Time = None }
    | Some text ->
        match Cadence.parse text with
        | Ok Cadence.Never -> Ok { Runs = None; Time = None }
        | Ok(Cadence.Iterations runs) -> Ok { Runs = Some runs; Time = None }
        | Ok(Cadence.Seconds seconds) -> Ok { Runs = None; Time = Some(TimeSpan.FromSeconds seconds) }
        | Error _ -> Error $"--budget is '{text}': expected a number of runs such as 200, or a time such as 20min"

/// What is known of the runs that were asked for, by their ids.
type private Known = Map<string, RunResult>

let private answer (plan: BreakPlan) (known: Known) (probe: Probe) : Answer =
    let accuracy id =
        match Map.tryFind id known with
        | None -> Error Answer.Unknown
        | Some result ->
            match result.Status, result.Record |> Option.bind _.WorstAccuracy with
            | Status.Complete, Some worst -> Ok worst
            | (Status.Failed | Status.Damaged | Status.MissingData), _ ->
                // The reason, which can be long, is told beside.
                Error(Answer.Without $"a run of it is not complete: {result.Status}")
            | _ -> Error Answer.Unknown

    match plan.RunsOf probe with
    | None -> Answer.Without "the scenario excludes its runs"
    | Some(run, baseline) ->
        match accuracy run, accuracy baseline with
        | Ok accuracy, Ok reference ->
            let pair = { Seed = probe.Seed; Accuracy = accuracy; Baseline = reference }

            if Comparison.isComparable plan.Question.Chance pair then
                Answer.Measured pair
            else
                Answer.Without
                    $"{plan.Subject.Baseline} learned too little to compare with in seed {probe.Seed}: train longer"
        | Error(Answer.Without reason), _
        | _, Error(Answer.Without reason) -> Answer.Without reason
        | _ -> Answer.Unknown

/// How the search ends.
[<RequireQualifiedAccess>]
type private Ending =
    | Found
    | BudgetSpent
    | Interrupted

let private find plan known rule = BreakingPoint.find (answer plan known) plan.Question rule

/// The runs that come next for all rules together, each once, in the order of the scenario.
let private wanted (plan: BreakPlan) (known: Known) : Run list =
    let needed =
        plan.Subject.Rules
        |> List.collect (fun (rule, _) ->
            match find plan known rule with
            | Search.Needs probes -> probes
            | Search.Found _ -> [])
        |> List.choose plan.RunsOf
        |> List.collect (fun (run, baseline) -> [ run; baseline ])
        |> Set.ofList

    plan.Runs
    |> List.filter (fun (id, _) -> needed.Contains id && not (known.ContainsKey id))
    |> List.map snd

let private isDone (result: RunResult) = result.Status <> Status.Pending && result.Status <> Status.Interrupted

/// Does some runs, with those that were looked at before beside them in the store.
let private perform (plan: BreakPlan) (session: Session) quiet (known: Known) (runs: Run list) : Known =
    let ids = runs |> List.map RunStore.id |> Set.ofList

    let looked =
        plan.Runs |> List.filter (fun (id, _) -> known.ContainsKey id || ids.Contains id) |> List.map snd

    let campaign = { plan.Planned.Campaign with Runs = looked }
    // Rounds before have told of the others.
    let isNew (result: RunResult) = ids.Contains(RunStore.id result.Run)

    let results =
        Progress.show quiet (Progress.Tracker runs) (fun notify ->
            let notify event =
                match event with
                | Event.Reused result when not (isNew result) -> ()
                | event -> notify event

            Session.run { session with Notify = notify } plan.Planned.Store campaign)

    results
    |> List.filter isDone
    |> List.map (fun result -> RunStore.id result.Run, result)
    |> Map.ofList

let private explore (plan: BreakPlan) session quiet budget (cancellation: CancellationToken) : Known * Ending =
    use stop = CancellationTokenSource.CreateLinkedTokenSource cancellation
    budget.Time |> Option.iter stop.CancelAfter
    let session = { session with Cancellation = stop.Token }

    let rec go (known: Known) =
        let all = wanted plan known

        let runs =
            match budget.Runs with
            | Some most -> List.truncate (most - known.Count |> max 0) all
            | None -> all

        if all.IsEmpty then
            known, Ending.Found
        elif cancellation.IsCancellationRequested then
            known, Ending.Interrupted
        elif stop.IsCancellationRequested || runs.IsEmpty then
            known, Ending.BudgetSpent
        else
            go (perform plan session quiet known runs)

    go Map.empty

let private breaking (plan: BreakPlan) (known: Known) : Breaking =
    { Name = plan.Subject.Name
      Baseline = plan.Subject.Baseline
      Question = plan.Question
      Benign = plan.Subject.Benign
      Liars = plan.Subject.Liars
      Findings =
        plan.Subject.Rules
        |> List.map (fun (rule, _) ->
            match find plan known rule with
            | Search.Found finding -> rule, finding
            | Search.Needs probes -> rule, Finding.Unfinished(probes |> List.map _.Place |> List.distinct |> List.sort))
      Runs = known |> Map.filter (fun _ result -> result.Status = Status.Complete) |> Map.count }

// ---- What is written

let private fileName (text: string) =
    text |> String.map (fun letter -> if Char.IsAsciiLetterOrDigit letter then letter else '-')

/// A scenario that shows where a rule falls, as a file to run.
let private witness (plan: BreakPlan) (folder: string) (breaking: Breaking) rule word (fallen: Confirmed) : string =
    let subject = plan.Subject
    let text label = subject.Rules |> List.find (fst >> (=) label) |> snd
    let kept = fallen.Comparison.Kept
    let percent (share: float) = $"%.0f{100.0 * share} %%"
    let ratio = percent (Breaking.ratio breaking fallen.Place)

    let rules = SearchScenario.withBaseline { subject with Rules = [ rule, text rule ] } |> List.distinct

    let attacks =
        if fallen.Place = 0 then
            [ subject.Absent ]
        else
            [ subject.Absent
              subject.Attacks |> List.find (fst >> (=) fallen.Attack) |> snd ]

    let under =
        if fallen.Place = 0 then
            "without an attack"
        else
            $"under {fallen.Attack}"

    let explanation =
        [ $"{rule} is {word} at a Byzantine ratio of {ratio} {under}:"
          $"it keeps {percent kept.Middle} ({percent kept.Low} to {percent kept.High}) of what {subject.Baseline} learns"
          $"without an attack, over {fallen.Comparison.Seeds} seeds." ]

    let liars = [ subject.Liars[max 0 (fallen.Place - 1)] ]
    let name = fileName $"{rule}-{word}"
    let file = Path.Combine(folder, name + ".yaml")
    Durable.writeText file (SearchScenario.text subject folder name explanation rules attacks liars)
    file

let private witnesses plan (folder: string) (breaking: Breaking) : string list =
    Directory.CreateDirectory folder |> ignore

    [ for rule, finding in breaking.Findings do
          match finding with
          | Finding.Points(degraded, destroyed) ->
              match degraded.Falls with
              | Some fallen -> witness plan folder breaking rule "degraded" fallen
              | None -> ()

              match destroyed.Falls with
              | Some fallen -> witness plan folder breaking rule "destroyed" fallen
              | None -> ()
          | _ -> () ]

let private write (plan: BreakPlan) format (breaking: Breaking) : string list =
    let folder = plan.Planned.Store.Folder
    let exported = BreakingFigure.exported breaking
    let files = Export.writeOne folder format exported
    let shown = witnesses plan (Path.Combine(folder, "scenarios")) breaking
    Study.tryLoad folder |> Option.iter Studies.writeReport
    files @ shown @ [ Path.Combine(folder, "report.html") ]

let private print (arguments: ParseResults<BreakArguments>) (breaking: Breaking) (files: string list) =
    if arguments.Contains BreakArguments.Json then
        printfn "%s" ((Breaking.json breaking).ToJsonString(JsonSerializerOptions(WriteIndented = true)))
    else
        let console = Tables.console ()
        let title = TableTitle(Markup.Escape $"{breaking.Name}: breaking points")
        let table = Table(Title = title, Border = TableBorder.Rounded)
        Breaking.headings |> List.iter (fun heading -> table.AddColumn heading |> ignore)

        for row in Breaking.rows breaking do
            table.AddRow(row |> List.map Markup.Escape |> Array.ofList) |> ignore

        Tables.print console table
        Breaking.caption breaking |> List.iter console.WriteLine
        files |> List.iter (printfn "%s")

let private search (arguments: ParseResults<BreakArguments>) budget format (plan: BreakPlan) session : int =
    try
        let known, ending =
            Interruption.stoppable RunCommand.stopping (fun cancellation ->
                explore plan session (arguments.Contains BreakArguments.Quiet) budget cancellation)

        let breaking = breaking plan known
        print arguments breaking (write plan format breaking)
        let results = known |> Map.toList |> List.map snd
        RunCommand.tellFailures session results

        match ending with
        | Ending.Found when results |> List.exists (fun result -> result.Status <> Status.Complete) -> Exit.runFailed
        | Ending.Found -> Exit.done'
        | Ending.BudgetSpent ->
            Exit.complain "the budget is spent before the search's end: the same command with a larger one goes on"
            Exit.runFailed
        | Ending.Interrupted ->
            Exit.complain "interrupted: the same command goes on from here"
            Exit.interrupted
    with
    | :? IOException
    | :? UnauthorizedAccessException as error ->
        let reason = error.Message.TrimEnd '.'
        Exit.complain $"the results cannot be written: {reason}. What is complete is not done again."
        Exit.runFailed

let run (arguments: ParseResults<BreakArguments>) : int =
    let prepare (runArguments: ParseResults<RunArguments>) =
        result {
            let! allowance = RunCommand.allowance runArguments |> Result.mapError Exit.refuse
            let workers = new Workers(RunCommand.forWorkers runArguments, allowance)
            let! plan = RunPlan.ofArgumentsWarning false workers.Permit runArguments

            let plan = { plan with RunPlan.Session = { plan.Session with Delegate = Some workers } }

            return plan, (workers :> IDisposable)
        }

    let prepared =
        result {
            let! budget = budget arguments |> Result.mapError Exit.refuse

            let! format =
                FigureArguments.format (arguments.GetResult(BreakArguments.Format, "svg"))
                |> Result.mapError Exit.refuse

            let! plan, held = BreakPlan.ofArguments arguments prepare
            use _ = held
            return search arguments budget format plan plan.Run.Session
        }

    Result.either id id prepared
