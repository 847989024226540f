using System;
using System.Runtime.CompilerServices;
using TorchSharp;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>Means of listed rows, with equal weights or with given ones, accumulated in float64.</summary>
public static class RowMeans
{
    /// <summary>
    /// For each list (not empty) the mean of its rows of <paramref name="pool"/> <c>[p, d]</c>: <c>[lists, d]</c>.
    /// </summary>
    public static torch.Tensor Of(torch.Tensor pool, int[][] lists) => Of(pool, lists, Lanes.Chosen);

    /// <summary>
    /// For each list (not empty) the sum of its rows of <paramref name="pool"/> <c>[p, d]</c>, each times its weight:
    /// <c>[lists, d]</c>.
    /// </summary>
    public static torch.Tensor Weighted(torch.Tensor pool, int[][] lists, double[][] weights) =>
        Weighted(pool, lists, weights, Lanes.Chosen);

    internal static torch.Tensor Of(torch.Tensor pool, int[][] lists, LaneWidth width)
    {
        ArgumentNullException.ThrowIfNull(lists);
        var rows = RowMatrix.Of(pool);
        var means = RowKernels.Result(lists, rows);
        Lanes.Run(new Kernel(rows, lists, null, RowMatrix.Of(means)), width);
        GC.KeepAlive(pool);
        return means;
    }

    internal static torch.Tensor Weighted(torch.Tensor pool, int[][] lists, double[][] weights, LaneWidth width)
    {
        ArgumentNullException.ThrowIfNull(lists);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentOutOfRangeException.ThrowIfNotEqual(weights.Length, lists.Length, nameof(weights));
        for (var list = 0; list < lists.Length; list++)
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual(weights[list].Length, lists[list].Length, nameof(weights));
        }

        var rows = RowMatrix.Of(pool);
        var sums = RowKernels.Result(lists, rows);
        Lanes.Run(new Kernel(rows, lists, weights, RowMatrix.Of(sums)), width);
        GC.KeepAlive(pool);
        return sums;
    }

    // Without weights every row of a list has the same: the sum is divided once.
    private sealed unsafe class Kernel(RowMatrix pool, int[][] lists, double[][]? weights, RowMatrix results) : IKernel
    {
        public void Run<TLanes, TFloat, TDouble>()
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var width = RowKernels.BlockWidth(pool.Rows, sizeof(float), 512, 4096);
            Work.ForEach(((pool.Width - 1) / width) + 1, 0, (block, _) =>
            {
                var (start, end) = (block * width, Math.Min(pool.Width, (block + 1) * width));
                var ahead = new RowsAhead(pool, lists, start, end);
                for (var list = 0; list < lists.Length; list++)
                {
                    ahead.After(list);
                    if (weights is null)
                    {
                        Mean<TLanes, TFloat, TDouble>(lists[list], results[list], start, end);
                    }
                    else
                    {
                        Sum<TLanes, TFloat, TDouble>(lists[list], weights[list], results[list], start, end);
                    }
                }
            });
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Mean<TLanes, TFloat, TDouble>(ReadOnlySpan<int> list, float* mean, int start, int end)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var lanes = TLanes.Floats / 2;
            var share = TLanes.Broadcast(1.0 / list.Length);
            var column = start;
            for (; column + (4 * lanes) <= end; column += 4 * lanes)
            {
                var (sum0, sum1, sum2, sum3) = (default(TDouble), default(TDouble), default(TDouble), default(TDouble));
                foreach (var row in list)
                {
                    var values = pool[row] + column;
                    sum0 = TLanes.Add(sum0, TLanes.Widen(values));
                    sum1 = TLanes.Add(sum1, TLanes.Widen(values + lanes));
                    sum2 = TLanes.Add(sum2, TLanes.Widen(values + (2 * lanes)));
                    sum3 = TLanes.Add(sum3, TLanes.Widen(values + (3 * lanes)));
                }

                TLanes.StoreNarrow(mean + column, TLanes.Multiply(sum0, share));
                TLanes.StoreNarrow(mean + column + lanes, TLanes.Multiply(sum1, share));
                TLanes.StoreNarrow(mean + column + (2 * lanes), TLanes.Multiply(sum2, share));
                TLanes.StoreNarrow(mean + column + (3 * lanes), TLanes.Multiply(sum3, share));
            }

            for (; column < end; column++)
            {
                var sum = 0.0;
                foreach (var row in list)
                {
                    sum += pool[row][column];
                }

                mean[column] = (float)(sum * (1.0 / list.Length));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Sum<TLanes, TFloat, TDouble>(
            ReadOnlySpan<int> list, ReadOnlySpan<double> shares, float* result, int start, int end)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var lanes = TLanes.Floats / 2;
            var column = start;
            for (; column + (2 * lanes) <= end; column += 2 * lanes)
            {
                var (sum0, sum1) = (default(TDouble), default(TDouble));
                for (var place = 0; place < list.Length; place++)
                {
                    var values = pool[list[place]] + column;
                    var share = TLanes.Broadcast(shares[place]);
                    sum0 = TLanes.MultiplyAdd(share, TLanes.Widen(values), sum0);
                    sum1 = TLanes.MultiplyAdd(share, TLanes.Widen(values + lanes), sum1);
                }

                TLanes.StoreNarrow(result + column, sum0);
                TLanes.StoreNarrow(result + column + lanes, sum1);
            }

            for (; column < end; column++)
            {
                var sum = 0.0;
                for (var place = 0; place < list.Length; place++)
                {
                    sum = Math.FusedMultiplyAdd(shares[place], pool[list[place]][column], sum);
                }

                result[column] = (float)sum;
            }
        }
    }
}
