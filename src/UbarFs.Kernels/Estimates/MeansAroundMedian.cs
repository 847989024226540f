using System;
using System.Linq;
using System.Runtime.CompilerServices;
using TorchSharp;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>Bulyan's last step: per coordinate, the mean of the values nearest their median.</summary>
public static class MeansAroundMedian
{
    /// <summary>
    /// For list l (not empty) of finite rows of <paramref name="pool"/> <c>[p, d]</c> and each coordinate, the mean of the
    /// <c>counts[l]</c> values nearest their median, of two as near the smaller: <c>[lists, d]</c>. All arithmetic is in
    /// float64.
    /// </summary>
    public static torch.Tensor Of(torch.Tensor pool, int[][] lists, int[] counts) =>
        RowKernels.IsOnDevice(pool)
            ? OnDevice.MeanAroundMedian(pool, lists, counts)
            : Of(pool, lists, counts, Lanes.Widest);

    internal static torch.Tensor Of(torch.Tensor pool, int[][] lists, int[] counts, LaneWidth width)
    {
        ArgumentNullException.ThrowIfNull(lists);
        ArgumentNullException.ThrowIfNull(counts);
        var rows = RowMatrix.Of(pool);
        var means = RowKernels.Result(lists, rows);
        Lanes.Run(new Kernel(rows, lists, counts, RowMatrix.Of(means)), width);
        GC.KeepAlive(pool);
        return means;
    }

    private sealed unsafe class Kernel(RowMatrix pool, int[][] lists, int[] counts, RowMatrix means) : IKernel
    {
        public void Run<TLanes, TFloat, TDouble>()
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            NetworkCode[] sorts = [.. lists.Select(list => Networks<TLanes, TFloat, TDouble>.Sort(list.Length))];
            OrderedLists.ForEach(pool, lists, sorts, Mean<TLanes, TFloat, TDouble>);
        }

        // In ascending order the nearest values are neighbours. Starting from the `count` smallest, the smallest member
        // goes and the next larger value comes while that one is nearer, which it can be only if the member lies below the
        // median. So value k of m is left out if it went, which only the first m − count can, or if it did not come,
        // which only the last m − count can.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TDouble SumNearest<TLanes, TFloat, TDouble>(float* places, int many, int count)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var half = TLanes.Broadcast(0.5);
            var lower = TLanes.Widen(places + ((many - 1) / 2 * ColumnRun.Length));
            var upper = TLanes.Widen(places + (many / 2 * ColumnRun.Length));
            var median = TLanes.Add(TLanes.Multiply(lower, half), TLanes.Multiply(upper, half));
            TDouble sum = default;
            for (var rank = 0; rank < many; rank++)
            {
                var value = TLanes.Widen(places + (rank * ColumnRun.Length));
                var summand = value;
                if (rank + count < many)
                {
                    var next = TLanes.Widen(places + ((rank + count) * ColumnRun.Length));
                    var goes = TLanes.LessThan(TLanes.Subtract(next, median), TLanes.Subtract(median, value));
                    summand = TLanes.Select(goes, default, summand);
                }

                if (rank >= count)
                {
                    var gone = TLanes.Widen(places + ((rank - count) * ColumnRun.Length));
                    var comes = TLanes.LessThan(TLanes.Subtract(value, median), TLanes.Subtract(median, gone));
                    summand = TLanes.Select(comes, summand, default);
                }

                sum = TLanes.Add(sum, summand);
            }

            return sum;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Mean<TLanes, TFloat, TDouble>(int list, int column, int columns, float* places)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var many = lists[list].Length;
            var count = Math.Min(counts[list], many);
            var share = TLanes.Broadcast(1.0 / count);
            var to = means[list] + column;
            var lanes = TLanes.Floats / 2;
            for (var lane = 0; lane < columns; lane += lanes)
            {
                var mean = TLanes.Multiply(SumNearest<TLanes, TFloat, TDouble>(places + lane, many, count), share);
                if (lane + lanes <= columns)
                {
                    TLanes.StoreNarrow(to + lane, mean);
                }
                else
                {
                    StoreFirst<TLanes, TFloat, TDouble>(to + lane, columns - lane, mean);
                }
            }
        }

        private static void StoreFirst<TLanes, TFloat, TDouble>(float* to, int lanes, TDouble value)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var all = stackalloc float[TLanes.Floats / 2];
            TLanes.StoreNarrow(all, value);
            new ReadOnlySpan<float>(all, lanes).CopyTo(new Span<float>(to, lanes));
        }
    }
}
