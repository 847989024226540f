namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core

/// Where the estimates start.
[<RequireQualifiedAccess>]
module Initial =

    // Where what is not random begins.
    let private withFixed (architecture: Architecture) (values: float32[]) : float32[] =
        for block in architecture.Blocks do
            block.Start
            |> Option.iter (fun start -> System.Array.Fill(values, float32 start, block.Offset, block.Length))

        values

    /// A random row `[d]`: weights and biases uniform in ±1/√fan-in, PyTorch's default (LeCun et al., 1998); scales of
    /// normalisations 1 and their shifts 0.
    let row (architecture: Architecture) seed node : float32[] =
        let random = Random.stream seed Purpose.Start node 0L
        let values = Array.zeroCreate<float32> architecture.Dimension

        for block in architecture.Blocks |> List.filter _.Start.IsNone do
            let bound = 1.0f / sqrt (float32 block.FanIn)
            random.FillUniform(System.Span(values, block.Offset, block.Length), -bound, bound)

        withFixed architecture values

    /// A random row `[d]` of normal numbers, but for the scales and shifts of normalisations.
    let private normal (architecture: Architecture) seed sigma node : float32[] =
        let values = Array.zeroCreate<float32> architecture.Dimension
        (Random.stream seed Purpose.Start node 0L).FillGaussian values
        values |> Array.map (fun value -> float32 sigma * value) |> withFixed architecture

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
