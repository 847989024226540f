using System.Runtime.Intrinsics;

namespace UbarFs.Kernels.Vectors;

/// <summary>128 bits, on any machine; where there are none, the runtime emulates them.</summary>
internal readonly unsafe struct NarrowLanes : ILanes<Vector128<float>, Vector128<double>>
{
    public static int Floats => Vector128<float>.Count;

    public static Vector128<float> Load(float* from) => Vector128.Load(from);

    public static void Store(float* to, Vector128<float> value) => value.Store(to);

    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    public static Vector128<float> Min(Vector128<float> one, Vector128<float> other) => Vector128.MinNative(one, other);

    public static Vector128<float> Max(Vector128<float> one, Vector128<float> other) => Vector128.MaxNative(one, other);

    public static Vector128<float> Add(Vector128<float> one, Vector128<float> other) => one + other;

    public static Vector128<float> Subtract(Vector128<float> one, Vector128<float> other) => one - other;

    public static Vector128<float> Multiply(Vector128<float> one, Vector128<float> other) => one * other;

    public static Vector128<float> MultiplyAdd(Vector128<float> one, Vector128<float> other, Vector128<float> addend) =>
        Vector128.MultiplyAddEstimate(one, other, addend);

    public static Vector128<float> MaxOrNan(Vector128<float> one, Vector128<float> other) => Vector128.Max(one, other);

    public static Vector128<float> LessThan(Vector128<float> one, Vector128<float> other) => Vector128.LessThan(one, other);

    public static Vector128<float> Select(Vector128<float> mask, Vector128<float> one, Vector128<float> other) =>
        Vector128.ConditionalSelect(mask, one, other);

    public static Vector128<float> NanToInfinity(Vector128<float> value) =>
        Vector128.ConditionalSelect(Vector128.Equals(value, value), value, Vector128.Create(float.PositiveInfinity));

    public static float Sum(Vector128<float> value) => Vector128.Sum(value);

    public static Vector128<double> Widen(float* from) =>
        Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(double*)from).AsSingle());

    public static Vector128<double> WidenLower(Vector128<float> value) => Vector128.WidenLower(value);

    public static Vector128<double> WidenUpper(Vector128<float> value) => Vector128.WidenUpper(value);

    public static Vector128<float> Narrow(Vector128<double> lower, Vector128<double> upper) => Vector128.Narrow(lower, upper);

    public static void StoreNarrow(float* to, Vector128<double> value) =>
        *(double*)to = Vector128.Narrow(value, value).AsDouble().ToScalar();

    public static Vector128<double> Load(double* from) => Vector128.Load(from);

    public static void Store(double* to, Vector128<double> value) => value.Store(to);

    public static Vector128<double> Broadcast(double value) => Vector128.Create(value);

    public static Vector128<double> Add(Vector128<double> one, Vector128<double> other) => one + other;

    public static Vector128<double> Subtract(Vector128<double> one, Vector128<double> other) => one - other;

    public static Vector128<double> Multiply(Vector128<double> one, Vector128<double> other) => one * other;

    public static Vector128<double> MultiplyAdd(Vector128<double> one, Vector128<double> other, Vector128<double> addend) =>
        Vector128.MultiplyAddEstimate(one, other, addend);

    public static Vector128<double> LessThan(Vector128<double> one, Vector128<double> other) => Vector128.LessThan(one, other);

    public static Vector128<double> Select(Vector128<double> mask, Vector128<double> one, Vector128<double> other) =>
        Vector128.ConditionalSelect(mask, one, other);

    public static double Sum(Vector128<double> value) => Vector128.Sum(value);
}
