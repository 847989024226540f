/// The tensors of what rules and attacks remember, which outlive the dispose scope that made them.
[<RequireQualifiedAccess>]
module UbarFs.Engine.Memories

open TorchSharp
open UbarFs.Core

/// Tensors told apart by what they are, not by their numbers.
let identities (tensors: torch.Tensor seq) = System.Collections.Generic.HashSet(tensors, HashIdentity.Reference)

/// Hands what a memory has beyond the one before to the surrounding scope.
let keep (before: Memory) (memory: Memory) =
    let known = identities before.Values

    for tensor in memory.Values do
        if not (known.Contains tensor) then
            tensor.MoveToOuterDisposeScope() |> ignore

    memory
