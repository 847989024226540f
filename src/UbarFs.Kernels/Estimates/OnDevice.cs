using System;
using System.Linq;
using TorchSharp;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// What the kernels compute, in operations of libtorch on all nodes at once: for estimates on a GPU. Nothing is read back
/// but what the caller gets as an array.
/// </summary>
internal static class OnDevice
{
    // Numbers in the largest tensor of differences: 1 GiB of float64.
    private const long MostNumbers = 1L << 27;

    /// <summary>See <see cref="RowMeans.Of(torch.Tensor, int[][])"/>.</summary>
    public static torch.Tensor Means(torch.Tensor pool, int[][] lists)
    {
        using var scope = torch.NewDisposeScope();
        var padded = new PaddedLists(pool, lists);
        return padded
            .Combined((values, _) => Zeroed(values, padded.IsListed).sum(1).div(padded.Lengths.view(-1, 1)))
            .MoveToOuterDisposeScope();
    }

    /// <summary>See <see cref="TrimmedMeans.Of(torch.Tensor, int[][], int[], int[])"/>.</summary>
    public static torch.Tensor TrimmedMean(torch.Tensor pool, int[][] lists, int[] trims, int[] extra)
    {
        using var scope = torch.NewDisposeScope();
        var padded = new PaddedLists(pool, lists);
        var trim = padded.Column(trims);
        var isKept = padded.Ranks.greater_equal(trim).logical_and(padded.Ranks.less(padded.Lengths.subtract(trim)));
        var hasExtra = torch.tensor(extra.Select(row => row != TrimmedMeans.Nobody).ToArray(), device: pool.device).view(-1, 1);
        var extraRows = torch.tensor(extra.Select(row => (long)Math.Max(0, row)).ToArray(), device: pool.device);
        var count = isKept.sum(1).add(hasExtra);
        return padded.Combined((values, first) =>
        {
            var columns = values.shape[2];
            var others = pool.narrow(1, first, columns).index_select(0, extraRows).to_type(torch.ScalarType.Float64);
            var sum = Zeroed(Ascending(values, padded), isKept).sum(1).add(Zeroed(others, hasExtra));
            return sum.div(count);
        }).MoveToOuterDisposeScope();
    }

    /// <summary>See <see cref="MeansAroundMedian.Of(torch.Tensor, int[][], int[])"/>.</summary>
    public static torch.Tensor MeanAroundMedian(torch.Tensor pool, int[][] lists, int[] counts)
    {
        using var scope = torch.NewDisposeScope();
        var padded = new PaddedLists(pool, lists);
        var lengths = lists.Select(list => list.Length).ToArray();
        var count = padded.Column([.. counts.Zip(lengths, Math.Min)]);
        var lower = padded.Column([.. lengths.Select(length => (length - 1) / 2)]);
        var upper = padded.Column([.. lengths.Select(length => length / 2)]);
        var next = padded.Ranks.add(count);
        var gone = padded.Ranks.subtract(count);
        var hasNext = next.less(padded.Lengths);
        var hasGone = gone.greater_equal(torch.zeros_like(gone));
        using var last = ((long)padded.Longest - 1).ToScalar();
        using var none = 0L.ToScalar();
        var (nextPlace, gonePlace) = (next.clamp(none, last), gone.clamp(none, last));
        using var half = 0.5.ToScalar();

        // As in the kernel: a value is out if it went for the next one, or did not come for the one before it.
        return padded.Combined((values, _) =>
        {
            torch.Tensor At(torch.Tensor from, torch.Tensor places) =>
                from.gather(1, places.expand(from.shape[0], places.shape[1], from.shape[2]));

            var ascending = Ascending(values, padded);
            var median = At(ascending, lower).mul(half).add(At(ascending, upper).mul(half));
            var (above, below) = (ascending.subtract(median), median.subtract(ascending));
            var goes = At(above, nextPlace).less(below).logical_and(hasNext);
            var comes = above.less(At(below, gonePlace)).logical_or(hasGone.logical_not());
            var isNear = padded.IsListed.logical_and(goes.logical_not()).logical_and(comes);
            return Zeroed(ascending, isNear).sum(1).div(count.view(-1, 1));
        }).MoveToOuterDisposeScope();
    }

    /// <summary>The squared distance of each pair, in the pairs' order.</summary>
    public static double[] Squares(torch.Tensor pool, RowPairs pairs)
    {
        using var scope = torch.NewDisposeScope();
        var (one, other) = (new long[pairs.Count], new long[pairs.Count]);
        for (var row = 0; row < pairs.Rows; row++)
        {
            var partners = pairs.Partners(row);
            for (var place = 0; place < partners.Length; place++)
            {
                one[pairs.Start(row) + place] = row;
                other[pairs.Start(row) + place] = partners[place];
            }
        }

        var squares = torch.empty(pairs.Count, dtype: torch.ScalarType.Float64, device: pool.device);
        var (ones, others) = (torch.tensor(one, device: pool.device), torch.tensor(other, device: pool.device));
        var together = Math.Max(1, MostNumbers / Math.Max(1, pool.shape[1]));
        for (var first = 0L; first < pairs.Count; first += together)
        {
            using var inner = torch.NewDisposeScope();
            var count = Math.Min(together, pairs.Count - first);
            var left = pool.index_select(0, ones.narrow(0, first, count)).to_type(torch.ScalarType.Float64);
            var right = pool.index_select(0, others.narrow(0, first, count)).to_type(torch.ScalarType.Float64);
            squares.narrow(0, first, count).copy_(left.subtract_(right).square().sum(1));
        }

        return squares.cpu().data<double>().ToArray();
    }

    /// <summary>See <see cref="FiniteRows.Of"/>.</summary>
    public static bool[] Finite(torch.Tensor pool, int[] rows)
    {
        using var scope = torch.NewDisposeScope();
        var finite = pool.isfinite().all(1).cpu().data<bool>().ToArray();
        return [.. rows.Select(row => finite[row])];
    }

    /// <summary>See <see cref="Updates.Of"/>.</summary>
    public static torch.Tensor Update(
        torch.Tensor estimates, torch.Tensor aggregates, torch.Tensor gradients, int[] nodes, double[] alphas, double rate)
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor Weights(Func<double, double> weight) =>
            torch.tensor(alphas.Select(alpha => (float)weight(alpha)).ToArray(), device: estimates.device)
                .to_type(estimates.dtype).view(-1, 1);

        var rows = torch.tensor(nodes.Select(node => (long)node).ToArray(), device: estimates.device);
        var own = estimates.index_select(0, rows);
        using var step = ((float)rate).ToScalar();
        var mixed = own.mul(Weights(alpha => alpha)).add(aggregates.mul(Weights(alpha => 1.0 - alpha)));
        var stepped = mixed.subtract(gradients.index_select(0, rows).mul(step));
        var isFinite = own.isfinite().all(1, keepdim: true);
        return estimates.index_copy(0, rows, torch.where(isFinite, stepped, aggregates)).MoveToOuterDisposeScope();
    }

    // NaN times 0 would be NaN: what does not count is replaced.
    private static torch.Tensor Zeroed(torch.Tensor values, torch.Tensor counts)
    {
        using var zero = 0.0.ToScalar();
        return values.masked_fill(counts.logical_not(), zero);
    }

    /// <summary>Each list's values in ascending order, with +∞ for NaN and behind the end of a list.</summary>
    private static torch.Tensor Ascending(torch.Tensor values, PaddedLists padded)
    {
        using var largest = double.PositiveInfinity.ToScalar();
        var comparable = values.masked_fill(padded.IsListed.logical_not().logical_or(values.isnan()), largest);
        var (ascending, _) = comparable.sort(1);
        return ascending;
    }
}
