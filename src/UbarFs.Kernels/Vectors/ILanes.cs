using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace UbarFs.Kernels.Vectors;

/// <summary>
/// Vector instructions of one width. A kernel is written once over this interface and compiled for each width; the
/// values are the hardware's own vector types.
/// </summary>
internal unsafe interface ILanes<TFloat, TDouble>
    where TFloat : struct
    where TDouble : struct
{
    /// <summary>Lanes of <typeparamref name="TFloat"/>; <typeparamref name="TDouble"/> has half as many.</summary>
    static abstract int Floats { get; }

    static abstract TFloat Load(float* from);

    static abstract void Store(float* to, TFloat value);

    static abstract TFloat Broadcast(float value);

    static abstract TFloat Min(TFloat one, TFloat other);

    static abstract TFloat Max(TFloat one, TFloat other);

    static abstract TFloat Add(TFloat one, TFloat other);

    static abstract TFloat Subtract(TFloat one, TFloat other);

    static abstract TFloat Multiply(TFloat one, TFloat other);

    static abstract TFloat MultiplyAdd(TFloat one, TFloat other, TFloat addend);

    /// <summary>The larger value; NaN if one of them is.</summary>
    static abstract TFloat MaxOrNan(TFloat one, TFloat other);

    /// <summary>All bits of a lane where one is less than the other, none elsewhere.</summary>
    static abstract TFloat LessThan(TFloat one, TFloat other);

    static abstract TFloat Select(TFloat mask, TFloat one, TFloat other);

    /// <summary>The value with +∞ in place of every NaN.</summary>
    static abstract TFloat NanToInfinity(TFloat value);

    static abstract float Sum(TFloat value);

    static abstract TDouble Widen(float* from);

    /// <summary>The first half of the lanes.</summary>
    static abstract TDouble WidenLower(TFloat value);

    /// <summary>The second half of the lanes.</summary>
    static abstract TDouble WidenUpper(TFloat value);

    static abstract TFloat Narrow(TDouble lower, TDouble upper);

    static abstract void StoreNarrow(float* to, TDouble value);

    static abstract TDouble Load(double* from);

    static abstract void Store(double* to, TDouble value);

    static abstract TDouble Broadcast(double value);

    static abstract TDouble Add(TDouble one, TDouble other);

    static abstract TDouble Subtract(TDouble one, TDouble other);

    static abstract TDouble Multiply(TDouble one, TDouble other);

    static abstract TDouble MultiplyAdd(TDouble one, TDouble other, TDouble addend);

    /// <summary>All bits of a lane where one is less than the other, none elsewhere.</summary>
    static abstract TDouble LessThan(TDouble one, TDouble other);

    static abstract TDouble Select(TDouble mask, TDouble one, TDouble other);

    static abstract double Sum(TDouble value);
}

/// <summary>What a kernel does, for a width to be chosen.</summary>
internal interface IKernel
{
    void Run<TLanes, TFloat, TDouble>()
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct;
}

/// <summary>The widths there are.</summary>
internal enum LaneWidth
{
    /// <summary>128 bits, on every machine.</summary>
    Narrow,

    /// <summary>256 bits: AVX2.</summary>
    Middle,

    /// <summary>512 bits: AVX-512.</summary>
    Wide,
}

internal static class Lanes
{
    /// <summary>The widest that this machine has.</summary>
    public static LaneWidth Widest { get; } =
        Avx512F.IsSupported && Vector512.IsHardwareAccelerated ? LaneWidth.Wide
        : Avx2.IsSupported && Fma.IsSupported ? LaneWidth.Middle
        : LaneWidth.Narrow;

    /// <summary>The width that kernels have: the widest, unless <see cref="VectorBits"/> is told another one.</summary>
    public static LaneWidth Chosen { get; set; } = Widest;

    /// <summary>Runs a kernel at a width that this machine has.</summary>
    public static void Run<TKernel>(TKernel kernel, LaneWidth width)
        where TKernel : IKernel
    {
        switch (width)
        {
            case LaneWidth.Wide:
                kernel.Run<WideLanes, Vector512<float>, Vector512<double>>();
                break;
            case LaneWidth.Middle:
                kernel.Run<MiddleLanes, Vector256<float>, Vector256<double>>();
                break;
            default:
                kernel.Run<NarrowLanes, Vector128<float>, Vector128<double>>();
                break;
        }
    }
}
