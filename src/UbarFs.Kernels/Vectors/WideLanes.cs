using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace UbarFs.Kernels.Vectors;

/// <summary>512 bits; needs AVX-512.</summary>
internal readonly unsafe struct WideLanes : ILanes<Vector512<float>, Vector512<double>>
{
    public static int Floats => Vector512<float>.Count;

    public static Vector512<float> Load(float* from) => Vector512.Load(from);

    public static void Store(float* to, Vector512<float> value) => value.Store(to);

    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    public static Vector512<float> Min(Vector512<float> one, Vector512<float> other) => Vector512.MinNative(one, other);

    public static Vector512<float> Max(Vector512<float> one, Vector512<float> other) => Vector512.MaxNative(one, other);

    public static Vector512<float> Add(Vector512<float> one, Vector512<float> other) => one + other;

    public static Vector512<float> Subtract(Vector512<float> one, Vector512<float> other) => one - other;

    public static Vector512<float> Multiply(Vector512<float> one, Vector512<float> other) => one * other;

    public static Vector512<float> MultiplyAdd(Vector512<float> one, Vector512<float> other, Vector512<float> addend) =>
        Vector512.MultiplyAddEstimate(one, other, addend);

    public static Vector512<float> MaxOrNan(Vector512<float> one, Vector512<float> other) => Vector512.Max(one, other);

    public static Vector512<float> LessThan(Vector512<float> one, Vector512<float> other) => Vector512.LessThan(one, other);

    public static Vector512<float> Select(Vector512<float> mask, Vector512<float> one, Vector512<float> other) =>
        Vector512.ConditionalSelect(mask, one, other);

    public static Vector512<float> NanToInfinity(Vector512<float> value) =>
        Vector512.ConditionalSelect(Vector512.Equals(value, value), value, Vector512.Create(float.PositiveInfinity));

    public static float Sum(Vector512<float> value) => Vector512.Sum(value);

    public static Vector512<double> Widen(float* from) => Avx512F.ConvertToVector512Double(Vector256.Load(from));

    public static Vector512<double> WidenLower(Vector512<float> value) => Vector512.WidenLower(value);

    public static Vector512<double> WidenUpper(Vector512<float> value) => Vector512.WidenUpper(value);

    public static Vector512<float> Narrow(Vector512<double> lower, Vector512<double> upper) => Vector512.Narrow(lower, upper);

    public static void StoreNarrow(float* to, Vector512<double> value) => Avx512F.ConvertToVector256Single(value).Store(to);

    public static Vector512<double> Load(double* from) => Vector512.Load(from);

    public static void Store(double* to, Vector512<double> value) => value.Store(to);

    public static Vector512<double> Broadcast(double value) => Vector512.Create(value);

    public static Vector512<double> Add(Vector512<double> one, Vector512<double> other) => one + other;

    public static Vector512<double> Subtract(Vector512<double> one, Vector512<double> other) => one - other;

    public static Vector512<double> Multiply(Vector512<double> one, Vector512<double> other) => one * other;

    public static Vector512<double> MultiplyAdd(Vector512<double> one, Vector512<double> other, Vector512<double> addend) =>
        Vector512.MultiplyAddEstimate(one, other, addend);

    public static Vector512<double> LessThan(Vector512<double> one, Vector512<double> other) => Vector512.LessThan(one, other);

    public static Vector512<double> Select(Vector512<double> mask, Vector512<double> one, Vector512<double> other) =>
        Vector512.ConditionalSelect(mask, one, other);

    public static double Sum(Vector512<double> value) => Vector512.Sum(value);
}
