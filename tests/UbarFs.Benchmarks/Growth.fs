/// How the cost of an aggregation grows with the network, the neighbourhood and the model.
module UbarFs.Benchmarks.Growth

open System
open System.IO
open TorchSharp
open UbarFs.Core
open UbarFs.Engine

let private names = [ "average"; "dkrum"; "dmedian"; "bridge"; "dbulyan"; "ubar" ]

/// The d of an MLP with 100 hidden units on MNIST.
let private mlp = 79_510

/// A ring in which every node hears the `degree / 2` nodes before and after it.
let private view nodes degree dimension : NetworkView =
    let hears node =
        [| 1 .. degree / 2 |]
        |> Array.collect (fun step -> [| (node + step) % nodes; (node + nodes - step) % nodes |])
        |> Array.sort

    { Pool = torch.randn (int64 nodes, int64 dimension)
      Own = [| 0 .. nodes - 1 |]
      Received = Array.init nodes hears
      OwnLosses = lazy Array.create nodes 1.0
      // Every candidate is as good as the own estimate: all of stage 2 but the losses, which cost the same at any size.
      Losses = Array.map (Array.map (fun _ -> 1.0))
      BenignRatio = 0.4 }

/// The exponent of the power law nearest to the times: the slope of their logarithms, by least squares.
let private exponent (points: (int * float) list) =
    let logs = points |> List.map (fun (size, time) -> log (float size), log time)
    let meanX, meanY = List.averageBy fst logs, List.averageBy snd logs

    List.sumBy (fun (x, y) -> (x - meanX) * (y - meanY)) logs
    / List.sumBy (fun (x, _) -> (x - meanX) * (x - meanX)) logs

let private measured name sizes (view: int -> NetworkView) =
    let network = Bench.networkForm name

    sizes
    |> List.map (fun size ->
        use _ = torch.NewDisposeScope()
        let view = view size
        size, Timing.time 500.0 (fun () -> network view |> ignore))

let private show name what unit' points =
    let times = points |> List.map (fun (size, time) -> $"%d{size}: %.1f{time}") |> String.concat "  "
    printfn "%-9s %-10s %.2f   %s %s" name what (exponent points) times unit'

let private sizes = [ 30; 100; 300; 1000 ]

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
    let experiment = Bench.small nodes 12 |> Bench.experiment (nodes * 32)
    GC.Collect()
    let before, _ = memory ()
    let state = Simulation.start experiment
    let time = Timing.time 1000.0 (fun () -> Simulation.iterate experiment state |> ignore)
    let _, most = memory ()
    time, most - before

/// Prints the fitted exponents.
let print () =
    Surroundings.ours ()
    printfn "what      grows with exponent"
    let iterations = sizes |> List.map (fun nodes -> nodes, iteration nodes)
    iterations |> List.map (fun (nodes, (time, _)) -> nodes, time) |> show "iteration" "n" "ms"

    if OperatingSystem.IsLinux() then
        iterations |> List.map (fun (nodes, (_, memory)) -> nodes, memory) |> show "memory" "n" "MiB"

    for name in names do
        measured name sizes (fun nodes -> view nodes 12 mlp) |> show name "n" "ms"
        measured name [ 6; 12; 24; 48 ] (fun degree -> view 100 degree mlp) |> show name "|N_i|" "ms"

        measured name [ 20_000; 80_000; 320_000 ] (fun dimension -> view 30 12 dimension)
        |> show name "d" "ms"
