namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core
open UbarFs.Kernels

/// What some nodes' gradients became in an iteration.
type Directed =
    {
        /// What equation 2 multiplies by λ(k): the sum of the directions of all local steps, rows of `[N, d]`.
        Total: torch.Tensor
        /// The directions that momentum remembers, `[N, d]`.
        Kept: torch.Tensor option
        /// The losses at x_k, `[n]` in float64, and the batches that they are of: those of the first step.
        Losses: torch.Tensor
        Batches: Batches
    }

/// From gradients to the directions of steps: the norm is clipped as by PyTorch's clip_grad_norm_, weight decay and momentum
/// follow as in its SGD.
[<RequireQualifiedAccess>]
module Directions =

    /// Whether every node does one step along its gradient.
    let isPlain (plan: TrainingPlan) =
        plan.Momentum.IsNone && plan.WeightDecay = 0.0 && plan.GradientClip.IsNone && plan.LocalSteps = 1

    /// What momentum remembers before the first step.
    let start (plan: TrainingPlan) (estimates: torch.Tensor) : torch.Tensor option =
        plan.Momentum |> Option.map (fun _ -> torch.zeros_like estimates)

    let private addTo (target: torch.Tensor) (factor: float) (other: torch.Tensor) =
        Native.number factor (fun factor -> target.add_ (other, factor)) |> ignore

    // As PyTorch: the norm may be short by its rounding, and a gradient of 0 stays one.
    let private clip (most: float) (gradients: torch.Tensor) =
        let squares = Native.square (gradients.to_type torch.float64)
        let norms = squares.sum([| 1L |], keepdim = true).sqrt()

        let factors =
            Native.number most (fun most -> (Native.shifted 1e-6 norms).reciprocal().mul most)
            |> fun factors -> Native.number 1.0 (fun one -> factors.clamp_max one)

        gradients.mul_ (factors.to_type gradients.dtype) |> ignore

    // A direction that is not finite would stay so, however soon the node's estimate recovered: it starts from 0 again.
    let private withoutNonFinite (experiment: Experiment) (kept: torch.Tensor) =
        use scope = torch.NewDisposeScope()
        let lost = (experiment.Rows.FiniteRows kept).bitwise_not()

        // A device is not waited for.
        if experiment.AllAtOnce || Transfers.Read<bool>(lost.any ())[0] then
            Native.number 0.0 (fun zero -> kept.masked_fill_ (lost.unsqueeze 1L, zero)) |> ignore

    /// Makes rows of gradients `[m, d]` at some estimates the directions of their step; `kept` are the nodes' directions
    /// before, and become those after it.
    let private direct (plan: TrainingPlan) (estimates: torch.Tensor) gradients (kept: torch.Tensor option) =
        plan.GradientClip |> Option.iter (fun most -> clip most gradients)

        if plan.WeightDecay > 0.0 then
            addTo gradients plan.WeightDecay estimates

        match plan.Momentum, kept with
        | Some momentum, Some kept ->
            let share =
                match momentum.Form with
                | MomentumForm.HeavyBall -> 1.0
                | MomentumForm.Averaged -> 1.0 - momentum.Beta

            Native.number momentum.Beta (fun beta -> kept.mul_ beta) |> ignore
            addTo kept share gradients
            gradients.copy_ kept |> ignore
        | _ -> ()

    /// One step of some rows: their gradients become directions, which are added to the total, and the local estimates move
    /// along them if another step follows.
    let private step plan rate isLast (local: torch.Tensor) gradients (total: torch.Tensor option) kept =
        use scope = torch.NewDisposeScope()
        direct plan local gradients kept

        if not isLast then
            addTo local -rate gradients

        total |> Option.iter (fun total -> addTo total 1.0 gradients)

    // On the CPU node by node on the workers, as gradients are; on a device all rows at once, of which those that are not of
    // these nodes stay 0.
    let private stepOfAll (experiment: Experiment) (nodes: int[]) rate isLast local gradients total kept =
        let plan = experiment.Run.Training

        if experiment.AllAtOnce then
            step plan rate isLast local gradients total kept
        else
            Workers.ForEach(
                nodes.Length,
                fun index ->
                    use scope = torch.NewDisposeScope()
                    let row (tensor: torch.Tensor) = tensor.narrow (0L, int64 nodes[index], 1L)

                    step plan rate isLast (row local) (row gradients) (Option.map row total) (Option.map row kept)
            )

    // The signs that most of the gradients of each node's parts have at its row. Its loss is that of its own batch.
    let private elected (experiment: Experiment) iteration (nodes: int[]) (estimates: torch.Tensor) (parts: int[][]) =
        let batches = Passes.batches experiment iteration nodes
        let losses, votes = Passes.gradients experiment nodes batches estimates
        votes.sign_ () |> ignore
        let others = parts |> Array.mapi (fun node parts -> Array.except [ node ] parts)
        let most = nodes |> Seq.map (fun node -> others[node].Length) |> Seq.max

        for turn in 0 .. most - 1 do
            use scope = torch.NewDisposeScope()
            let voters = nodes |> Array.filter (fun node -> others[node].Length > turn)

            let theirs =
                { experiment with
                    BatchOf =
                        experiment.BatchOf
                        |> Array.mapi (fun node own -> others[node] |> Array.tryItem turn |> Option.defaultValue own) }

            let batches = Passes.batches theirs iteration voters
            let _, gradients = Passes.gradients theirs voters batches estimates
            addTo votes 1.0 (gradients.sign ())

        { Total = votes.sign_ (); Kept = None; Losses = losses; Batches = batches }

    /// The local steps of some nodes in an iteration, at their rows of x_k `[N, d]`: with τ steps, each at where the one
    /// before led to, at one rate λ(k). Without momentum, clipping, weight decay and further steps, gradients are
    /// directions.
    let walk (experiment: Experiment) (iteration: int64) (nodes: int[]) (estimates: torch.Tensor) before : Directed =
        match experiment.Parts with
        | Some parts -> elected experiment iteration nodes estimates parts
        | None ->
            let plan = experiment.Run.Training
            let steps = plan.LocalSteps
            let first = iteration * int64 steps
            let batches = Passes.batches experiment first nodes
            let losses, gradients = Passes.gradients experiment nodes batches estimates

            if isPlain plan then
                { Total = gradients; Kept = before; Losses = losses; Batches = batches }
            else
                let rate = Schedule.rate experiment.Schedule plan.Rate (int iteration)
                let kept = before |> Option.map (fun (before: torch.Tensor) -> before.clone ())
                let isSingle = steps = 1
                let local = if isSingle then estimates else estimates.clone ()
                let total = if isSingle then None else Some(torch.zeros_like estimates)
                stepOfAll experiment nodes rate isSingle local gradients total kept

                for later in 1 .. steps - 1 do
                    use scope = torch.NewDisposeScope()
                    let batches = Passes.batches experiment (first + int64 later) nodes
                    let _, gradients = Passes.gradients experiment nodes batches local
                    stepOfAll experiment nodes rate (later = steps - 1) local gradients total kept

                kept |> Option.iter (withoutNonFinite experiment)

                { Total = Option.defaultValue gradients total
                  Kept = kept
                  Losses = losses
                  Batches = batches }
