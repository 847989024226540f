using System;
using TorchSharp;

namespace UbarFs.Kernels;

/// <summary>
/// Operations in which TorchSharp passes libtorch a number of its own. It frees that number as soon as nobody refers to it: a
/// garbage collection at the wrong moment does so while libtorch is about to read it, which then fails or computes with
/// another one. The numbers here live for ever.
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
}
