using System;
using System.Linq;
using System.Runtime.CompilerServices;
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
        RowKernels.IsOnDevice(pool)
            ? OnDevice.TrimmedMean(pool, lists, trims, extra)
            : Of(pool, lists, trims, extra, Lanes.Widest);

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
        var named = extra.Where(row => row != Nobody).ToArray();
        var absent = named.Zip(FiniteRows.Of(pool, named)).Where(row => !row.Second).Select(row => row.First).ToHashSet();
        int[] present = [.. extra.Select(row => absent.Contains(row) ? Nobody : row)];
        Lanes.Run(new Kernel(rows, lists, trims, present, RowMatrix.Of(means)), width);
        GC.KeepAlive(pool);
        return means;
    }

    private sealed unsafe class Kernel(RowMatrix pool, int[][] lists, int[] trims, int[] extra, RowMatrix means) : IKernel
    {
        public void Run<TLanes, TFloat, TDouble>()
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            Ordering[] orderings =
            [
                .. lists.Zip(trims, (list, trim) =>
                    Orderings<TLanes, TFloat, TDouble>.Select(list.Length, trim, list.Length - trim)),
            ];
            OrderedLists.ForEach(pool, lists, orderings, Mean<TLanes, TFloat, TDouble>);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Mean<TLanes, TFloat, TDouble>(int list, int column, int columns, float* places)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var (first, end) = (trims[list], lists[list].Length - trims[list]);
            var hasExtra = extra[list] != Nobody;
            var share = 1.0 / (end - first + (hasExtra ? 1 : 0));
            var mean = means[list] + column;
            var own = hasExtra ? pool[extra[list]] + column : null;
            var lanes = TLanes.Floats / 2;
            var lane = 0;
            for (; lane + lanes <= columns; lane += lanes)
            {
                var sum = hasExtra ? TLanes.Widen(own + lane) : default;
                for (var place = first; place < end; place++)
                {
                    sum = TLanes.Add(sum, TLanes.Widen(places + (place * ColumnRun.Length) + lane));
                }

                TLanes.StoreNarrow(mean + lane, TLanes.Multiply(sum, TLanes.Broadcast(share)));
            }

            for (; lane < columns; lane++)
            {
                var sum = hasExtra ? own[lane] : 0.0;
                for (var place = first; place < end; place++)
                {
                    sum += places[(place * ColumnRun.Length) + lane];
                }

                mean[lane] = (float)(sum * share);
            }
        }
    }
}
