using System;
using System.Linq;
using TorchSharp;

namespace UbarFs.Kernels.Estimates;

/// <summary>Order statistics of every coordinate: one sort along the neighbours of all nodes.</summary>
internal sealed partial class DeviceRows
{
    public override torch.Tensor TrimmedMeans(torch.Tensor pool, int[][] lists, int[] trims, int[] extra)
    {
        using var scope = torch.NewDisposeScope();
        var padded = Padded(pool, lists);
        var trim = padded.Column(trims);
        var isKept = padded.Ranks.greater_equal(trim) & padded.Ranks.less(padded.Lengths.subtract(trim));
        var isNamed = Transfers.Send(torch.tensor(extra.Select(row => row != Estimates.TrimmedMeans.Nobody).ToArray()), pool.device);
        var extraRows = Transfers.Send([.. extra.Select(row => Math.Max(0, row))], pool.device);
        var hasExtra = (IsFiniteRow(pool).index(extraRows) & isNamed).view(-1, 1);
        var (places, count) = (isKept.unsqueeze(2), Numbers.Sum(isKept.sum(1, keepdim: true), hasExtra));
        return Combined(pool, padded.Rows, (values, first) =>
        {
            var columns = values.shape[2];
            var others = pool.narrow(1, first, columns).index(extraRows).to_type(torch.ScalarType.Float64);
            var sum = Numbers.Sum(Zeroed(Ascending(values, padded), places).sum(1), Zeroed(others, hasExtra));
            return sum.div(count);
        }).MoveToOuterDisposeScope();
    }

    public override torch.Tensor MeansAroundMedian(torch.Tensor pool, int[][] lists, int[] counts)
    {
        using var scope = torch.NewDisposeScope();
        var padded = Padded(pool, lists);
        var lengths = lists.Select(list => list.Length).ToArray();
        var count = padded.Column([.. counts.Zip(lengths, Math.Min)]);
        var lower = padded.Column([.. lengths.Select(length => (length - 1) / 2)]).unsqueeze(2);
        var upper = padded.Column([.. lengths.Select(length => length / 2)]).unsqueeze(2);
        var next = Numbers.Sum(padded.Ranks, count).unsqueeze(2);
        var gone = padded.Ranks.subtract(count).unsqueeze(2);
        var isListed = padded.IsListed.unsqueeze(2);
        var hasNext = next.less(padded.Lengths.unsqueeze(2));
        var hasGone = gone.greater_equal(torch.zeros_like(gone));
        using var last = ((long)padded.Longest - 1).ToScalar();
        using var none = 0L.ToScalar();
        var (nextPlace, gonePlace) = (next.clamp(none, last), gone.clamp(none, last));
        using var half = 0.5.ToScalar();

        // As in the kernel: a value is out if it went for the next one, or did not come for the one before it.
        return Combined(pool, padded.Rows, (values, _) =>
        {
            torch.Tensor At(torch.Tensor from, torch.Tensor places) =>
                from.gather(1, places.expand(from.shape[0], places.shape[1], from.shape[2]));

            var ascending = Ascending(values, padded);
            var median = Numbers.Sum(At(ascending, lower).mul(half), At(ascending, upper).mul(half));
            var (above, below) = (ascending.subtract(median), median.subtract(ascending));
            var goes = At(above, nextPlace).less(below) & hasNext;
            var comes = above.less(At(below, gonePlace)) | ~hasGone;
            return Zeroed(ascending, isListed & ~goes & comes).sum(1).div(count);
        }).MoveToOuterDisposeScope();
    }

    // Each list's values in ascending order, with +∞ for NaN, which differs from itself, and behind its end.
    private static torch.Tensor Ascending(torch.Tensor values, PaddedLists padded)
    {
        using var largest = double.PositiveInfinity.ToScalar();
        var isComparable = padded.IsListed.unsqueeze(2) & values.eq(values);
        var (ascending, _) = values.masked_fill(~isComparable, largest).sort(1);
        return ascending;
    }
}
