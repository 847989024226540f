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

    /// The estimates x_0 of n nodes, `[n, d]`.
    let estimates architecture seed start nodes =
        use scope = torch.NewDisposeScope()

        let rows =
            match start with
            | Start.Shared -> (torch.tensor (row architecture seed 0)).expand(int64 nodes, -1L).contiguous()
            | Start.Own -> torch.stack [| for node in 0 .. nodes - 1 -> torch.tensor (row architecture seed node) |]

        rows.MoveToOuterDisposeScope()
