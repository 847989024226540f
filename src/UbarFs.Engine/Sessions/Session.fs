namespace UbarFs.Engine

open System.Collections.Concurrent
open System.IO
open System.Threading
open UbarFs.Core

/// Executes campaigns run by run and keeps their stores up to date.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Session =

    /// A run that a session has to see to, and what was known of it when the session began.
    type private Item = { Ledger: Ledger; Run: Run; Before: RunRecord option }

    // Two copies of a dataset can differ, and a folder's images can change.
    let private hasSameData session (run: Run) (record: RunRecord) =
        match session.Supply run.Dataset with
        | Supply.Available(_, checksum) -> checksum = record.DataChecksum
        | Supply.Missing _ -> true

    /// Whether there is nothing to do for a run: it is complete, or has failed or is damaged and is not to be tried again.
    /// What has failed since the session began has been tried by another process.
    let private isSettled session item (result: RunResult) =
        match result.Status, result.Record with
        | Status.Complete, Some record -> hasSameData session item.Run record
        | (Status.Failed | Status.Damaged), Some record -> not session.Retry || Some record <> item.Before
        | _ -> false

    let private underLock session item (held: HeldLock) =
        match item.Ledger.Now item.Run with
        | result when isSettled session item result ->
            if result.Status = Status.Complete then
                Execution.tidy item.Ledger.Store held item.Run

            session.Notify(Event.Reused result)
            Turn.Done
        | _ ->
            try
                let result = Execution.execute session item.Ledger.Campaign.Json item.Ledger.Store held item.Run
                item.Ledger.SaveSometimes()
                session.Notify(Event.Ended result)
                Turn.Done
            with :? LostException as error ->
                session.Notify(Event.Noticed(item.Run, error.Message))
                Turn.Later

    // A process that was killed as its run was complete left some files.
    let private reuse session item (result: RunResult) =
        let folder = RunStore.folderOf item.Ledger.Store item.Run

        if result.Status = Status.Complete && Execution.isUntidy folder then
            match Locks.claim item.Ledger.Locks folder with
            | Claim.Held _ -> ()
            | Claim.Granted(held, _) -> using held (fun held -> Execution.tidy item.Ledger.Store held item.Run)

        session.Notify(Event.Reused result)

    let private held (holders: ConcurrentDictionary<string, Holder option>) item holder =
        holders[RunStore.id item.Run] <- holder
        Turn.Later

    // The process that ended may have come to the end of the run before.
    let private breakOff session holders item reason =
        let ledger = item.Ledger

        match Locks.claim ledger.Locks (RunStore.folderOf ledger.Store item.Run) with
        | Claim.Held holder -> held holders item holder
        | Claim.Granted(lock, _) ->
            use lock = lock

            let result =
                match ledger.Now item.Run with
                | result when result.Status = Status.Complete ->
                    Execution.tidy ledger.Store lock item.Run
                    result
                | _ -> Execution.broken session ledger.Campaign.Json ledger.Store item.Run reason

            session.Notify(Event.Ended result)
            Turn.Done

    let private delegated session holders item (other: IDelegate) : Turn =
        match other.Do(item.Ledger.Store, item.Run, session.Notify, session.Cancellation) with
        | Deed.Done ->
            item.Ledger.SaveSometimes()
            session.Notify(Event.Ended(item.Ledger.Now item.Run))
            Turn.Done
        | Deed.Reused ->
            session.Notify(Event.Reused(item.Ledger.Now item.Run))
            Turn.Done
        | Deed.Held holder -> held holders item holder
        | Deed.Lost -> Turn.Later
        | Deed.Broken reason -> breakOff session holders item reason
        | Deed.Unwritable reason -> raise (IOException reason)

    let private turn session (holders: ConcurrentDictionary<string, Holder option>) item : Turn =
        match item.Ledger.Now item.Run, session.Delegate with
        | result, _ when isSettled session item result ->
            reuse session item result
            Turn.Done
        | _, Some other when other.Takes item.Run -> delegated session holders item other
        | _ ->
            match Locks.claim item.Ledger.Locks (RunStore.folderOf item.Ledger.Store item.Run) with
            | Claim.Held holder -> held holders item holder
            | Claim.Granted(held, abandonedBy) ->
                use held = held

                abandonedBy
                |> Option.iter (fun holder ->
                    session.Notify(Event.Noticed(item.Run, $"{holder} ended without finishing it")))

                underLock session item held

    // What another process works on is left to it.
    let private forget (ledger: Ledger) run =
        let folder = RunStore.folderOf ledger.Store run

        if Directory.Exists folder then
            match Locks.claim ledger.Locks folder with
            | Claim.Held _ -> ()
            | Claim.Granted(held, _) -> using held (fun _ -> RunStore.forget ledger.Store run)

    /// The runs of a campaign that a session sees to: those of its shard, each once.
    let runs (session: Session) (campaign: Campaign) : Run list =
        let ids = Shard.ids session.Shard campaign.Runs

        campaign.Runs
        |> List.distinctBy RunStore.id
        |> List.filter (fun run -> ids.Contains(RunStore.id run))

    let private items session (ledger: Ledger) =
        let known =
            ledger.Results() |> List.map (fun result -> RunStore.id result.Run, result.Record) |> Map.ofList

        runs session ledger.Campaign
        |> List.map (fun run -> { Ledger = ledger; Run = run; Before = known[RunStore.id run] })

    let private opened session (store: RunStore, campaign: Campaign) =
        let ledger = Ledger(store, campaign)

        if session.Fresh then
            runs session campaign |> List.iter (forget ledger)

        SweepFile.write store campaign
        ledger.Save()
        OtherRuns.write store.Folder
        ledger

    /// Runs those of the campaigns' runs that are not complete, side by side if the session says so. What other processes
    /// work on is left to them and waited for. After a cancellation the rest stays as it is. Gives what the stores know of
    /// all runs in the end. Fails with an IOException or an UnauthorizedAccessException if a store cannot be written.
    let runAll (session: Session) (planned: (RunStore * Campaign) list) : RunResult list list =
        use failing = CancellationTokenSource.CreateLinkedTokenSource session.Cancellation
        let gate = obj ()

        let session =
            { session with
                Notify = fun event -> lock gate (fun () -> session.Notify event)
                Cancellation = failing.Token }

        let opened = planned |> List.map (opened session)
        let holders = ConcurrentDictionary<string, Holder option>()

        let waiting (items: Item list) =
            items
            |> List.map (fun item -> item.Run, holders[RunStore.id item.Run])
            |> Event.Waiting
            |> session.Notify

        let before = Admission.free session.Device

        let fits (running: Item list) =
            let fits = Admission.fits session.Device before (running |> List.map _.Run)
            fun item -> fits item.Run

        let work item =
            try
                turn session holders item
            with _ ->
                failing.Cancel()
                reraise ()

        try
            SideBySide(fits, waiting, List.collect (items session) opened).Run(session.Jobs, failing.Token, work)
        finally
            opened |> List.iter (fun ledger -> ledger.Save())

        opened |> List.map (fun ledger -> ledger.Results())

    /// Does a run that another process delegates, here and now.
    let perform (session: Session) (ledger: Ledger) (run: Run) : Deed =
        let holders = ConcurrentDictionary<string, Holder option>()
        let deed = ref Deed.Lost

        let notify event =
            match event with
            | Event.Ended _ -> deed.Value <- Deed.Done
            | Event.Reused _ -> deed.Value <- Deed.Reused
            | event -> session.Notify event

        let session = { session with Notify = notify; Delegate = None }

        try
            match turn session holders { Ledger = ledger; Run = run; Before = (ledger.Now run).Record } with
            | Turn.Later when not holders.IsEmpty -> Deed.Held(Seq.head holders.Values)
            | _ -> deed.Value
        with
        | :? IOException
        | :? System.UnauthorizedAccessException as error -> Deed.Unwritable(error.Message.TrimEnd '.')

    /// Runs one campaign.
    let run session (store: RunStore) (campaign: Campaign) : RunResult list =
        runAll session [ store, campaign ] |> List.exactlyOne
