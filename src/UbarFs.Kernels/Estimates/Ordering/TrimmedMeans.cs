using System;
using System.Linq;
using TorchSharp;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// Means without the extreme values of every coordinate; the median is the case that leaves one value or two. NaN counts
/// as +∞.
/// </summary>
public static class TrimmedMeans
{
    /// <summary>No row besides those on the list.</summary>
    public const int Nobody = -1;

    /// <summary>
    /// For list l (not empty) of rows of <paramref name="pool"/> <c>[p, d]</c> and each coordinate, the mean of what is left
    /// without the <c>trims[l]</c> smallest and largest values, and of the value of row <c>extra[l]</c>, which may be
    /// <see cref="Nobody"/> and takes no part if it is not finite: <c>[lists, d]</c>. Sums are in float64.
    /// </summary>
    public static torch.Tensor Of(torch.Tensor pool, int[][] lists, int[] trims, int[] extra) =>
        Of(pool, lists, trims, extra, Lanes.Chosen);

    /// <summary>The coordinate-wise median of each list (not empty): the mean of the two middle values of an even number.</summary>
    public static torch.Tensor Medians(torch.Tensor pool, int[][] lists)
    {
        ArgumentNullException.ThrowIfNull(lists);
        return Of(pool, lists, [.. lists.Select(list => (list.Length - 1) / 2)], [.. lists.Select(_ => Nobody)]);
    }

    internal static torch.Tensor Of(torch.Tensor pool, int[][] lists, int[] trims, int[] extra, LaneWidth width)
    {
        ArgumentNullException.ThrowIfNull(lists);
        ArgumentNullException.ThrowIfNull(trims);
        ArgumentNullException.ThrowIfNull(extra);
        var rows = RowMatrix.Of(pool);
        var means = RowKernels.Result(lists, rows);
        RowKernels.Check([.. extra.Where(row => row != Nobody)], rows.Rows);
        var kernel = new Kernel(
            rows, [.. lists.Select((list, row) => new Mean(row, list, trims[row], extra[row]))], RowMatrix.Of(means));
        Lanes.Run(kernel, width);
        if (kernel.Spoilt is { Length: > 0 } spoilt)
        {
            Lanes.Run(new Kernel(rows, [.. spoilt.Select(mean => mean with { Extra = Nobody })], RowMatrix.Of(means)), width);
        }

        GC.KeepAlive(pool);
        return means;
    }

    /// <summary>One row of the results, and of what it is the mean.</summary>
    private readonly record struct Mean(int Row, int[] List, int Trim, int Extra);

    private sealed unsafe class Kernel(RowMatrix pool, Mean[] means, RowMatrix results) : IKernel
    {
        private readonly bool[] _isSpoilt = new bool[means.Length];

        /// <summary>Those whose extra row turned out not to be finite.</summary>
        public Mean[] Spoilt => [.. means.Where((_, mean) => _isSpoilt[mean])];

        public void Run<TLanes, TFloat, TDouble>()
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            int[][] lists = [.. means.Select(mean => mean.Extra == Nobody ? mean.List : [.. mean.List, mean.Extra])];
            NetworkCode[] networks =
            [
                .. means.Select(mean => Networks<TLanes, TFloat, TDouble>.TrimmedMean(
                    mean.List.Length, mean.Trim, mean.Extra != Nobody)),
            ];
            int[] to = [.. means.Select(mean => mean.Row)];
            OrderedLists.ForEach(pool, lists, networks, results, to, LookAtExtra<TLanes, TFloat, TDouble>);
        }

        // While it is in the cache: a pass of its own over these rows would take a tenth of the time.
        private void LookAtExtra<TLanes, TFloat, TDouble>(int mean, int column, int columns)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var extra = means[mean].Extra;
            if (extra != Nobody && !FiniteRows.All<TLanes, TFloat, TDouble>(pool[extra] + column, columns))
            {
                _isSpoilt[mean] = true;
            }
        }
    }
}
