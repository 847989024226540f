/// The rows of the table: each rule and phase in its straightforward form and in ours.
module UbarFs.Benchmarks.Rows

open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Kernels

type Row =
    {
        Name: string
        /// Milliseconds.
        Straightforward: float
        Ours: float
        /// The time to read every estimate once and write every result once, where that is the bound.
        Limit: float option
    }

type Table =
    {
        Rows: Row list
        /// Bytes read and written per second by a copy of all estimates.
        CopyBandwidth: float
        Nodes: int
        Edges: int
        Dimension: int
        Threads: int
    }

let private rules =
    [ "average", Straightforward.average
      "dkrum", Straightforward.dkrum
      "dmedian", Straightforward.dmedian
      "bridge", Straightforward.bridge
      "dbulyan", Straightforward.dbulyan ]

let private row budget limit name straightforward ours =
    eprintf "%s ... " name
    let slow, fast = Timing.compare budget (straightforward >> ignore) (ours >> ignore)
    eprintfn "%.1f / %.1f ms" slow fast
    { Name = name; Straightforward = slow; Ours = fast; Limit = limit }

let private aggregation budget limit (view: NetworkView) =
    let nearest () =
        let sizes = NetworkView.counts view |> Array.map (Ubar.shortlistSize view.BenignRatio)
        Selection.smallest sizes (NetworkView.distances view) (NetworkView.all view)

    [ for name, form in rules do
          let network = Bench.networkForm name
          row budget (Some limit) name (fun () -> Straightforward.rule form view) (fun () -> network view)
      row budget None "stage1" (fun () -> Straightforward.stage1 view) nearest ]

// As many nodes as keep all threads busy for a while; times are of one of them.
let private someNodes = [| 0..9 |]

let private perNode row =
    let share time = time / float someNodes.Length
    { row with Straightforward = share row.Straightforward; Ours = share row.Ours }

let private training budget (experiment: Experiment) (estimates: torch.Tensor) =
    let architecture = experiment.Architecture
    let batches = Passes.batches experiment 0L someNodes
    let plain = Array.map (Experiment.batch experiment 0L >> Straightforward.plain) someNodes
    let own = someNodes |> Array.map (fun node -> estimates[int64 node])
    let eachOwn = someNodes |> Array.map Array.singleton

    [ row budget None "forward" (fun () -> Array.map2 (Straightforward.forward architecture) plain own) (fun () ->
          Passes.losses experiment batches estimates eachOwn)
      row
          budget
          None
          "forward-backward"
          (fun () -> Array.map2 (Straightforward.forwardBackward architecture) plain own)
          (fun () -> Passes.gradients experiment someNodes batches estimates) ]
    |> List.map perNode

let private phases budget (experiment: Experiment) (estimates: torch.Tensor) =
    let architecture = experiment.Architecture
    let batches = Passes.batches experiment 0L someNodes
    let plain = Array.map (Experiment.batch experiment 0L >> Straightforward.plain) someNodes
    let candidates = [| 11..15 |]
    let lossOf batch row = Straightforward.forward architecture batch estimates[int64 row]
    let state = { Simulation.start experiment with Estimates = estimates }

    [ row
          budget
          None
          "stage2"
          (fun () -> plain |> Array.map (fun batch -> Array.map (lossOf batch) candidates))
          (fun () -> Passes.losses experiment batches estimates (Array.map (fun _ -> candidates) someNodes))
      |> perNode
      row (4.0 * budget) None "ubar-iteration" (fun () -> Straightforward.ubarIteration experiment estimates) (fun () ->
          Simulation.iterate experiment state) ]

/// A whole iteration without and with momentum, weight decay and unequal shares: of a small model, where they weigh most. Both
/// are ours.
let private additions budget =
    let plain = Bench.small 30 8

    let changed =
        { plain with
            Partition = Bench.choose [ "least", Value.Whole 32L ] "dirichlet" Catalogue.partitions
            Training.Momentum = Some { Beta = 0.9; Form = MomentumForm.HeavyBall }
            Training.WeightDecay = 1e-4 }

    let iteration run =
        let experiment = Bench.experiment (30 * 320) run
        let state = Simulation.start experiment
        fun () -> Simulation.iterate experiment state |> ignore

    let before, after = Timing.inTurns budget (iteration plain) (iteration changed)

    [ { Name = "momentum-iteration"
        Straightforward = before
        Ours = after
        Limit = None } ]

/// Measures everything, each row for about so many milliseconds.
let measure budget : Table =
    use _ = torch.NewDisposeScope()

    let experiment = Bench.run 30 "ubar" "random" [ "ratio", Value.Real 0.4 ] |> Bench.experiment (30 * 256)

    let estimates = (Simulation.start experiment).Estimates
    let view = Bench.view experiment estimates
    let copy = torch.empty_like estimates
    let limit = Timing.time budget (fun () -> copy.copy_ estimates |> ignore)
    let bytes = 2.0 * 4.0 * float (estimates.numel ())

    { Rows =
        aggregation budget limit view
        @ training budget experiment estimates
        @ phases budget experiment estimates
        @ additions (2.0 * budget)
      CopyBandwidth = bytes / limit * 1000.0
      Nodes = experiment.Participants.Length
      Edges = NetworkView.counts view |> Array.sum
      Dimension = experiment.Architecture.Dimension
      Threads = Workers.Count }
