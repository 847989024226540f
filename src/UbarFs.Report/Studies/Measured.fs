namespace UbarFs.Report

open System
open System.IO
open UbarFs.Engine

/// An evaluation as `metrics.csv` has it.
type Point =
    {
        Epoch: float
        Iteration: int
        Worst: float
        Mean: float
        Best: float
        Loss: float option
        /// None in stores of older versions.
        TestLoss: float option
        ConsensusError: float option
        /// The mean success rate of a backdoor, where there is one.
        Success: float option
        /// The lowest accuracy on the images that are held out, if there are any.
        Validation: float option
        /// The accuracy of the mean of the benign estimates, where it is tested.
        Averaged: float option
        /// Seconds since the run began.
        Elapsed: float
        /// Seconds since the evaluation before.
        Times: PhaseTimes
        /// What a node received in an iteration on average, for a rule that selects.
        Received: float option
        /// The mean size of each stage, and the share of Byzantine estimates that it kept, in the rule's order.
        Stages: (float option * float option)[]
    }

/// What `run.json` says of how a run went.
type Outcome =
    {
        Status: Status
        Reason: string option
        Worst: float option
        Mean: float option
        Best: float option
        TestLoss: float option
        ConsensusError: float option
        Success: float option
        Validation: float option
        Averaged: float option
        Seconds: float option
        /// When each sitting began, after how many iterations, and what the run's clock said then, where that is known.
        Sittings: (DateTimeOffset * int * float option) list
        /// The canonical text of each setting.
        Settings: Map<string, string>
        /// Device, versions and the like.
        Provenance: (string * string) list
    }

/// What runs measured, as their folders have it; whatever is missing or half written is not there.
[<RequireQualifiedAccess>]
module Measured =

    let private point (stages: string[]) (row: CsvRow) : Point =
        let optional name = row.TryNumber name
        let value name = optional name |> Option.defaultValue 0.0

        let stage name =
            let column = MetricsFile.stageColumn name
            optional $"{column}_size", optional $"{column}_byzantine_share"

        { Epoch = value "epoch"
          Iteration = int (value "iteration")
          Worst = value "worst_accuracy"
          Mean = value "mean_accuracy"
          Best = value "best_accuracy"
          Loss = optional "loss"
          TestLoss = optional "test_loss"
          ConsensusError = optional "consensus_error"
          Success = optional "success_rate"
          Validation = optional "worst_validation_accuracy"
          Averaged = optional "averaged_accuracy"
          Elapsed = value "elapsed_seconds"
          Times =
            { Training = value "training_seconds"
              Attack = value "attack_seconds"
              Aggregation = value "aggregation_seconds"
              Losses = value "losses_seconds"
              Update = value "update_seconds" }
          Received = optional "received"
          Stages = Array.map stage stages }

    /// What is known of a run that was never begun.
    let pending =
        { Status = Status.Pending
          Reason = None
          Worst = None
          Mean = None
          Best = None
          TestLoss = None
          ConsensusError = None
          Success = None
          Validation = None
          Averaged = None
          Seconds = None
          Sittings = []
          Settings = Map.empty
          Provenance = [] }

    // Older versions did not say what the clock of the measurements said when a sitting began.
    let private sitting (sitting: Sitting) =
        let isKnown = sitting.FromSeconds > 0.0 || sitting.FromIteration = 0
        sitting.Started, sitting.FromIteration, (if isKnown then Some sitting.FromSeconds else None)

    let private outcome (record: RunRecord) : Outcome =
        let number name (value: int) = name, (if value = 0 then "" else string value)

        let plain =
            [ "device", record.Device
              number "threads" record.Threads
              number "jobs" record.Jobs
              "data checksum", record.DataChecksum ]
            |> List.filter (snd >> (<>) "")

        { Status = Status.Parse record.Status
          Reason = record.Reason
          Worst = record.WorstAccuracy
          Mean = record.MeanAccuracy
          Best = record.BestAccuracy
          TestLoss = record.TestLoss
          ConsensusError = record.ConsensusError
          Success = record.SuccessRate
          Validation = record.ValidationAccuracy
          Averaged = record.AveragedAccuracy
          Seconds = record.Seconds
          Sittings = List.map sitting record.Sittings
          Settings = record.Canonical
          Provenance = plain @ Map.toList record.Versions }

    let private damaged reason (outcome: Outcome) =
        { pending with
            Status = Status.Damaged
            Reason = Some reason
            Settings = outcome.Settings
            Provenance = outcome.Provenance }

    let private unread (folder: string) name reason consequence =
        $"'{Path.Combine(folder, name)}' cannot be read: {reason}. {consequence}"

    // Of a run that is not complete nothing vouches for its files but what they say.
    let private unreadable (folder: string) metrics =
        let told name result consequence =
            match result with
            | Ok _ -> []
            | Error reason -> [ unread folder name reason consequence ]

        told MetricsFile.name metrics "The run's evaluations are left out"
        @ told NetworkFile.name (NetworkFile.read folder) "The run's network is left out"
        @ told SharesFile.name (SharesFile.read folder) "What the run's nodes have of the data is left out"
        @ told NodesFile.name (NodesFile.read folder) "What the run's nodes achieve is left out"

    /// What a run's folder says of it, and a sentence for each file that cannot be used.
    let ofFolder (stages: string[]) (folder: string) (id: string) : Outcome * Point list * string list =
        match RunFolder.read folder id with
        | Error reason ->
            pending, [], [ unread folder RunFolder.recordName reason "The run counts as one that was never begun" ]
        | Ok None -> pending, [], []
        | Ok(Some record) ->
            let outcome = outcome record
            let metrics = MetricsFile.read (List.ofArray stages) folder
            let points = metrics |> Result.map (Option.defaultValue [] >> List.map (point stages))

            let asDamaged reason =
                damaged reason outcome,
                [],
                [ $"'{folder}' is damaged: {reason}. The run is left out: 'ubarfs run --retry' does it again" ]

            match outcome.Status, points with
            | Status.Damaged, _ -> asDamaged (record.Reason |> Option.defaultValue "its record says so")
            | Status.Complete, Error reason -> asDamaged $"{MetricsFile.name}: {reason}"
            | Status.Complete, Ok points -> outcome, points, []
            | _, Ok points -> outcome, points, unreadable folder metrics
            | _, Error _ -> outcome, [], unreadable folder metrics
