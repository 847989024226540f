using System;
using System.Runtime.CompilerServices;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Images;

/// <summary>
/// The way back: each maximum's slope goes along the patch it came from, and along the weights it was made with; nothing else
/// has a slope. A row of a patch is a few vectors, the last of which may reach beyond it: the weights there are zero, and
/// nobody looks at the gradients. (Slopes that are not finite so spread a little further than in libtorch.)
/// </summary>
internal sealed unsafe class PooledConvolutionSlopes(
    PooledShape shape, float* images, float* weight, float* places, float* slopes, float* ofWeight, float* ofImages) : IKernel
{
    // The slopes of about as many squares are added by themselves, and then to the rest: rounding does less that way.
    private const int Together = 1024;

    public void Run<TLanes, TFloat, TDouble>()
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        var run = (shape.Run + TLanes.Floats - 1) / TLanes.Floats * TLanes.Floats;
        var count = shape.Outputs * shape.Kernel * run;
        using var weights = new Scratch(ofImages == null ? 0 : count);
        using var sums = new Scratch(count);
        using var totals = new Scratch(count);
        using var frame = new Scratch(Frame.Length(shape));
        using var ofFrame = new Scratch(ofImages == null ? 0 : Frame.Length(shape));
        var atOnce = Math.Max(1, Together / (shape.PooledHeight * shape.PooledWidth));
        if (ofImages != null)
        {
            ByRow(weight, weights.First, run, unpack: false);
        }

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
                AddProducts<TLanes, TFloat, TDouble>(TLanes.Broadcast(1f), sums.First, 0, totals.First, 0, 1, count);
                sums.Clear();
            }
        }

        ByRow(ofWeight, totals.First, run, unpack: true);
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

    /// <summary>
    /// Copies a tensor's weights to where each row of a patch has so many numbers, in the order of a framed image, or back.
    /// </summary>
    private void ByRow(float* tensor, float* rows, int run, bool unpack)
    {
        var square = shape.Kernel * shape.Kernel;
        for (var output = 0; output < shape.Outputs; output++)
        {
            for (var place = 0; place < square; place++)
            {
                var from = tensor + (output * shape.Taps) + place;
                var (row, column) = Math.DivRem(place, shape.Kernel);
                var to = rows + (((output * shape.Kernel) + row) * run) + (column * shape.Channels);
                for (var channel = 0; channel < shape.Channels; channel++)
                {
                    if (unpack)
                    {
                        from[channel * square] = to[channel];
                    }
                    else
                    {
                        to[channel] = from[channel * square];
                    }
                }
            }
        }
    }
}
