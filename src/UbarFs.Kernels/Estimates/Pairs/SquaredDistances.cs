using System;
using System.Linq;
using TorchSharp;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// Squared Euclidean distances between pairs of rows: differences first, all in float64, so that they are accurate for
/// estimates that nearly coincide and cannot overflow.
/// </summary>
public sealed class SquaredDistances
{
    private readonly RowPairs _pairs;
    private readonly double[] _squares;
    private readonly bool[] _finite;

    private SquaredDistances(RowPairs pairs, double[] squares, bool[] finite) =>
        (_pairs, _squares, _finite) = (pairs, squares, finite);

    /// <summary>‖x_one − x_other‖², +∞ if one of them is not finite, and 0 for a row and itself.</summary>
    public double this[int one, int other] =>
        one == other ? 0.0
        : _finite[one] && _finite[other] ? _squares[_pairs.IndexOf(one, other)]
        : double.PositiveInfinity;

    /// <summary>Whether all coordinates of a row that occurs in the pairs are finite.</summary>
    public bool IsFinite(int row) => _finite[row];

    /// <summary>The distances of all pairs of rows of <paramref name="pool"/> <c>[p, d]</c>, each computed once.</summary>
    public static SquaredDistances Of(torch.Tensor pool, RowPairs pairs) => Of(pool, pairs, Lanes.Chosen);

    /// <summary>The same from operations of libtorch, with one read from the device.</summary>
    internal static SquaredDistances OnDevice(torch.Tensor pool, RowPairs pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentOutOfRangeException.ThrowIfNotEqual(pool.shape[0], pairs.Rows, nameof(pairs));
        using var scope = torch.NewDisposeScope();
        var squares = DeviceRows.SquaresOf(pool, pairs);
        var finite = DeviceRows.IsFiniteRow(pool).to_type(torch.ScalarType.Float64);
        var numbers = Transfers.Read<double>(torch.cat([squares, finite]));
        bool[] isFinite = [.. numbers[pairs.Count..].Select(truth => truth != 0.0)];
        return new SquaredDistances(pairs, numbers[..pairs.Count], isFinite);
    }

    internal static SquaredDistances Of(torch.Tensor pool, RowPairs pairs, LaneWidth width)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var rows = RowMatrix.Of(pool);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rows.Rows, pairs.Rows, nameof(pairs));
        var kernel = new PairKernel<SquaredDifference>(rows, pairs);
        Lanes.Run(kernel, width);
        GC.KeepAlive(pool);
        return new SquaredDistances(pairs, kernel.Sums(), kernel.Finite());
    }
}
