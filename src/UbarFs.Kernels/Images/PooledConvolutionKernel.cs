using System;
using System.Runtime.CompilerServices;
using UbarFs.Kernels.Estimates;

namespace UbarFs.Kernels.Images;

/// <summary>
/// The outputs of some channels are a vector. A row of the convolution's outputs is computed eight positions at a time, each
/// a sum in a register; once as many rows are there as a square is high, their maxima are written. A maximum's place is how
/// far its patch is from the first one of its square, in numbers of the framed image.
/// </summary>
internal sealed unsafe class PooledConvolutionKernel(
    PooledShape shape, float* images, float* weight, float* bias, float* maxima, float* places) : IKernel
{
    private const int Together = Frame.SparePositions;

    /// <summary>Positions that are computed in a row.</summary>
    private readonly int _computed = (shape.Positions + Together - 1) / Together * Together;

    public void Run<TLanes, TFloat, TDouble>()
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        using var weights = new Floats(shape.Taps * shape.Outputs);
        using var outputs = new Floats(shape.Pool * _computed * TLanes.Floats);
        using var frame = new Floats(Frame.Length(shape));
        Pack<TLanes, TFloat, TDouble>(weights.First);
        for (var image = 0; image < shape.Images; image++)
        {
            Frame.Fill(shape, images + (image * shape.ImageLength), frame.First);
            for (var first = 0; first < shape.Outputs; first += TLanes.Floats)
            {
                for (var row = 0; row < shape.PooledHeight; row++)
                {
                    var packed = weights.First + (first * shape.Taps);
                    Convolve<TLanes, TFloat, TDouble>(frame.First, row * shape.Pool, packed, outputs.First);
                    var to = (image * shape.PooledLength) + (row * shape.PooledWidth * shape.Outputs) + first;
                    Maximise<TLanes, TFloat, TDouble>(outputs.First, bias + first, maxima + to);
                    if (places != null)
                    {
                        Locate<TLanes, TFloat, TDouble>(outputs.First, places + to);
                    }
                }
            }
        }
    }

    /// <summary>The weights of each vector of outputs, tap by tap, as they are needed.</summary>
    private void Pack<TLanes, TFloat, TDouble>(float* packed)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        var square = shape.Kernel * shape.Kernel;
        for (var output = 0; output < shape.Outputs; output++)
        {
            var first = output / TLanes.Floats * TLanes.Floats;
            var to = packed + (first * shape.Taps) + (output - first);
            for (var tap = 0; tap < shape.Taps; tap++)
            {
                var (place, channel) = (tap / shape.Channels, tap % shape.Channels);
                to[tap * TLanes.Floats] = weight[(((output * shape.Channels) + channel) * square) + place];
            }
        }
    }

    /// <summary>The outputs in all rows of a row of squares.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Convolve<TLanes, TFloat, TDouble>(float* frame, int row, float* packed, float* outputs)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        for (var line = row; line < row + shape.Pool; line++)
        {
            for (var position = 0; position < _computed; position += Together)
            {
                var from = frame + (line * shape.Line) + (position * shape.Channels);
                Sum<TLanes, TFloat, TDouble>(from, packed, outputs);
                outputs += Together * TLanes.Floats;
            }
        }
    }

    /// <summary>The outputs at eight positions beside each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Sum<TLanes, TFloat, TDouble>(float* from, float* packed, float* to)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        TFloat sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        TFloat sum4 = default, sum5 = default, sum6 = default, sum7 = default;
        var (line, run, step) = (shape.Line, shape.Run, shape.Channels);
        for (var kernelRow = 0; kernelRow < shape.Kernel; kernelRow++)
        {
            float* x0 = from, x1 = x0 + step, x2 = x1 + step, x3 = x2 + step;
            float* x4 = x3 + step, x5 = x4 + step, x6 = x5 + step, x7 = x6 + step;
            for (var tap = 0; tap < run; tap++)
            {
                var factor = TLanes.Load(packed);
                sum0 = TLanes.MultiplyAdd(TLanes.Broadcast(x0[tap]), factor, sum0);
                sum1 = TLanes.MultiplyAdd(TLanes.Broadcast(x1[tap]), factor, sum1);
                sum2 = TLanes.MultiplyAdd(TLanes.Broadcast(x2[tap]), factor, sum2);
                sum3 = TLanes.MultiplyAdd(TLanes.Broadcast(x3[tap]), factor, sum3);
                sum4 = TLanes.MultiplyAdd(TLanes.Broadcast(x4[tap]), factor, sum4);
                sum5 = TLanes.MultiplyAdd(TLanes.Broadcast(x5[tap]), factor, sum5);
                sum6 = TLanes.MultiplyAdd(TLanes.Broadcast(x6[tap]), factor, sum6);
                sum7 = TLanes.MultiplyAdd(TLanes.Broadcast(x7[tap]), factor, sum7);
                packed += TLanes.Floats;
            }

            from += line;
        }

        TLanes.Store(to, sum0);
        TLanes.Store(to + TLanes.Floats, sum1);
        TLanes.Store(to + (2 * TLanes.Floats), sum2);
        TLanes.Store(to + (3 * TLanes.Floats), sum3);
        TLanes.Store(to + (4 * TLanes.Floats), sum4);
        TLanes.Store(to + (5 * TLanes.Floats), sum5);
        TLanes.Store(to + (6 * TLanes.Floats), sum6);
        TLanes.Store(to + (7 * TLanes.Floats), sum7);
    }

    /// <summary>The maxima of a row of squares: NaN where there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Maximise<TLanes, TFloat, TDouble>(float* outputs, float* bias, float* to)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        var shift = TLanes.Load(bias);
        for (var column = 0; column < shape.PooledWidth; column++)
        {
            var largest = TLanes.Load(outputs);
            for (var line = 0; line < shape.Pool; line++)
            {
                var from = outputs + (line * _computed * TLanes.Floats);
                for (var step = 0; step < shape.Pool; step++)
                {
                    largest = TLanes.MaxOrNan(largest, TLanes.Load(from + (step * TLanes.Floats)));
                }
            }

            TLanes.Store(to, TLanes.Add(largest, shift));
            outputs += shape.Pool * TLanes.Floats;
            to += shape.Outputs;
        }
    }

    /// <summary>The place of each square's maximum, the first of several, in a row of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Locate<TLanes, TFloat, TDouble>(float* outputs, float* to)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        for (var column = 0; column < shape.PooledWidth; column++)
        {
            var (largest, place) = (TLanes.Load(outputs), default(TFloat));
            for (var line = 0; line < shape.Pool; line++)
            {
                var from = outputs + (line * _computed * TLanes.Floats);
                for (var step = 0; step < shape.Pool; step++)
                {
                    var value = TLanes.Load(from + (step * TLanes.Floats));
                    var here = TLanes.Broadcast((float)((line * shape.Line) + (step * shape.Channels)));
                    place = TLanes.Select(TLanes.LessThan(largest, value), here, place);
                    largest = TLanes.Max(largest, value);
                }
            }

            TLanes.Store(to, place);
            outputs += shape.Pool * TLanes.Floats;
            to += shape.Outputs;
        }
    }
}
