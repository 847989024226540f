using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace UbarFs.Kernels.Vectors;

/// <summary>256 bits; needs AVX2.</summary>
internal readonly unsafe struct MiddleLanes : ILanes<Vector256<float>, Vector256<double>>
{
    public static int Floats => Vector256<float>.Count;

    public static Vector256<float> Load(float* from) => Vector256.Load(from);

    public static void Store(float* to, Vector256<float> value) => value.Store(to);

    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    public static Vector256<float> Min(Vector256<float> one, Vector256<float> other) => Vector256.MinNative(one, other);

    public static Vector256<float> Max(Vector256<float> one, Vector256<float> other) => Vector256.MaxNative(one, other);

    public static Vector256<float> Add(Vector256<float> one, Vector256<float> other) => one + other;

    public static Vector256<float> Subtract(Vector256<float> one, Vector256<float> other) => one - other;

    public static Vector256<float> Multiply(Vector256<float> one, Vector256<float> other) => one * other;

    public static Vector256<float> MultiplyAdd(Vector256<float> one, Vector256<float> other, Vector256<float> addend) =>
        Vector256.MultiplyAddEstimate(one, other, addend);

    public static Vector256<float> MaxOrNan(Vector256<float> one, Vector256<float> other) => Vector256.Max(one, other);

    public static Vector256<float> LessThan(Vector256<float> one, Vector256<float> other) => Vector256.LessThan(one, other);

    public static Vector256<float> Select(Vector256<float> mask, Vector256<float> one, Vector256<float> other) =>
        Vector256.ConditionalSelect(mask, one, other);

    public static Vector256<float> NanToInfinity(Vector256<float> value) =>
        Vector256.ConditionalSelect(Vector256.Equals(value, value), value, Vector256.Create(float.PositiveInfinity));

    public static float Sum(Vector256<float> value) => Vector256.Sum(value);

    public static Vector256<double> Widen(float* from) => Avx.ConvertToVector256Double(Vector128.Load(from));

    public static Vector256<double> WidenLower(Vector256<float> value) => Vector256.WidenLower(value);

    public static Vector256<double> WidenUpper(Vector256<float> value) => Vector256.WidenUpper(value);

    public static Vector256<float> Narrow(Vector256<double> lower, Vector256<double> upper) => Vector256.Narrow(lower, upper);

    public static void StoreNarrow(float* to, Vector256<double> value) => Avx.ConvertToVector128Single(value).Store(to);

    public static Vector256<double> Load(double* from) => Vector256.Load(from);

    public static void Store(double* to, Vector256<double> value) => value.Store(to);

    public static Vector256<double> Broadcast(double value) => Vector256.Create(value);

    public static Vector256<double> Add(Vector256<double> one, Vector256<double> other) => one + other;

    public static Vector256<double> Subtract(Vector256<double> one, Vector256<double> other) => one - other;

    public static Vector256<double> Multiply(Vector256<double> one, Vector256<double> other) => one * other;

    public static Vector256<double> MultiplyAdd(Vector256<double> one, Vector256<double> other, Vector256<double> addend) =>
        Vector256.MultiplyAddEstimate(one, other, addend);

    public static Vector256<double> LessThan(Vector256<double> one, Vector256<double> other) => Vector256.LessThan(one, other);

    public static Vector256<double> Select(Vector256<double> mask, Vector256<double> one, Vector256<double> other) =>
        Vector256.ConditionalSelect(mask, one, other);

    public static double Sum(Vector256<double> value) => Vector256.Sum(value);
}
