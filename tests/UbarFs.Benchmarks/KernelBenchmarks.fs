/// The C# kernels by themselves, under BenchmarkDotNet.
namespace UbarFs.Benchmarks

open BenchmarkDotNet.Attributes
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels.Estimates
open UbarFs.LibTorch

/// A hundred nodes with a number of neighbours each, and 20,000 parameters.
type KernelBenchmarks() =

    let nodes = [| 0..99 |]
    let mutable pool = null: torch.Tensor
    let mutable lists: int[][] = [||]
    let mutable trims: int[] = [||]

    /// From few to more than the largest network that is compiled.
    [<Params(4, 12, 29, 64, 99)>]
    member val Neighbours = 0 with get, set

    [<GlobalSetup>]
    member this.Setup() =
        LibTorchLoader.Load() |> ignore
        Surroundings.ours ()
        pool <- torch.randn (int64 nodes.Length, 20_000L)

        let hears node =
            Array.sort (Array.init this.Neighbours (fun step -> (node + step + 1) % nodes.Length))

        lists <- Array.map hears nodes
        trims <- Array.create nodes.Length (this.Neighbours / 4)

    [<Benchmark>]
    member _.Means() =
        use result = RowMeans.Of(pool, lists)
        result.numel ()

    [<Benchmark>]
    member _.Medians() =
        use result = TrimmedMeans.Medians(pool, lists)
        result.numel ()

    [<Benchmark>]
    member _.TrimmedMeansWithOwn() =
        use result = TrimmedMeans.Of(pool, lists, trims, nodes)
        result.numel ()

    [<Benchmark>]
    member this.MeansAroundMedian() =
        use result = MeansAroundMedian.Of(pool, lists, Array.create nodes.Length (this.Neighbours / 2))
        result.numel ()

    [<Benchmark>]
    member _.DistancesFromOwn() =
        SquaredDistances.Of(pool, RowPairs.Between(nodes.Length, nodes, lists)).IsFinite 0

    [<Benchmark>]
    member _.DistancesAmongReceived() = SquaredDistances.Of(pool, RowPairs.Among(nodes.Length, lists)).IsFinite 0

/// A hundred nodes' steps.
type UpdateBenchmarks() =

    let nodes = [| 0..99 |]
    let mutable pool = null: torch.Tensor

    [<GlobalSetup>]
    member _.Setup() =
        LibTorchLoader.Load() |> ignore
        Surroundings.ours ()
        pool <- torch.randn (int64 nodes.Length, 20_000L)

    [<Benchmark>]
    member _.Updates() =
        use result = Updates.Of(pool, pool, pool, nodes, Array.create nodes.Length 0.5, 0.05)
        result.numel ()
