using System;
using System.Runtime.CompilerServices;
using TorchSharp;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>Which rows are finite.</summary>
public static class FiniteRows
{
    /// <summary>For each of some rows of <paramref name="pool"/> <c>[p, d]</c>, whether all its coordinates are finite.</summary>
    public static bool[] Of(torch.Tensor pool, int[] rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var matrix = RowMatrix.Of(pool);
        RowKernels.Check(rows, matrix.Rows);
        var kernel = new Kernel(matrix, rows);
        Lanes.Run(kernel, Lanes.Chosen);
        GC.KeepAlive(pool);
        return kernel.Finite;
    }

    /// <summary>Whether all of some values are finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static unsafe bool All<TLanes, TFloat, TDouble>(float* values, int count)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        // 0·x is 0 for a finite x and NaN otherwise, and NaN stays in a sum.
        var (zero, one, other) = (TLanes.Broadcast(0.0f), TLanes.Broadcast(0.0f), TLanes.Broadcast(0.0f));
        var column = 0;
        for (; column + (2 * TLanes.Floats) <= count; column += 2 * TLanes.Floats)
        {
            one = TLanes.Add(one, TLanes.Multiply(zero, TLanes.Load(values + column)));
            other = TLanes.Add(other, TLanes.Multiply(zero, TLanes.Load(values + column + TLanes.Floats)));
        }

        var sum = TLanes.Sum(TLanes.Add(one, other));
        for (; column < count; column++)
        {
            sum += 0.0f * values[column];
        }

        return sum == 0.0f;
    }

    private sealed unsafe class Kernel(RowMatrix pool, int[] rows) : IKernel
    {
        public bool[] Finite { get; } = new bool[rows.Length];

        public void Run<TLanes, TFloat, TDouble>()
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct =>
            Work.ForEach(rows.Length, 0, (item, _) =>
                Finite[item] = All<TLanes, TFloat, TDouble>(pool[rows[item]], pool.Width));
    }
}
