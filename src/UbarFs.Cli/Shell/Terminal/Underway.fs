namespace UbarFs.Cli

open UbarFs.Engine
open UbarFs.Core
open UbarFs.Scenario

/// How far a run is that this process works on.
type RunProgress =
    {
        Run: Run
        Schedule: Schedule
        /// Iterations that were done before this process took it up.
        From: int
        Iterations: int
        /// The worst accuracy of the latest evaluation, as a fraction.
        Worst: float option
        /// When it was taken up, in seconds.
        Since: float
    }

    member run.Share = float run.Iterations / float (max 1 run.Schedule.Iterations)

/// How far the runs of a command are.
type Underway =
    {
        Total: int
        /// Complete, failed or reused.
        Finished: int
        /// In the order in which they were taken up.
        Runs: RunProgress list
        /// What this process has computed of the runs that have ended, in runs.
        Computed: float
        /// When the first run was taken up, in seconds.
        Since: float option
    }

[<RequireQualifiedAccess>]
module Underway =

    let start total : Underway = { Total = total; Finished = 0; Runs = []; Computed = 0.0; Since = None }

    let private isOf (run: Run) (progress: RunProgress) = obj.ReferenceEquals(progress.Run, run)

    let private change run change (state: Underway) : Underway =
        { state with
            Runs = state.Runs |> List.map (fun progress -> if isOf run progress then change progress else progress) }

    let private computed (progress: RunProgress) =
        float (progress.Iterations - progress.From) / float (max 1 progress.Schedule.Iterations)

    let private without run (state: Underway) : Underway =
        let ended, others = state.Runs |> List.partition (isOf run)

        { state with
            Runs = others
            Computed = state.Computed + List.sumBy computed ended }

    /// What an event at a time (in seconds, from anywhere) makes of it.
    let take (now: float) (event: Event) (state: Underway) : Underway =
        match event with
        | Event.Started(run, schedule, from) ->
            let progress: RunProgress =
                { Run = run
                  Schedule = schedule
                  From = from
                  Iterations = from
                  Worst = None
                  Since = now }

            let others = without run state

            { others with
                Runs = others.Runs @ [ progress ]
                Since = Some(Option.defaultValue now state.Since) }
        | Event.Iterated(run, iterations) ->
            state |> change run (fun progress -> { progress with Iterations = iterations })
        | Event.Evaluated(run, _, iterations, worst) ->
            state |> change run (fun progress -> { progress with Iterations = iterations; Worst = Some worst })
        | Event.Ended result
        | Event.Reused result -> { without result.Run state with Finished = state.Finished + 1 }
        | Event.Noticed _
        | Event.Waiting _ -> state

    // What the first moments say of the rest is too rough to be told.
    let private leftAfter elapsed did remains =
        if elapsed < 1.0 || did <= 0.0 then
            None
        else
            Some(elapsed * remains / did)

    /// Seconds until a run is complete if it goes on like this; none where that is not known yet.
    let secondsLeft now (progress: RunProgress) =
        let remains = float (progress.Schedule.Iterations - progress.Iterations)

        leftAfter (now - progress.Since) (float (progress.Iterations - progress.From)) remains

    /// The share of all runs that is done, in [0, 1].
    let share (state: Underway) =
        if state.Total = 0 then
            1.0
        else
            (float state.Finished + List.sumBy (fun (run: RunProgress) -> run.Share) state.Runs)
            / float state.Total

    /// Seconds until all runs are complete if the others take as long as those that this process has computed.
    let allSecondsLeft now (state: Underway) =
        let did = state.Computed + List.sumBy computed state.Runs
        let remains = float state.Total * (1.0 - share state)
        state.Since |> Option.bind (fun since -> leftAfter (now - since) did remains)
