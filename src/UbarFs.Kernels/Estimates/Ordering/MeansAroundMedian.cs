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
        Of(pool, lists, counts, Lanes.Chosen);

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
            NetworkCode[] networks = [.. lists.Zip(counts, Mean<TLanes, TFloat, TDouble>)];
            OrderedLists.ForEach(pool, lists, networks, means, [.. Enumerable.Range(0, lists.Length)]);
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

        private static NetworkCode Mean<TLanes, TFloat, TDouble>(int[] list, int count)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var sort = Networks<TLanes, TFloat, TDouble>.Sort(list.Length);
            var counted = Math.Min(count, list.Length);
            return (rows, column, places, result) =>
            {
                sort(rows, column, places, result);
                StoreMean<TLanes, TFloat, TDouble>(places, list.Length, counted, result);
            };
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void StoreMean<TLanes, TFloat, TDouble>(float* places, int many, int count, float* result)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var share = TLanes.Broadcast(1.0 / count);
            for (var lane = 0; lane < ColumnRun.Length; lane += TLanes.Floats / 2)
            {
                var sum = SumNearest<TLanes, TFloat, TDouble>(places + lane, many, count);
                TLanes.StoreNarrow(result + lane, TLanes.Multiply(sum, share));
            }
        }
    }
}
