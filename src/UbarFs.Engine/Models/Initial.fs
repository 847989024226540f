namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core

/// Where the estimates start.
[<RequireQualifiedAccess>]
module Initial =

    /// A random row `[d]`: weights and biases uniform in ±1/√fan-in, PyTorch's default (LeCun et al., 1998).
    let row (architecture: Architecture) seed node : float32[] =
        let random = Random.stream seed Purpose.Start node 0L
        let values = Array.zeroCreate<float32> architecture.Dimension

        for block in architecture.Blocks do
            let bound = 1.0f / sqrt (float32 block.FanIn)
            random.FillUniform(System.Span(values, block.Offset, block.Length), -bound, bound)

        values

    /// A random row `[d]` of normal numbers.
    let private normal (architecture: Architecture) seed sigma node : float32[] =
        let values = Array.zeroCreate<float32> architecture.Dimension
        (Random.stream seed Purpose.Start node 0L).FillGaussian values
        values |> Array.map (fun value -> float32 sigma * value)

    /// The estimates x_0 of n nodes, `[n, d]`.
    let estimates architecture seed start nodes =
        use scope = torch.NewDisposeScope()

        let stacked (row: int -> float32[]) = torch.stack [| for node in 0 .. nodes - 1 -> torch.tensor (row node) |]

        let rows =
            match start with
            | Start.Shared -> (torch.tensor (row architecture seed 0)).expand(int64 nodes, -1L).contiguous()
            | Start.Own -> stacked (row architecture seed)
            | Start.Normal sigma -> stacked (normal architecture seed sigma)

        rows.MoveToOuterDisposeScope()
