namespace UbarFs.Engine

open System
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// A rule or an attack failed, or made what it must not: of this node (none: of all at once) in this iteration, counted
/// from 1.
type BreachException(culprit: string, node: int option, iteration: int64, reason: string, inner: exn | null) =
    inherit Exception($"{BreachException.Place(culprit, node, iteration)}: {reason}", inner)

    /// Who is asked, for whom and when, in words.
    static member Place(culprit: string, node: int option, iteration: int64) =
        let node = node |> Option.map (fun node -> $"node {node}") |> Option.defaultValue "all nodes"
        $"{culprit} at {node}, iteration {iteration}"

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
            Calls.during (fun () -> BreachException.Place(culprit, node, iteration + 1L)) work
        with
        | :? BreachException -> reraise ()
        | error when isOutOfMemory error -> reraise ()
        | :? UserCodeException as error -> breach culprit node iteration error.Message error
        | error -> breach culprit node iteration $"{error.GetType().Name}: {error.Message}" error

    let private shapeOf (tensor: torch.Tensor) =
        let sides = tensor.shape |> Array.map string |> String.concat ", "
        $"[{sides}] of {tensor.dtype}"

    /// Whether all numbers are ordinary, where they are.
    let private areOrdinary (tensor: torch.Tensor) : torch.Tensor =
        let atMost = Native.number ordinary (fun bound -> tensor.le bound)
        let atLeast = Native.number -ordinary (fun bound -> tensor.ge bound)
        (atMost &&& atLeast).all()

    let private isOrdinary tensor =
        use scope = torch.NewDisposeScope()
        Transfers.Read<bool>(areOrdinary tensor)[0]

    /// An estimate that a rule or an attack made. It must have this shape and the type of `like`.
    let shaped culprit node iteration (shape: int64[]) (like: torch.Tensor) (made: torch.Tensor) : torch.Tensor =
        if isNull (box made) then
            breach culprit node iteration "gave nothing" null
        elif made.shape <> shape || made.dtype <> like.dtype then
            let expected = shape |> Array.map string |> String.concat ", "
            breach culprit node iteration $"gave {shapeOf made} instead of [{expected}] of {like.dtype}" null
        else
            made

    let private notFinite culprit node iteration =
        breach culprit node iteration "made numbers that are not finite from finite ones" null

    /// Sees that what a rule made of some inputs has this shape and, if they are finite and not enormous, is finite.
    let aggregated culprit node iteration shape (inputs: torch.Tensor list) (made: torch.Tensor) =
        let made = shaped culprit node iteration shape inputs.Head made

        if not (Estimate.isFinite made) && List.forall isOrdinary inputs then
            notFinite culprit node iteration

    /// The same of what a rule made of all nodes' estimates. On a device nobody waits for it: the reading fails.
    let aggregatedTogether (experiment: Experiment) culprit iteration shape (pool: torch.Tensor) (made: torch.Tensor) =
        let made = shaped culprit None iteration shape pool made
        let isFinite = (experiment.Rows.FiniteRows made).all()

        if experiment.AllAtOnce then
            (isFinite.bitwise_not () &&& areOrdinary pool).view 1L
            |> Reading.ofNumbers (fun isBreach ->
                if isBreach[0] <> 0.0 then
                    notFinite culprit None iteration)
        elif Transfers.Read<bool>(isFinite)[0] || not (isOrdinary pool) then
            Reading.known ()
        else
            notFinite culprit None iteration
