using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using TorchSharp;

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

    private sealed unsafe class Kernel : IKernel
    {
        private readonly RowMatrix _pool, _means;
        private readonly int[][] _lists;
        private readonly int[] _trims, _extra;

        // What each list needs; lists of one length and trim share it.
        private readonly Comparator[][] _networks;

        public Kernel(RowMatrix pool, int[][] lists, int[] trims, int[] extra, RowMatrix means)
        {
            (_pool, _lists, _trims, _extra, _means) = (pool, lists, trims, extra, means);
            var made = new Dictionary<(int, int), Comparator[]>();
            _networks = new Comparator[lists.Length][];
            for (var list = 0; list < lists.Length; list++)
            {
                var (count, trim) = (lists[list].Length, trims[list]);
                if (!made.TryGetValue((count, trim), out var network))
                {
                    network = SortingNetwork.Select(count, trim, count - trim);
                    made.Add((count, trim), network);
                }

                _networks[list] = network;
            }
        }

        public void Run<TLanes, TFloat, TDouble>()
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var width = RowKernels.BlockWidth(_pool.Rows, sizeof(float), 256, 4096);
            var most = _lists.Length == 0 ? 0 : _lists.Max(list => list.Length);
            Work.ForEach((_pool.Width + width - 1) / width, (long)most * ColumnRun.Length * sizeof(float), (block, scratch) =>
            {
                var end = Math.Min(_pool.Width, (block + 1) * width);
                for (var list = 0; list < _lists.Length; list++)
                {
                    for (var column = block * width; column < end; column += ColumnRun.Length)
                    {
                        var columns = Math.Min(ColumnRun.Length, end - column);
                        Mean<TLanes, TFloat, TDouble>(list, column, columns, (float*)scratch);
                    }
                }
            });
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Mean<TLanes, TFloat, TDouble>(int list, int column, int columns, float* places)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            ColumnRun.Load<TLanes, TFloat, TDouble>(_pool, _lists[list], column, columns, places);
            ColumnRun.Order<TLanes, TFloat, TDouble>(places, _networks[list]);
            var (first, end) = (_trims[list], _lists[list].Length - _trims[list]);
            var hasExtra = _extra[list] != Nobody;
            var share = 1.0 / (end - first + (hasExtra ? 1 : 0));
            var mean = _means[list] + column;
            var extra = hasExtra ? _pool[_extra[list]] + column : null;
            var lanes = TLanes.Floats / 2;
            var lane = 0;
            for (; lane + lanes <= columns; lane += lanes)
            {
                var sum = hasExtra ? TLanes.Widen(extra + lane) : default;
                for (var place = first; place < end; place++)
                {
                    sum = TLanes.Add(sum, TLanes.Widen(places + (place * ColumnRun.Length) + lane));
                }

                TLanes.StoreNarrow(mean + lane, TLanes.Multiply(sum, TLanes.Broadcast(share)));
            }

            for (; lane < columns; lane++)
            {
                var sum = hasExtra ? extra[lane] : 0.0;
                for (var place = first; place < end; place++)
                {
                    sum += places[(place * ColumnRun.Length) + lane];
                }

                mean[lane] = (float)(sum * share);
            }
        }
    }
}
