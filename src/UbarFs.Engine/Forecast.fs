namespace UbarFs.Engine

open System.Diagnostics
open FsToolkit.ErrorHandling
open TorchSharp
open UbarFs.Core
open UbarFs.Scenario

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
        /// Time that it will take on this machine, from a short trial of its iterations and evaluation.
        Seconds: float
    }

/// Foretells runs. Nothing is trained: the trials run on random images.
[<RequireQualifiedAccess>]
module Forecast =

    /// Enough for a batch of every node, and for a test chunk of the usual size.
    let private trialImages = 1000

    let private randomBatch device (dataset: Dataset) count : Batch =
        let pixels = Array.zeroCreate<float32>(count * dataset.Shape.Pixels)
        (Random.shared 0L Purpose.Batches).FillGaussian pixels
        let shape = dataset.Shape

        let images =
            torch
                .tensor(pixels, device = device)
                .view(int64 count, int64 shape.Channels, int64 shape.Height, int64 shape.Width)

        { Images = images
          Labels = torch.tensor ([| for image in 0 .. count - 1 -> int64 (image % dataset.Classes) |], device = device) }

    /// Random images in place of the training set, whose positions the shares still name: they are folded onto them.
    let private trial device (run: Run) =
        let dataset = run.Dataset.Value
        let batch = randomBatch device dataset (min trialImages dataset.TrainingSize)
        let count = int batch.Labels.shape[0]

        let samples =
            { Images = batch.Images
              Labels = Array.init dataset.TrainingSize (fun image -> image % dataset.Classes)
              Test = [ batch ]
              Mean = [||]
              Deviation = [||] }

        Experiment.create samples run
        |> Result.map (fun experiment ->
            count,
            { experiment with
                Shares = experiment.Shares |> Array.map (Array.map (fun image -> image % count)) })

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
              "training.length"
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
                  Figures = GraphFigures.ofParticipants experiment.Participants experiment.Network
                  Seconds = float schedule.Iterations * iteration + float (evaluations schedule) * evaluation })

    /// Foretells runs in order, or gives the reason why one of them cannot be. The figures of a network are those of
    /// the first run that has its plan.
    let ofRuns (device: torch.Device) (runs: Run list) : Result<Forecast list, string> =
        runs
        |> List.groupBy costKey
        |> List.traverseResultM (fun (_, alike) ->
            attempt device alike.Head |> Result.map (fun forecast -> List.map forecast alike))
        |> Result.map (fun groups ->
            let place = runs |> List.mapi (fun index run -> Run.canonical run, index) |> Map.ofList
            groups |> List.concat |> List.sortBy (fun forecast -> place[Run.canonical forecast.Run]))
