namespace UbarFs.Engine

open System
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels

/// What the dropout of a model leaves out: the random numbers of each such layer, by its place among them. They belong to a
/// batch ξ: whatever is computed on it leaves out the same.
type Draws = { Stream: int -> KeyedRandom }

[<RequireQualifiedAccess>]
module Draws =

    /// Those of a node in a step.
    let ofStep seed node (step: int64) : Draws =
        { Stream = fun layer -> Random.stream seed (Purpose.Dropout layer) node step }

    /// What values of a shape are multiplied by behind a layer of dropout: 0 with the chance `rate`, and else 1/(1 − rate).
    let factors (rate: float) (shape: int64[]) layer (draws: Draws) : torch.Tensor =
        let numbers = Array.zeroCreate<float32>(int (Array.fold (*) 1L shape))
        draws.Stream(layer).FillUniform(Span numbers, 0.0f, 1.0f)
        let kept = float32 (1.0 / (1.0 - rate))

        for index in 0 .. numbers.Length - 1 do
            numbers[index] <- if numbers[index] < float32 rate then 0.0f else kept

        torch.tensor(numbers).view shape
