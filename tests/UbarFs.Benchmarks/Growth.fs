/// How the cost of an aggregation grows with the network, the neighbourhood and the model.
module UbarFs.Benchmarks.Growth

open TorchSharp
open UbarFs.Core

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
      OwnLosses = Array.create nodes 1.0
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

let private show name what points =
    let times = points |> List.map (fun (size, time) -> $"%d{size}: %.1f{time}") |> String.concat "  "
    printfn "%-9s %-10s %.2f   %s ms" name what (exponent points) times

/// Prints the fitted exponents.
let print () =
    Surroundings.ours ()
    printfn "rule      grows with exponent"

    for name in names do
        measured name [ 30; 100; 300; 1000 ] (fun nodes -> view nodes 12 mlp) |> show name "n"
        measured name [ 6; 12; 24; 48 ] (fun degree -> view 100 degree mlp) |> show name "|N_i|"
        measured name [ 20_000; 80_000; 320_000 ] (fun dimension -> view 30 12 dimension) |> show name "d"
