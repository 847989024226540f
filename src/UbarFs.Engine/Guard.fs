namespace UbarFs.Engine

open System
open TorchSharp
open UbarFs.Core

/// A rule or an attack failed, or made what it must not: of this node (none: of all at once) in this iteration, counted
/// from 1.
type BreachException(culprit: string, node: int option, iteration: int64, reason: string, inner: exn | null) =
    inherit
        Exception(
            (let place = node |> Option.map (fun node -> $"node {node}") |> Option.defaultValue "all nodes"
             $"{culprit} at {place}, iteration {iteration}: {reason}"),
            inner
        )

    member _.Node = node
    member _.Iteration = iteration

/// What becomes of code that others wrote: whatever it throws or returns, the run knows who did it, where and when.
[<RequireQualifiedAccess>]
module Guard =

    /// Finite numbers up to this give finite results in every reasonable computation: their squares are far from
    /// float32's limits. A network that grows beyond has diverged, which is a result.
    let private ordinary = 1e15

    /// Whether an exception, or what caused it, says that there is no memory left.
    let rec isOutOfMemory (error: exn) =
        match error with
        | :? OutOfMemoryException -> true
        | :? AggregateException as error -> error.InnerExceptions |> Seq.exists isOutOfMemory
        | error ->
            List.exists
                (fun (sign: string) -> error.Message.Contains(sign, StringComparison.OrdinalIgnoreCase))
                [ "out of memory"; "not enough memory"; "can't allocate memory"; "bad_alloc" ]
            || not (isNull error.InnerException) && isOutOfMemory (nonNull error.InnerException)

    let private breach (culprit: string) node (iteration: int64) reason inner =
        raise (BreachException(culprit, node, iteration + 1L, reason, inner))

    /// Does some work in the name of a rule or an attack; what it throws is a breach. `iteration` counts from 0.
    let attempt culprit node iteration (work: unit -> 'result) : 'result =
        try
            work ()
        with
        | :? BreachException -> reraise ()
        | error when isOutOfMemory error -> reraise ()
        | error -> breach culprit node iteration $"{error.GetType().Name}: {error.Message}" error

    let private shapeOf (tensor: torch.Tensor) =
        let sides = tensor.shape |> Array.map string |> String.concat ", "
        $"[{sides}] of {tensor.dtype}"

    let private isOrdinary (tensor: torch.Tensor) =
        use scope = torch.NewDisposeScope()
        tensor.numel () = 0L || tensor.abs().max().to_type(torch.float64).item<float>() <= ordinary

    /// An estimate that a rule or an attack made. It must have this shape and the type of `like`.
    let shaped culprit node iteration (shape: int64[]) (like: torch.Tensor) (made: torch.Tensor) : torch.Tensor =
        if isNull (box made) then
            breach culprit node iteration "gave nothing" null
        elif made.shape <> shape || made.dtype <> like.dtype then
            let expected = shape |> Array.map string |> String.concat ", "
            breach culprit node iteration $"gave {shapeOf made} instead of [{expected}] of {like.dtype}" null
        else
            made

    /// What a rule made of some inputs: of this shape and, if they are finite and not enormous, finite itself.
    let aggregated culprit node iteration shape (inputs: torch.Tensor list) (made: torch.Tensor) : torch.Tensor =
        let made = shaped culprit node iteration shape inputs.Head made

        if not (Estimate.isFinite made) && List.forall isOrdinary inputs then
            breach culprit node iteration "made numbers that are not finite from finite ones" null

        made
