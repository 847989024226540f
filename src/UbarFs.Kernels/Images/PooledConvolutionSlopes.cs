using System;
using System.Runtime.CompilerServices;
using UbarFs.Kernels.Estimates;

namespace UbarFs.Kernels.Images;

/// <summary>
/// The way back: each maximum's slope goes along the patch it came from, and along the weights it was made with; nothing else
/// has a slope. A row of a patch is a few vectors, the last of which may reach beyond it: the weights there are zero, and
/// nobody looks at the gradients.
/// </summary>
internal sealed unsafe class PooledConvolutionSlopes(
    PooledShape shape, float* images, float* weight, float* places, float* slopes, float* ofWeight, float* ofImages) : IKernel
{
    // As many slopes are added in float32, the rest in float64.
    private const int Together = 1024;

    public void Run<TLanes, TFloat, TDouble>()
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        var run = (shape.Run + TLanes.Floats - 1) / TLanes.Floats * TLanes.Floats;
        var count = shape.Outputs * shape.Kernel * run;
        using var weights = new Floats(count);
        using var sums = new Floats(count);
        using var frame = new Floats(Frame.Length(shape));
        using var ofFrame = new Floats(Frame.Length(shape));
        var totals = new double[count];
        var atOnce = Math.Max(1, Together / (shape.PooledHeight * shape.PooledWidth));
        ForEachWeight(run, (padded, plain) => weights.First[padded] = weight[plain]);
        for (var image = 0; image < shape.Images; image++)
        {
            Frame.Fill(shape, images + (image * shape.ImageLength), frame.First);
            ofFrame.Clear();
            Follow<TLanes, TFloat, TDouble>(image, run, weights.First, frame.First, sums.First, ofFrame.First);
            if (ofImages != null)
            {
                Frame.Empty(shape, ofFrame.First, ofImages + (image * shape.ImageLength));
            }

            if ((image + 1) % atOnce == 0 || image + 1 == shape.Images)
            {
                Add(sums.Span, totals);
                sums.Clear();
            }
        }

        ForEachWeight(run, (padded, plain) => ofWeight[plain] = (float)totals[padded]);
    }

    /// <summary>to += factor · from, for as many rows of so many numbers that are so far from each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddProducts<TLanes, TFloat, TDouble>(
        TFloat factor, float* from, nint fromStep, float* to, nint toStep, int rows, nint numbers)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        for (var row = 0; row < rows; row++)
        {
            for (nint number = 0; number < numbers; number += TLanes.Floats)
            {
                TLanes.Store(to + number, TLanes.MultiplyAdd(factor, TLanes.Load(from + number), TLanes.Load(to + number)));
            }

            from += fromStep;
            to += toStep;
        }
    }

    private static void Add(ReadOnlySpan<float> sums, Span<double> totals)
    {
        for (var index = 0; index < totals.Length; index++)
        {
            totals[index] += sums[index];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Follow<TLanes, TFloat, TDouble>(
        int image, int run, float* weights, float* frame, float* sums, float* ofFrame)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        var (outputs, kernel, line) = (shape.Outputs, shape.Kernel, shape.Line);
        float* slope = slopes + (image * shape.PooledLength), place = places + (image * shape.PooledLength);
        for (var square = 0; square < shape.PooledHeight * shape.PooledWidth; square++)
        {
            var (row, column) = Math.DivRem(square, shape.PooledWidth);
            var corner = ((row * line) + (column * shape.Channels)) * shape.Pool;
            for (var output = 0; output < outputs; output++)
            {
                var patch = corner + (int)*place;
                var (factor, own) = (TLanes.Broadcast(*slope), output * kernel * run);
                AddProducts<TLanes, TFloat, TDouble>(factor, frame + patch, line, sums + own, run, kernel, run);
                if (ofImages != null)
                {
                    AddProducts<TLanes, TFloat, TDouble>(factor, weights + own, run, ofFrame + patch, line, kernel, run);
                }

                place++;
                slope++;
            }
        }
    }

    /// <summary>Where each weight is among those whose rows are filled up to so many numbers, and where it is in the tensor.</summary>
    private void ForEachWeight(int run, Action<int, int> place)
    {
        for (var output = 0; output < shape.Outputs; output++)
        {
            for (var tap = 0; tap < shape.Taps; tap++)
            {
                var (row, number) = Math.DivRem(tap, shape.Run);
                var (column, channel) = Math.DivRem(number, shape.Channels);
                var plain = (((((output * shape.Channels) + channel) * shape.Kernel) + row) * shape.Kernel) + column;
                place((((output * shape.Kernel) + row) * run) + number, plain);
            }
        }
    }
}
