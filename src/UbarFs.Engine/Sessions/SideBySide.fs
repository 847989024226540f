namespace UbarFs.Engine

open System
open System.Diagnostics
open System.Runtime.ExceptionServices
open System.Threading

/// What came of an attempt to do an item.
[<RequireQualifiedAccess>]
type Turn =
    | Done
    /// Somebody else is at it: it has to be looked at again.
    | Later

/// Items that are done side by side, in order as far as that is possible.
type SideBySide<'item>(fits: 'item list -> 'item -> bool, waiting: 'item list -> unit, items: 'item list) =
    let gate = obj ()
    let mutable ready = items
    let mutable later: ('item * int64) list = []
    let mutable running: (int * 'item) list = []
    let mutable taken = 0
    let mutable failure: ExceptionDispatchInfo option = None
    let mutable told: 'item list = []
    let patience = TimeSpan.FromSeconds 2.0

    let isDue (_, since: int64) = Stopwatch.GetElapsedTime since >= patience

    let returnDue () =
        let due, others = later |> List.partition isDue
        ready <- ready @ List.map fst due
        later <- others

    // Whatever its needs, an item may be done alone.
    let tryTake () =
        returnDue ()

        let isNext =
            if running.IsEmpty then
                fun _ -> true
            else
                fits (List.map snd running)

        match ready |> List.tryFindIndex isNext with
        | Some index ->
            let item = ready[index]
            ready <- List.removeAt index ready
            taken <- taken + 1
            running <- (taken, item) :: running
            Some(taken, item)
        | None -> None

    let tellWaiting () =
        let left = List.map fst later

        if
            ready.IsEmpty
            && running.IsEmpty
            && not (LanguagePrimitives.PhysicalEquality left told)
            && told.Length <> left.Length
        then
            told <- left
            waiting left

    let rec next (cancellation: CancellationToken) =
        if failure.IsSome || cancellation.IsCancellationRequested then
            None
        else
            match tryTake () with
            | Some item -> Some item
            | None when ready.IsEmpty && later.IsEmpty -> None
            | None ->
                tellWaiting ()
                Monitor.Wait(gate, 200) |> ignore
                next cancellation

    let finish number item turn =
        running <- running |> List.filter (fst >> (<>) number)

        if turn = Turn.Later then
            later <- later @ [ item, Stopwatch.GetTimestamp() ]

        Monitor.PulseAll gate

    let attempt (work: 'item -> Turn) item =
        try
            work item
        with error ->
            lock gate (fun () -> failure <- failure |> Option.orElse (Some(ExceptionDispatchInfo.Capture error)))
            Turn.Done

    let worker cancellation work () =
        let mutable current = lock gate (fun () -> next cancellation)

        while current.IsSome do
            let number, item = current.Value
            let turn = attempt work item

            current <-
                lock gate (fun () ->
                    finish number item turn
                    next cancellation)

    /// Does the items with so many at once at most, until all are done or the token is cancelled. What one of them throws
    /// stops the others after what is at hand, and is thrown.
    member _.Run(jobs: int, cancellation: CancellationToken, work: 'item -> Turn) =
        let others =
            [ for number in 2 .. min jobs items.Length ->
                  Thread(worker cancellation work, Name = $"job {number}", IsBackground = true) ]

        others |> List.iter _.Start()
        worker cancellation work ()
        others |> List.iter _.Join()
        failure |> Option.iter _.Throw()
