/// How the cost of an aggregation grows with the network, the neighbourhood and the model.
module UbarFs.Benchmarks.Growth

open System
open System.IO
open TorchSharp
open UbarFs.Core
open UbarFs.Engine

/// How something grows with a size: what it is at some of them.
type Growth =
    { Name: string
      With: string
      Unit: string
      Points: (int * float) list }

    /// The exponent of the power law nearest to the points: the slope of their logarithms, by least squares.
    member growth.Exponent =
        let logs = growth.Points |> List.map (fun (size, value) -> log (float size), log value)
        let meanX, meanY = List.averageBy fst logs, List.averageBy snd logs

        List.sumBy (fun (x, y) -> (x - meanX) * (y - meanY)) logs
        / List.sumBy (fun (x, _) -> (x - meanX) * (x - meanX)) logs

let private names = [ "average"; "dkrum"; "dmedian"; "bridge"; "dbulyan"; "ubar" ]

/// The d of an MLP with 100 hidden units on MNIST.
let private mlp = 79_510

/// A ring in which every node hears the `degree / 2` nodes before and after it.
let private view nodes degree dimension : NetworkView =
    let hears node =
        [| 1 .. degree / 2 |]
        |> Array.collect (fun step -> [| (node + step) % nodes; (node + nodes - step) % nodes |])
        |> Array.sort

    Bench.crowd 0.4 (torch.randn (int64 nodes, int64 dimension)) (Array.init nodes hears)

let private measured name sizes (view: int -> NetworkView) =
    let network = Bench.networkForm name

    sizes
    |> List.map (fun size ->
        use _ = torch.NewDisposeScope()
        let view = view size
        size, Timing.time 500.0 (fun () -> network view |> ignore))

let private growth name size unit' points = { Name = name; With = size; Unit = unit'; Points = points }

let private sizes = [ 10; 30; 100; 300; 1000 ]

/// Neighbours of a node while the network grows.
let private degree = 8

/// Mebibytes of memory in use, and the most since the last call, where Linux tells.
let private memory () =
    let ofStatus (name: string) =
        File.ReadLines "/proc/self/status"
        |> Seq.find (fun line -> line.StartsWith name)
        |> fun line -> float (line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) / 1024.0

    let used = ofStatus "VmRSS:", ofStatus "VmHWM:"
    File.WriteAllText("/proc/self/clear_refs", "5")
    used

/// A whole iteration of UBAR with so many nodes: its milliseconds, and the mebibytes that it takes beside the images.
let private iteration nodes =
    use _ = torch.NewDisposeScope()
    let experiment = Bench.small nodes degree |> Bench.experiment (nodes * 32)
    GC.Collect()
    let before, _ = memory ()
    let state = Simulation.start experiment
    let time = Timing.time 1000.0 (fun () -> Simulation.iterate experiment state |> ignore)
    let _, most = memory ()
    time, most - before

let private ofIterations () =
    let iterations = sizes |> List.map (fun nodes -> nodes, iteration nodes)
    let times = iterations |> List.map (fun (nodes, (time, _)) -> nodes, time)
    let memory = iterations |> List.map (fun (nodes, (_, memory)) -> nodes, memory)

    growth "iteration" "n" "ms" times
    :: (if OperatingSystem.IsLinux() then
            [ growth "memory" "n" "MiB" memory ]
        else
            [])

let private ofRule name =
    [ measured name sizes (fun nodes -> view nodes degree mlp) |> growth name "n" "ms"
      measured name [ 6; 12; 24; 48 ] (fun degree -> view 100 degree mlp) |> growth name "|N_i|" "ms"
      measured name [ 20_000; 80_000; 320_000 ] (fun dimension -> view 30 12 dimension)
      |> growth name "d" "ms" ]

/// Measures a whole iteration and every rule.
let measure () : Growth list =
    Surroundings.ours ()
    ofIterations () @ List.collect ofRule names
