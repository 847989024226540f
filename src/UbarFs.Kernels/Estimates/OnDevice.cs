using System;
using System.Linq;
using TorchSharp;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// What the kernels compute, in operations of libtorch on all nodes at once: for estimates on a GPU. Nothing is read back.
/// Results belong to the caller's dispose scope.
/// </summary>
public static class OnDevice
{
    // Numbers in the largest tensor that a step makes: 1 GiB of float64.
    private const long MostNumbers = 1L << 27;

    /// <summary>0 … <paramref name="count"/> − 1.</summary>
    public static torch.Tensor Places(long count, torch.Device device) =>
        Transfers.Send([.. Enumerable.Range(0, checked((int)count))], device);

    /// <summary>Whether each number is finite.</summary>
    public static torch.Tensor IsFinite(torch.Tensor numbers)
    {
        ArgumentNullException.ThrowIfNull(numbers);
        // x − x is 0, or else NaN: fewer operations than isfinite.
        using var zero = 0.0.ToScalar();
        using var differences = numbers.subtract(numbers);
        return differences.eq(zero);
    }

    /// <summary>Whether each row of <paramref name="pool"/> <c>[p, d]</c> is finite, <c>[p]</c>.</summary>
    public static torch.Tensor FiniteRows(torch.Tensor pool)
    {
        using var finite = IsFinite(pool);
        return finite.all(1);
    }

    /// <summary>
    /// For each list the mean of the rows of <paramref name="pool"/> <c>[p, d]</c> at some places of a table
    /// <paramref name="rows"/> <c>[lists, s]</c>, given by <paramref name="counts"/> of the same shape: <c>[lists, d]</c>.
    /// Sums are in float64; NaN where nothing counts.
    /// </summary>
    public static torch.Tensor Means(torch.Tensor pool, torch.Tensor rows, torch.Tensor counts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        using var scope = torch.NewDisposeScope();
        var (number, places) = (counts.sum(1, keepdim: true), counts.unsqueeze(2));
        return Combined(pool, rows, (values, _) => Zeroed(values, places).sum(1).div(number)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The Euclidean distance of row <c>own[l]</c> of <paramref name="pool"/> <c>[p, d]</c> from each row of list l, in
    /// float64: <c>[lists, longest]</c>. +∞ where one of them is not finite, and behind the end of a list.
    /// </summary>
    public static torch.Tensor Distances(torch.Tensor pool, int[] own, PaddedLists lists)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(own);
        ArgumentNullException.ThrowIfNull(lists);
        using var scope = torch.NewDisposeScope();
        var pairs = RowPairs.Between(checked((int)pool.shape[0]), own, lists.Lists);
        // Behind the pairs comes the distance of a row from itself.
        var squares = torch.cat([Squares(pool, pairs), torch.zeros(1, torch.ScalarType.Float64, pool.device)]);
        int PairOf(int one, int other) => one == other ? pairs.Count : pairs.IndexOf(one, other);
        var places = lists.Table((list, place) => PairOf(own[list], lists.Lists[list][place]), pairs.Count);
        var finite = FiniteRows(pool);
        var isOwnFinite = finite.index(Transfers.Send(own, pool.device)).view(-1, 1);
        var isFinite = isOwnFinite & finite.index(lists.Rows) & lists.IsListed;
        using var furthest = double.PositiveInfinity.ToScalar();
        return squares.index(places).sqrt().masked_fill(~isFinite, furthest).MoveToOuterDisposeScope();
    }

    /// <summary>See <see cref="RowMeans.Of(torch.Tensor, int[][])"/>.</summary>
    internal static torch.Tensor Means(torch.Tensor pool, int[][] lists)
    {
        using var scope = torch.NewDisposeScope();
        var padded = Padded(pool, lists);
        return Means(pool, padded.Rows, padded.IsListed).MoveToOuterDisposeScope();
    }

    /// <summary>See <see cref="RowMeans.Weighted(torch.Tensor, int[][], double[][])"/>.</summary>
    internal static torch.Tensor WeightedSums(torch.Tensor pool, int[][] lists, double[][] weights)
    {
        using var scope = torch.NewDisposeScope();
        var padded = Padded(pool, lists);
        var table = new double[lists.Length, padded.Longest];
        for (var list = 0; list < lists.Length; list++)
        {
            for (var place = 0; place < lists[list].Length; place++)
            {
                table[list, place] = weights[list][place];
            }
        }

        var (shares, places) = (Transfers.Send(torch.tensor(table), pool.device).unsqueeze(2), padded.IsListed.unsqueeze(2));
        return Combined(pool, padded.Rows, (values, _) => Zeroed(values, places).mul(shares).sum(1)).MoveToOuterDisposeScope();
    }

    /// <summary>See <see cref="TrimmedMeans.Of(torch.Tensor, int[][], int[], int[])"/>.</summary>
    internal static torch.Tensor TrimmedMean(torch.Tensor pool, int[][] lists, int[] trims, int[] extra)
    {
        using var scope = torch.NewDisposeScope();
        var padded = Padded(pool, lists);
        var trim = padded.Column(trims);
        var isKept = padded.Ranks.greater_equal(trim) & padded.Ranks.less(padded.Lengths.subtract(trim));
        var isNamed = Transfers.Send(torch.tensor(extra.Select(row => row != TrimmedMeans.Nobody).ToArray()), pool.device);
        var extraRows = Transfers.Send([.. extra.Select(row => Math.Max(0, row))], pool.device);
        var hasExtra = (FiniteRows(pool).index(extraRows) & isNamed).view(-1, 1);
        var (places, count) = (isKept.unsqueeze(2), Numbers.Sum(isKept.sum(1, keepdim: true), hasExtra));
        return Combined(pool, padded.Rows, (values, first) =>
        {
            var columns = values.shape[2];
            var others = pool.narrow(1, first, columns).index(extraRows).to_type(torch.ScalarType.Float64);
            var sum = Numbers.Sum(Zeroed(Ascending(values, padded), places).sum(1), Zeroed(others, hasExtra));
            return sum.div(count);
        }).MoveToOuterDisposeScope();
    }

    /// <summary>See <see cref="MeansAroundMedian.Of(torch.Tensor, int[][], int[])"/>.</summary>
    internal static torch.Tensor MeanAroundMedian(torch.Tensor pool, int[][] lists, int[] counts)
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

    /// <summary>The squared distance of each pair in float64, in the pairs' order.</summary>
    internal static torch.Tensor Squares(torch.Tensor pool, RowPairs pairs)
    {
        using var scope = torch.NewDisposeScope();
        var (one, other) = (new int[pairs.Count], new int[pairs.Count]);
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
        var (ones, others) = (Transfers.Send(one, pool.device), Transfers.Send(other, pool.device));
        var together = Math.Max(1, MostNumbers / Math.Max(1, pool.shape[1]));
        for (var first = 0L; first < pairs.Count; first += together)
        {
            using var inner = torch.NewDisposeScope();
            var count = Math.Min(together, pairs.Count - first);
            var left = pool.index(ones.narrow(0, first, count)).to_type(torch.ScalarType.Float64);
            var right = pool.index(others.narrow(0, first, count)).to_type(torch.ScalarType.Float64);
            squares.narrow(0, first, count).copy_(Numbers.Square(left.subtract_(right)).sum(1));
        }

        return squares.MoveToOuterDisposeScope();
    }

    /// <summary>See <see cref="Updates.Of"/>.</summary>
    internal static torch.Tensor Update(
        torch.Tensor estimates, torch.Tensor aggregates, torch.Tensor gradients, int[] nodes, double[] alphas, double rate)
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor Weights(Func<double, double> weight) =>
            Transfers.Send(torch.tensor(alphas.Select(alpha => (float)weight(alpha)).ToArray()), estimates.device)
                .to_type(estimates.dtype).view(-1, 1);

        var rows = Transfers.Send(nodes, estimates.device);
        var own = estimates.index(rows);
        var isFinite = FiniteRows(own).view(-1, 1);
        using var step = ((float)rate).ToScalar();
        using var whole = 1.0.ToScalar();
        var beta = Weights(alpha => 1.0 - alpha).masked_fill(~isFinite, whole);
        var mixed = Numbers.Sum(Zeroed(own, isFinite).mul(Weights(alpha => alpha)), aggregates.mul(beta));
        var stepped = mixed.subtract(Zeroed(gradients.index(rows), isFinite).mul(step));
        return estimates.index_copy(0, rows, stepped).MoveToOuterDisposeScope();
    }

    // Lists that the kernels take: of rows that there are, and none of them empty.
    private static PaddedLists Padded(torch.Tensor pool, int[][] lists)
    {
        RowKernels.Check(lists, checked((int)pool.shape[0]));
        return new PaddedLists(lists, pool.device);
    }

    /// <summary>
    /// One row for each list of a table <c>[lists, s]</c> of rows, <c>[lists, d]</c>, from <paramref name="combine"/>: it is
    /// shown the values of a run of columns in float64, <c>[lists, s, columns]</c>, and the first of these columns, and gives
    /// <c>[lists, columns]</c>.
    /// </summary>
    private static torch.Tensor Combined(
        torch.Tensor pool, torch.Tensor rows, Func<torch.Tensor, long, torch.Tensor> combine)
    {
        var (lists, places, dimension) = (rows.shape[0], rows.shape[1], pool.shape[1]);
        var result = torch.empty(lists, dimension, dtype: pool.dtype, device: pool.device);
        var columns = Math.Max(1, MostNumbers / Math.Max(1, lists * places));
        for (var first = 0L; first < dimension; first += columns)
        {
            using var scope = torch.NewDisposeScope();
            var run = Math.Min(columns, dimension - first);
            var values = pool.narrow(1, first, run).index(rows).to_type(torch.ScalarType.Float64);
            result.narrow(1, first, run).copy_(combine(values, first));
        }

        return result;
    }

    // NaN times 0 would be NaN: what does not count is replaced.
    private static torch.Tensor Zeroed(torch.Tensor values, torch.Tensor counts)
    {
        using var zero = 0.0.ToScalar();
        return values.masked_fill(~counts, zero);
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
