using System;
using TorchSharp;

namespace UbarFs.Kernels;

/// <summary>
/// Sums and squares as functions. TorchSharp's operators say the same and are as safe: the TorchSharp.dll of UbarFs keeps
/// the number that such a call passes to libtorch until the call is over. These are safe with any other as well.
/// </summary>
public static class Numbers
{
    private static readonly Scalar s_one = 1L.ToScalar();

    /// <summary>one + other, of shapes that can be broadcast.</summary>
    public static torch.Tensor Sum(torch.Tensor one, torch.Tensor other)
    {
        ArgumentNullException.ThrowIfNull(one);
        return one.add(other, s_one);
    }

    /// <summary>one + other for each number of a tensor, in its own type.</summary>
    public static torch.Tensor Sum(torch.Tensor one, double other)
    {
        ArgumentNullException.ThrowIfNull(one);
        using var number = other.ToScalar();
        return one.add(number, s_one);
    }

    /// <summary>The square of each number.</summary>
    public static torch.Tensor Square(torch.Tensor numbers)
    {
        ArgumentNullException.ThrowIfNull(numbers);
        return numbers.mul(numbers);
    }

    /// <summary>Whether each number is finite.</summary>
    public static torch.Tensor IsFinite(torch.Tensor numbers)
    {
        ArgumentNullException.ThrowIfNull(numbers);
        // x − x is 0, or else NaN: fewer operations than isfinite.
        using var zero = 0.0.ToScalar();
        using var differences = numbers.subtract(numbers);
        return differences.eq(zero);
    }
}
