using System;
using System.Runtime.CompilerServices;
using TorchSharp;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>On which side of a row the rows of a list lie, coordinate by coordinate.</summary>
public static class SignSums
{
    /// <summary>
    /// For list l (perhaps empty) of rows of <paramref name="pool"/> <c>[p, d]</c> and each coordinate, the sum over the list of
    /// sign(x_own − x_j), where own is <c>own[l]</c>: <c>[lists, d]</c>. A difference that is not a number counts as 0.
    /// </summary>
    public static torch.Tensor Of(torch.Tensor pool, int[] own, int[][] lists) => Of(pool, own, lists, Lanes.Chosen);

    internal static torch.Tensor Of(torch.Tensor pool, int[] own, int[][] lists, LaneWidth width)
    {
        ArgumentNullException.ThrowIfNull(own);
        ArgumentNullException.ThrowIfNull(lists);
        ArgumentOutOfRangeException.ThrowIfNotEqual(own.Length, lists.Length, nameof(own));
        var rows = RowMatrix.Of(pool);
        RowKernels.Check(own, rows.Rows);
        foreach (var list in lists)
        {
            RowKernels.Check(list, rows.Rows);
        }

        var sums = torch.empty(lists.Length, rows.Width, torch.ScalarType.Float32);
        Lanes.Run(new Kernel(rows, own, lists, RowMatrix.Of(sums)), width);
        GC.KeepAlive(pool);
        return sums;
    }

    // Sums of ones are exact in any order.
    private sealed unsafe class Kernel(RowMatrix pool, int[] own, int[][] lists, RowMatrix results) : IKernel
    {
        public void Run<TLanes, TFloat, TDouble>()
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var width = RowKernels.BlockWidth(pool.Rows, sizeof(float), 512, 4096);
            Work.ForEach((pool.Width + width - 1) / width, 0, (block, _) =>
            {
                var (start, end) = (block * width, Math.Min(pool.Width, (block + 1) * width));
                for (var list = 0; list < lists.Length; list++)
                {
                    Sum<TLanes, TFloat, TDouble>(pool[own[list]], lists[list], results[list], start, end);
                }
            });
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Sum<TLanes, TFloat, TDouble>(float* x, int[] list, float* result, int start, int end)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var (zero, one) = (TLanes.Broadcast(0.0f), TLanes.Broadcast(1.0f));
            var column = start;
            for (; column + TLanes.Floats <= end; column += TLanes.Floats)
            {
                var here = TLanes.Load(x + column);
                var sum = zero;
                foreach (var row in list)
                {
                    var there = TLanes.Load(pool[row] + column);
                    sum = TLanes.Add(sum, TLanes.Select(TLanes.LessThan(there, here), one, zero));
                    sum = TLanes.Subtract(sum, TLanes.Select(TLanes.LessThan(here, there), one, zero));
                }

                TLanes.Store(result + column, sum);
            }

            for (; column < end; column++)
            {
                var sum = 0;
                foreach (var row in list)
                {
                    var there = pool[row][column];
                    sum += there < x[column] ? 1 : x[column] < there ? -1 : 0;
                }

                result[column] = sum;
            }
        }
    }
}
