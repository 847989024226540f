namespace UbarFs.Core

open System
open TorchSharp
open UbarFs.Kernels

/// Questions about estimates that every rule asks. Sums are accumulated in float64, whatever the estimates' type.
[<RequireQualifiedAccess>]
module Estimate =

    let private float64s (tensor: torch.Tensor) = Transfers.Read<float>(tensor.to_type torch.float64)

    /// Whether every coordinate is finite.
    let isFinite (estimate: torch.Tensor) =
        use scope = torch.NewDisposeScope()
        Transfers.Read<bool>(estimate.isfinite().all())[0]

    /// For each row of `[m, d]`, whether every coordinate is finite.
    let finiteRows (estimates: torch.Tensor) : bool[] =
        use scope = torch.NewDisposeScope()
        Transfers.Read<bool>(estimates.isfinite().all 1L)

    // Squares overflow before distances do. Dividing by the largest difference first avoids that, but can split
    // ties, so it is the second choice.
    let private norms (differences: torch.Tensor) =
        let plain = (differences * differences).sum(1L).sqrt() |> float64s

        if Array.forall Double.IsFinite plain then
            plain
        else
            let largest = differences.abs().amax([| 1L |], true)

            let scaled =
                ((Native.square (differences / largest)).sum(1L, true).sqrt() * largest).squeeze 1L |> float64s

            Array.map2 (fun plain scaled -> if Double.IsFinite plain then plain else scaled) plain scaled

    /// Euclidean distances from `own` `[d]` to each row of `received` `[m, d]`. An estimate with a coordinate that
    /// is not finite is infinitely far away.
    let distances (own: torch.Tensor) (received: torch.Tensor) : float[] =
        use scope = torch.NewDisposeScope()

        norms (received.to_type torch.float64 - own.to_type torch.float64)
        |> Array.map (fun distance -> if Double.IsFinite distance then distance else infinity)

    /// The estimates in float64, times a power of two if their squares could overflow or vanish: what does not depend on
    /// the scale can be made of them. They are finite.
    let tamed (estimates: torch.Tensor) : torch.Tensor =
        use scope = torch.NewDisposeScope()
        let wide = estimates.to_type torch.float64
        // The squares of other numbers stay within float64.
        let largest =
            if estimates.dtype = torch.float64 then
                Native.read (wide.abs().amax())
            else
                1.0

        // A power of two rounds nothing.
        let scaled =
            if largest > 1e100 || (largest > 0.0 && largest < 1e-100) then
                Native.scaled (Math.ScaleB(1.0, -Math.ILogB largest)) wide
            else
                wide.alias ()

        scaled.MoveToOuterDisposeScope()

    /// ⟨x_k, x_l⟩ for all rows of `[m, d]`, `[m, m]` in float64.
    let products (estimates: torch.Tensor) : torch.Tensor =
        use scope = torch.NewDisposeScope()
        let wide = estimates.to_type torch.float64
        (wide.matmul (wide.t ())).MoveToOuterDisposeScope()

    // ‖x_j − x_row‖² for all rows j behind one. Differences first: products of whole estimates would cancel when these are
    // close.
    let private squaresBehind (wide: torch.Tensor) row : float[] =
        use scope = torch.NewDisposeScope()
        let others = wide.shape[0] - int64 row - 1L

        if others = 0L then
            [||]
        else
            let differences = wide.narrow (0L, int64 row + 1L, others) - wide[int64 row]
            differences.mul_ differences |> ignore
            float64s (differences.sum 1L)

    // Each pair is computed once.
    let private mirrored size (behind: float[][]) : float[][] =
        let between row other =
            let square = behind[min row other][abs (row - other) - 1]
            if Double.IsFinite square then square else infinity

        Array.init size (fun row -> Array.init size (fun other -> if other = row then 0.0 else between row other))

    /// The squared distance between any two rows of `[m, d]`, as m lists of m; infinite where one is not finite or the
    /// square overflows, and 0 on the diagonal.
    let pairwiseSquares (estimates: torch.Tensor) : float[][] =
        use scope = torch.NewDisposeScope()
        let wide = estimates.to_type torch.float64
        let size = int wide.shape[0]
        mirrored size (Array.init size (squaresBehind wide))

    /// The same on all workers, for who has none to share yet: the same bits.
    let internal pairwiseSquaresTogether (estimates: torch.Tensor) : float[][] =
        if estimates.device_type = DeviceType.CPU then
            use scope = torch.NewDisposeScope()
            let wide = estimates.to_type torch.float64
            let size = int wide.shape[0]
            let behind = Array.create size [||]
            Workers.ForEach(size, (fun row -> behind[row] <- squaresBehind wide row))
            mirrored size behind
        else
            pairwiseSquares estimates

    /// Some rows of `[m, d]`, as a tensor of their own.
    let rows (selected: int[]) (estimates: torch.Tensor) =
        use indices = Transfers.Send(selected, estimates.device)
        estimates.index_select (0L, indices)

    // A sum of float64 numbers can overflow where their mean does not. Rounding must not carry it out again.
    let private meanOfParts (estimates: torch.Tensor) =
        let parts = Native.number (float estimates.shape[0]) (fun count -> estimates.div count)
        parts.sum(0L).minimum(estimates.amax ([| 0L |])).maximum(estimates.amin ([| 0L |]))

    /// The mean of all rows of `[m, d]`, as `[d]` in the rows' own type. Finite where the rows are.
    let mean (estimates: torch.Tensor) =
        use scope = torch.NewDisposeScope()
        let plain = estimates.mean ([| 0L |], ``type`` = torch.float64)

        let mean =
            if estimates.dtype = torch.float64 && not (isFinite plain) then
                torch.where (plain.isfinite (), plain, meanOfParts estimates)
            else
                plain

        mean.to_type(estimates.dtype).MoveToOuterDisposeScope()

    /// The mean of some rows of `[m, d]`, likewise.
    let meanOf (selected: int[]) (estimates: torch.Tensor) =
        use selected = rows selected estimates
        mean selected

    /// Σ_j w_j x_j / Σ_j w_j over all rows of `[m, d]`, likewise. Equal weights make the plain mean of it.
    let weightedMean (weights: float[]) (estimates: torch.Tensor) =
        if weights |> Array.forall ((=) weights[0]) then
            mean estimates
        else
            use scope = torch.NewDisposeScope()
            let total = Array.sum weights
            let shares = weights |> Array.map (fun weight -> weight / total)
            // Not by BLAS, which rounds otherwise where memory begins elsewhere.
            let shares = torch.tensor(shares, device = estimates.device).unsqueeze 1L
            let sum = (estimates.to_type (torch.float64) * shares).sum 0L
            sum.to_type(estimates.dtype).MoveToOuterDisposeScope()
