using System;
using TorchSharp;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>Scalar products of pairs of rows, in float64: what cosines and lengths are made of.</summary>
public sealed class RowProducts
{
    private readonly RowPairs _pairs;
    private readonly double[] _products;

    private RowProducts(RowPairs pairs, double[] products) => (_pairs, _products) = (pairs, products);

    /// <summary>⟨x_one, x_other⟩; NaN or infinite if one of them is not finite.</summary>
    public double this[int one, int other] => _products[_pairs.IndexOf(one, other)];

    /// <summary>The products of all pairs of rows of <paramref name="pool"/> <c>[p, d]</c>, each computed once.</summary>
    public static RowProducts Of(torch.Tensor pool, RowPairs pairs) => Of(pool, pairs, Lanes.Chosen);

    /// <summary>The same from operations of libtorch, with one read from the device.</summary>
    internal static RowProducts OnDevice(torch.Tensor pool, RowPairs pairs)
    {
        using var products = DeviceRows.ProductsOf(pool, pairs);
        return new RowProducts(pairs, Transfers.Read<double>(products));
    }

    internal static RowProducts Of(torch.Tensor pool, RowPairs pairs, LaneWidth width)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var rows = RowMatrix.Of(pool);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rows.Rows, pairs.Rows, nameof(pairs));
        var kernel = new PairKernel<Product>(rows, pairs);
        Lanes.Run(kernel, width);
        GC.KeepAlive(pool);
        return new RowProducts(pairs, kernel.Sums());
    }
}
