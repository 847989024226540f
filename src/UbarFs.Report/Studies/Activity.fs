namespace UbarFs.Report

open System
open UbarFs.Engine
open UbarFs.Scenario

/// A run that some process works on at this moment.
type Activity =
    {
        Id: string
        /// How much of it is done, in [0, 1]; none where the store does not say yet.
        Share: float option
        SecondsLeft: float option
        /// Who works on it.
        Holder: string
    }

[<RequireQualifiedAccess>]
module Activity =

    /// The share of a training that is done at a point, given the run's settings.
    let private shareAt (settings: Map<string, string>) (point: Point) =
        let ratio (did: float) key =
            match settings |> Map.tryFind key |> Option.map Int32.TryParse with
            | Some(true, whole) when whole > 0 -> Some(min 1.0 (did / float whole))
            | _ -> None

        ratio point.Epoch "training.epochs"
        |> Option.orElse (ratio (float point.Iteration) "training.iterations")

    /// What a store says of a run under way: how far it was at its latest evaluation, which was written at `measured`, and
    /// when it will be complete if it goes on as in this sitting.
    let ofStore (now: DateTimeOffset) (measured: DateTimeOffset) (holder: string) (record: RunRecord) (run: StudyRun) =
        let nothing = { Id = run.Identity.Id; Share = None; SecondsLeft = None; Holder = holder }

        match List.tryLast run.Points, List.tryLast record.Sittings with
        | Some last, Some sitting ->
            let share = shareAt run.Resolved last
            let elapsed = (measured - sitting.Started).TotalSeconds
            let did = float (last.Iteration - sitting.FromIteration) / float (max 1 last.Iteration)

            let left share =
                if elapsed < 1.0 || did <= 0.0 || share <= 0.0 then
                    None
                else
                    let remains = elapsed / (did * share) * (1.0 - share)
                    Some(max 0.0 (remains - (now - measured).TotalSeconds))

            { nothing with Share = share; SecondsLeft = Option.bind left share }
        | _ -> nothing

    /// The study with the runs under way said to be running: their records call them interrupted, as they would be if
    /// their processes ended now.
    let mark (activities: Activity list) (study: Study) : Study =
        let running = activities |> List.map _.Id |> Set.ofList

        let marked (run: StudyRun) =
            if running.Contains run.Identity.Id && run.Outcome.Status <> Status.Complete then
                { run with
                    StudyRun.Outcome.Status = Status.Running
                    StudyRun.Outcome.Reason = None }
            else
                run

        { study with Study.Runs = List.map marked study.Runs }
