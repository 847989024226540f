/// Order statistics of every coordinate over several estimates. NaN counts as +∞, so that it is trimmed like any other
/// extreme value. All arithmetic is in float64.
[<RequireQualifiedAccess>]
module UbarFs.Core.OrderStatistics

open TorchSharp

/// Each coordinate's values in ascending order: `[m, d]` in float64 from estimates `[m, d]`.
let sorted (estimates: torch.Tensor) : torch.Tensor =
    use scope = torch.NewDisposeScope()
    let values = estimates.to_type torch.float64
    let ordered = Native.number infinity (fun largest -> values.masked_fill (values.isnan (), largest))
    let struct (ascending, _) = ordered.sort 0L
    ascending.MoveToOuterDisposeScope()

/// Each coordinate's median, `[d]`, from values in ascending order, `[m, d]`: the mean of the two middle ones for an
/// even m.
let median (ascending: torch.Tensor) : torch.Tensor =
    use scope = torch.NewDisposeScope()
    let count = ascending.shape[0]
    // Halves first: the sum of two large values could overflow.
    let lower, upper = ascending[(count - 1L) / 2L], ascending[count / 2L]
    (Native.sum (Native.scaled 0.5 lower) (Native.scaled 0.5 upper)).MoveToOuterDisposeScope()

/// What is left of values in ascending order, `[m, d]`, without the `count` smallest and largest of each coordinate.
let trimmed (count: int) (ascending: torch.Tensor) : torch.Tensor =
    ascending.narrow (0L, int64 count, ascending.shape[0] - 2L * int64 count)

/// The median of some numbers (not none): the mean of the two middle ones of an even number.
let medianOf (numbers: float[]) : float =
    let sorted = Array.sort numbers
    let lower, upper = sorted[(sorted.Length - 1) / 2], sorted[sorted.Length / 2]
    lower + (upper - lower) / 2.0
