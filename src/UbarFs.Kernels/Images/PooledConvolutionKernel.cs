using System;
using System.Runtime.CompilerServices;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Images;

/// <summary>
/// Convolves and pools image by image. As many outputs as a vector holds go together, two vectors of them where there are
/// (the last one overlaps the one before it if outputs are left over). The sums of a few positions stay in registers; once a
/// row of squares has all its rows, its maxima are written. A maximum's place is how far its patch is from the first one of
/// its square, in numbers of the framed image.
/// </summary>
internal sealed unsafe class PooledConvolutionKernel(
    PooledShape shape, float* images, float* weight, float* bias, float* maxima, float* places) : IKernel
{
    private const int Alone = Frame.SparePositions, InPairs = Alone / 2;

    /// <summary>Positions in a row for which there is room.</summary>
    private readonly int _row = (shape.Positions + Alone - 1) / Alone * Alone;

    public void Run<TLanes, TFloat, TDouble>()
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        var vectors = (shape.Outputs + TLanes.Floats - 1) / TLanes.Floats;
        var room = shape.Pool * _row * TLanes.Floats;
        using var weights = new Scratch(vectors * shape.Taps * TLanes.Floats);
        using var outputs = new Scratch(2 * room);
        using var frame = new Scratch(Frame.Length(shape));
        for (var vector = 0; vector < vectors; vector++)
        {
            var packed = weights.First + (vector * shape.Taps * TLanes.Floats);
            Pack(weight + (FirstOutput(vector, TLanes.Floats) * shape.Taps), packed, TLanes.Floats);
        }

        for (var image = 0; image < shape.Images; image++)
        {
            Frame.Fill(shape, images + (image * shape.ImageLength), frame.First);
            for (var vector = 0; vector < vectors; vector += 2)
            {
                var count = Math.Min(2, vectors - vector);
                for (var row = 0; row < shape.PooledHeight; row++)
                {
                    var packed = weights.First + (vector * shape.Taps * TLanes.Floats);
                    Convolve<TLanes, TFloat, TDouble>(frame.First, row * shape.Pool, packed, count, outputs.First);
                    for (var one = 0; one < count; one++)
                    {
                        Pool<TLanes, TFloat, TDouble>(image, row, vector + one, outputs.First + (one * room));
                    }
                }
            }
        }
    }

    private int FirstOutput(int vector, int lanes) => Math.Min(vector * lanes, shape.Outputs - lanes);

    /// <summary>The weights of as many outputs as a vector holds, tap by tap, in the order of a framed image.</summary>
    private void Pack(float* from, float* to, int lanes)
    {
        var square = shape.Kernel * shape.Kernel;
        for (var place = 0; place < square; place++)
        {
            for (var channel = 0; channel < shape.Channels; channel++)
            {
                for (var output = 0; output < lanes; output++)
                {
                    *to++ = from[(((output * shape.Channels) + channel) * square) + place];
                }
            }
        }
    }

    /// <summary>The outputs, of one vector or two, in all rows of a row of squares.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Convolve<TLanes, TFloat, TDouble>(float* frame, int row, float* packed, int vectors, float* outputs)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        var together = vectors == 1 ? Alone : InPairs;
        for (var line = 0; line < shape.Pool; line++)
        {
            var from = frame + ((row + line) * shape.Line);
            var to = outputs + (line * _row * TLanes.Floats);
            for (var position = 0; position < shape.Positions; position += together)
            {
                if (vectors == 1)
                {
                    Sum<TLanes, TFloat, TDouble>(from, packed, to);
                }
                else
                {
                    SumPair<TLanes, TFloat, TDouble>(from, packed, to);
                }

                from += together * shape.Channels;
                to += together * TLanes.Floats;
            }
        }
    }

    /// <summary>The outputs of a vector at eight positions beside each other.</summary>
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

    /// <summary>The outputs of two vectors at four positions beside each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SumPair<TLanes, TFloat, TDouble>(float* from, float* packed, float* to)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        TFloat sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        TFloat next0 = default, next1 = default, next2 = default, next3 = default;
        var (line, run, step) = (shape.Line, shape.Run, shape.Channels);
        var packedNext = packed + (shape.Taps * TLanes.Floats);
        for (var kernelRow = 0; kernelRow < shape.Kernel; kernelRow++)
        {
            float* x0 = from, x1 = x0 + step, x2 = x1 + step, x3 = x2 + step;
            for (var tap = 0; tap < run; tap++)
            {
                var (factor, factorNext) = (TLanes.Load(packed), TLanes.Load(packedNext));
                var (value0, value1) = (TLanes.Broadcast(x0[tap]), TLanes.Broadcast(x1[tap]));
                var (value2, value3) = (TLanes.Broadcast(x2[tap]), TLanes.Broadcast(x3[tap]));
                sum0 = TLanes.MultiplyAdd(value0, factor, sum0);
                next0 = TLanes.MultiplyAdd(value0, factorNext, next0);
                sum1 = TLanes.MultiplyAdd(value1, factor, sum1);
                next1 = TLanes.MultiplyAdd(value1, factorNext, next1);
                sum2 = TLanes.MultiplyAdd(value2, factor, sum2);
                next2 = TLanes.MultiplyAdd(value2, factorNext, next2);
                sum3 = TLanes.MultiplyAdd(value3, factor, sum3);
                next3 = TLanes.MultiplyAdd(value3, factorNext, next3);
                packed += TLanes.Floats;
                packedNext += TLanes.Floats;
            }

            from += line;
        }

        TLanes.Store(to, sum0);
        TLanes.Store(to + TLanes.Floats, sum1);
        TLanes.Store(to + (2 * TLanes.Floats), sum2);
        TLanes.Store(to + (3 * TLanes.Floats), sum3);
        to += shape.Pool * _row * TLanes.Floats;
        TLanes.Store(to, next0);
        TLanes.Store(to + TLanes.Floats, next1);
        TLanes.Store(to + (2 * TLanes.Floats), next2);
        TLanes.Store(to + (3 * TLanes.Floats), next3);
    }

    /// <summary>Writes what a vector of outputs comes to in a row of squares.</summary>
    private void Pool<TLanes, TFloat, TDouble>(int image, int row, int vector, float* outputs)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        var first = FirstOutput(vector, TLanes.Floats);
        var to = (image * shape.PooledLength) + (row * shape.PooledWidth * shape.Outputs) + first;
        Maximise<TLanes, TFloat, TDouble>(outputs, bias + first, maxima + to);
        if (places != null)
        {
            Locate<TLanes, TFloat, TDouble>(outputs, places + to);
        }
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
                var from = outputs + (line * _row * TLanes.Floats);
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
                var from = outputs + (line * _row * TLanes.Floats);
                var number = line * shape.Line;
                for (var step = 0; step < shape.Pool; step++)
                {
                    var value = TLanes.Load(from + (step * TLanes.Floats));
                    place = TLanes.Select(TLanes.LessThan(largest, value), TLanes.Broadcast((float)number), place);
                    largest = TLanes.Max(largest, value);
                    number += shape.Channels;
                }
            }

            TLanes.Store(to, place);
            outputs += shape.Pool * TLanes.Floats;
            to += shape.Outputs;
        }
    }
}
