namespace UbarFs.Engine

open System.Diagnostics
open FsToolkit.ErrorHandling
open TorchSharp
open UbarFs.Core

/// What can be said of a run before it starts.
type Forecast =
    {
        Run: Run
        Schedule: Schedule
        /// d.
        Dimension: int
        /// Peak memory, estimated.
        Bytes: float
        Figures: GraphFigures
        /// Time that it will take on this machine, estimated.
        Seconds: float
    }

/// Foretells runs. Nothing is trained: the trials run on random images.
[<RequireQualifiedAccess>]
module Forecast =

    /// Enough for a batch of every node, and for a test chunk of the usual size.
    let private trialImages = 1000

    /// Random images in place of the training set, whose positions the shares still name: they are folded onto them.
    let private trial device (run: Run) =
        let dataset = run.Dataset.Value
        let count = min trialImages dataset.TrainingSize
        let samples = Samples.random device dataset count (min trialImages dataset.TestSize)
        let count = int samples.Images.shape[0]

        let samples =
            { samples with
                Labels = Array.init dataset.TrainingSize (fun image -> image % dataset.Classes) }

        Experiment.create samples run
        |> Result.map (fun experiment ->
            int samples.Test.Head.Labels.shape[0],
            { experiment with
                Shares = experiment.Shares |> Array.map (Array.map (fun image -> image % count))
                HeldOut = experiment.HeldOut |> Array.map (fun image -> image % count) })

    let private secondsOf (work: unit -> unit) =
        let clock = Stopwatch.StartNew()
        work ()
        clock.Elapsed.TotalSeconds

    /// Seconds of one iteration and of one evaluation, the better of two: the first pays for warming up.
    let private measured (count: int) (experiment: Experiment) =
        use scope = torch.NewDisposeScope()
        let start = Simulation.start experiment
        let iteration () = secondsOf (fun () -> Simulation.iterate experiment start |> ignore)
        let evaluation () = secondsOf (fun () -> Simulation.evaluate experiment start.Estimates |> ignore)
        let images = Run.testImages experiment.Run
        let chunks = float images / float (min count images)
        min (iteration ()) (iteration ()), chunks * min (evaluation ()) (evaluation ())

    /// What the cost of a run depends on: runs that agree in this are tried once.
    let private costKey (run: Run) =
        let rates =
            [ "seed"
              "training.rate"
              "training.fading"
              "training.epochs"
              "training.iterations"
              "measure.every" ]

        Run.canonical run |> List.filter (fun (path, _) -> not (List.contains path rates))

    let private evaluations (schedule: Schedule) =
        let last = if schedule.Iterations % schedule.Every = 0 then 0 else 1
        1 + schedule.Iterations / schedule.Every + last

    let private attempt device run =
        use scope = torch.NewDisposeScope()

        trial device run
        |> Result.map (fun (count, experiment) ->
            let iteration, evaluation = measured count experiment

            fun (run: Run) ->
                let schedule = Schedule.create run

                { Run = run
                  Schedule = schedule
                  Dimension = experiment.Architecture.Dimension
                  Bytes = Memory.needed run experiment.Architecture
                  Figures = GraphFigures.ofParticipants run.Network.Weights experiment.Participants experiment.Network
                  Seconds = float schedule.Iterations * iteration + float (evaluations schedule) * evaluation })

    /// In the order of the runs.
    let private arranged (runs: Run list) (groups: Forecast list list) =
        let place = runs |> List.mapi (fun index run -> Run.canonical run, index) |> Map.ofList
        groups |> List.concat |> List.sortBy (fun forecast -> place[Run.canonical forecast.Run])

    /// Foretells runs in order by a trial of every combination of settings, or gives the reason why one of them cannot
    /// be. `progress` hears of the trials that are done, and of all. The figures of a network are those of the first run
    /// that has its plan.
    let byTrials
        (progress: int -> int -> unit)
        (device: torch.Device)
        (runs: Run list)
        : Result<Forecast list, string> =
        let groups = runs |> List.groupBy costKey

        groups
        |> List.indexed
        |> List.traverseResultM (fun (index, (_, alike)) ->
            progress index groups.Length
            attempt device alike.Head |> Result.map (fun forecast -> List.map forecast alike))
        |> Result.map (fun found ->
            progress groups.Length groups.Length
            arranged runs found)

    /// What a network depends on besides its seed, and who takes part.
    let private networkKey (run: Run) =
        let ofNetwork = Run.canonical run |> List.filter (fun (path, _) -> path.StartsWith "network.")
        ofNetwork, run.Attacks |> List.exists (fun attack -> attack.Value.IsAbsent)

    let private estimated (book: CostBook) (run: Run) (architecture: Architecture) participants network figures =
        let schedule = Schedule.create run
        let load = Load.ofNetwork run architecture.Dimension participants network

        book.Find run
        |> Result.map (fun known ->
            let costs = Costs.under load (run.Rule.Value.Cost = Cost.Quadratic) known

            { Run = run
              Schedule = schedule
              Dimension = architecture.Dimension
              Bytes = Memory.needed run architecture
              Figures = figures
              Seconds = float schedule.Iterations * costs.Iteration + float (evaluations schedule) * costs.Evaluation })

    /// Foretells runs in order from the costs of small ones, or gives the reason why one of them cannot be: no run's own
    /// network is tried. The figures of a network are those of the first run that has its plan.
    let ofRuns (book: CostBook) (runs: Run list) : Result<Forecast list, string> =
        let architectures = System.Collections.Generic.Dictionary<string, Result<Architecture, string>>()

        let architecture (run: Run) =
            let key = $"{run.Dataset.Value.Shape} {run.Dataset.Value.Classes} {Chosen.canonical run.Model}"

            match architectures.TryGetValue key with
            | true, found -> found
            | false, _ ->
                architectures[key] <-
                    Architecture.create run.Dataset.Value.Shape run.Dataset.Value.Classes run.Model.Value

                architectures[key]

        let ofNetwork (alike: Run list) =
            Experiment.network alike.Head
            |> Result.bind (fun (network, participants) ->
                let figures = GraphFigures.ofParticipants alike.Head.Network.Weights participants network

                alike
                |> List.traverseResultM (fun run ->
                    architecture run
                    |> Result.bind (fun architecture -> estimated book run architecture participants network figures)))

        runs
        |> List.groupBy networkKey
        |> List.traverseResultM (snd >> ofNetwork)
        |> Result.map (fun found ->
            book.Save()
            arranged runs found)
