using System;
using System.Runtime.CompilerServices;
using TorchSharp;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>The general update function (equation 2) of many nodes at once.</summary>
public static class Updates
{
    /// <summary>
    /// x' = αx + (1−α)R − λ∇l for some rows of <paramref name="estimates"/> and <paramref name="gradients"/>
    /// <c>[n, d]</c>: row <c>nodes[k]</c> has <c>alphas[k]</c> and row k of <paramref name="aggregates"/>. An own estimate
    /// that is not finite is replaced by R. All other rows are copied.
    /// </summary>
    public static torch.Tensor Of(
        torch.Tensor estimates, torch.Tensor aggregates, torch.Tensor gradients, int[] nodes, double[] alphas, double rate)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        ArgumentNullException.ThrowIfNull(alphas);
        var (own, combined, slopes) = (RowMatrix.Of(estimates), RowMatrix.Of(aggregates), RowMatrix.Of(gradients));
        RowKernels.Check(nodes, own.Rows);
        ArgumentOutOfRangeException.ThrowIfNotEqual(combined.Rows, nodes.Length, nameof(aggregates));
        ArgumentOutOfRangeException.ThrowIfNotEqual(slopes.Rows, own.Rows, nameof(gradients));
        var updated = torch.empty_like(estimates);
        var places = new int[own.Rows];
        Array.Fill(places, -1);
        for (var place = 0; place < nodes.Length; place++)
        {
            places[nodes[place]] = place;
        }

        Lanes.Run(new Kernel(own, combined, slopes, places, alphas, rate, RowMatrix.Of(updated)), Lanes.Chosen);
        GC.KeepAlive(estimates);
        GC.KeepAlive(aggregates);
        GC.KeepAlive(gradients);
        return updated;
    }

    private sealed unsafe class Kernel(
        RowMatrix own, RowMatrix aggregates, RowMatrix gradients, int[] places, double[] alphas, double rate, RowMatrix updated)
        : IKernel
    {
        public void Run<TLanes, TFloat, TDouble>()
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct =>
            Work.ForEach(own.Rows, 0, (row, _) =>
            {
                var place = places[row];
                if (place < 0)
                {
                    Copy(own[row], updated[row]);
                }
                else if (FiniteRows.All<TLanes, TFloat, TDouble>(own[row], own.Width))
                {
                    Step<TLanes, TFloat, TDouble>(row, place);
                }
                else
                {
                    Copy(aggregates[place], updated[row]);
                }
            });

        private void Copy(float* from, float* to) =>
            new ReadOnlySpan<float>(from, own.Width).CopyTo(new Span<float>(to, own.Width));

        // In float32 and this order, as the reference form does it.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Step<TLanes, TFloat, TDouble>(int row, int place)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            float* x = own[row], r = aggregates[place], g = gradients[row], to = updated[row];
            var (alpha, beta, step) = ((float)alphas[place], (float)(1.0 - alphas[place]), (float)rate);
            var (alphaLanes, betaLanes) = (TLanes.Broadcast(alpha), TLanes.Broadcast(beta));
            var stepLanes = TLanes.Broadcast(step);
            var column = 0;
            for (; column + TLanes.Floats <= own.Width; column += TLanes.Floats)
            {
                var kept = TLanes.Multiply(TLanes.Load(x + column), alphaLanes);
                var mixed = TLanes.Add(kept, TLanes.Multiply(TLanes.Load(r + column), betaLanes));
                var slope = TLanes.Multiply(TLanes.Load(g + column), stepLanes);
                TLanes.Store(to + column, TLanes.Subtract(mixed, slope));
            }

            for (; column < own.Width; column++)
            {
                to[column] = (x[column] * alpha) + (r[column] * beta) - (g[column] * step);
            }
        }
    }
}
