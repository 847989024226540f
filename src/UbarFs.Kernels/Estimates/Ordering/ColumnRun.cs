using System;
using System.Runtime.CompilerServices;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// The values of some rows in a run of columns, side by side in a work space small enough for the L1 cache: place j
/// starts at j · <see cref="Length"/>.
/// </summary>
internal static unsafe class ColumnRun
{
    /// <summary>Columns in a run: a multiple of every width, and enough for the processor to overlap comparisons.</summary>
    public const int Length = 64;

    /// <summary>Copies rows from a column on, with +∞ for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Load<TLanes, TFloat, TDouble>(float** rows, int count, nint column, float* places)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        for (var row = 0; row < count; row++, places += Length)
        {
            for (var lane = 0; lane < Length; lane += TLanes.Floats)
            {
                TLanes.Store(places + lane, TLanes.NanToInfinity(TLanes.Load(rows[row] + column + lane)));
            }
        }
    }

    /// <summary>Takes every column through a network.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Order<TLanes, TFloat, TDouble>(float* places, ReadOnlySpan<Comparator> network)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        foreach (var step in network)
        {
            var low = places + (step.Low * Length);
            var high = places + (step.High * Length);
            switch (step.Exchange)
            {
                case Exchange.Both:
                    for (var lane = 0; lane < Length; lane += TLanes.Floats)
                    {
                        var (one, other) = (TLanes.Load(low + lane), TLanes.Load(high + lane));
                        TLanes.Store(low + lane, TLanes.Min(one, other));
                        TLanes.Store(high + lane, TLanes.Max(one, other));
                    }

                    break;
                case Exchange.Smaller:
                    for (var lane = 0; lane < Length; lane += TLanes.Floats)
                    {
                        TLanes.Store(low + lane, TLanes.Min(TLanes.Load(low + lane), TLanes.Load(high + lane)));
                    }

                    break;
                default:
                    for (var lane = 0; lane < Length; lane += TLanes.Floats)
                    {
                        TLanes.Store(high + lane, TLanes.Max(TLanes.Load(low + lane), TLanes.Load(high + lane)));
                    }

                    break;
            }
        }
    }

    /// <summary>
    /// The mean of places <paramref name="first"/> … <paramref name="end"/> − 1 and, unless that is null, of the values at
    /// <paramref name="next"/>, summed in float64.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Mean<TLanes, TFloat, TDouble>(float* places, int first, int end, float* next, float* result)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        var share = TLanes.Broadcast(1.0 / (end - first + (next != null ? 1 : 0)));
        for (var lane = 0; lane < Length; lane += TLanes.Floats / 2)
        {
            var sum = next != null ? TLanes.Widen(next + lane) : default;
            for (var place = first; place < end; place++)
            {
                sum = TLanes.Add(sum, TLanes.Widen(places + (place * Length) + lane));
            }

            TLanes.StoreNarrow(result + lane, TLanes.Multiply(sum, share));
        }
    }
}
