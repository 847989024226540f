using System;
using System.Linq;
using TorchSharp;

namespace UbarFs.Kernels.Estimates;

/// <summary>The operations in those of libtorch, on all nodes at once: a rectangular table of rows has a line for each node.</summary>
internal sealed partial class DeviceRows : RowOperations
{
    // Numbers in the largest tensor that a step makes: 1 GiB of float64.
    private const long MostNumbers = 1L << 27;

    public override torch.Tensor FiniteRows(torch.Tensor pool) => IsFiniteRow(pool);

    public override torch.Tensor KeptMeans(torch.Tensor pool, int[] own, PaddedLists lists, torch.Tensor kept)
    {
        using var scope = torch.NewDisposeScope();
        var ownRows = Transfers.Send(own, pool.device).view(-1, 1);
        var rows = torch.cat([lists.Rows, ownRows], 1);
        var isKept = torch.cat([kept, kept.any(1, keepdim: true).bitwise_not()], 1);
        return Means(pool, rows, isKept).MoveToOuterDisposeScope();
    }

    public override torch.Tensor Means(torch.Tensor pool, int[][] lists)
    {
        using var scope = torch.NewDisposeScope();
        var padded = Padded(pool, lists);
        return Means(pool, padded.Rows, padded.IsListed).MoveToOuterDisposeScope();
    }

    public override SquaredDistances Squares(torch.Tensor pool, RowPairs pairs) => SquaredDistances.OnDevice(pool, pairs);

    public override RowProducts Products(torch.Tensor pool, RowPairs pairs) => RowProducts.OnDevice(pool, pairs);

    public override torch.Tensor Distances(torch.Tensor pool, int[] own, PaddedLists lists)
    {
        using var scope = torch.NewDisposeScope();
        var pairs = RowPairs.Between(checked((int)pool.shape[0]), own, lists.Lists);
        // Behind the pairs comes the distance of a row from itself.
        var squares = torch.cat([SquaresOf(pool, pairs), torch.zeros(1, torch.ScalarType.Float64, pool.device)]);
        int PairOf(int one, int other) => one == other ? pairs.Count : pairs.IndexOf(one, other);
        var places = lists.Table((list, place) => PairOf(own[list], lists.Lists[list][place]), pairs.Count);
        var finite = IsFiniteRow(pool);
        var isOwnFinite = finite.index(Transfers.Send(own, pool.device)).view(-1, 1);
        var isFinite = isOwnFinite & finite.index(lists.Rows) & lists.IsListed;
        using var furthest = double.PositiveInfinity.ToScalar();
        return squares.index(places).sqrt().masked_fill(~isFinite, furthest).MoveToOuterDisposeScope();
    }

    public override torch.Tensor WeightedSums(torch.Tensor pool, int[][] lists, double[][] weights)
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

    public override torch.Tensor SignSums(torch.Tensor pool, int[] own, int[][] lists)
    {
        using var scope = torch.NewDisposeScope();
        var padded = new PaddedLists(lists, pool.device);
        var (ownRows, isListed) = (Transfers.Send(own, pool.device), padded.IsListed.unsqueeze(2));
        return Combined(pool, padded.Rows, (values, first) =>
        {
            var here = Columns(pool, ownRows, first, values.shape[2]).unsqueeze(1);
            return Zeroed(here.subtract(values).sign(), isListed).sum(1);
        }).MoveToOuterDisposeScope();
    }

    public override SignCounts CountSigns(torch.Tensor pool, int[] own, int[][] lists, int[][] coordinates)
    {
        SignCounts.Check(own, lists, coordinates, checked((int)pool.shape[0]), checked((int)pool.shape[1]));
        using var scope = torch.NewDisposeScope();
        torch.Tensor Counts(int list)
        {
            using var inner = torch.NewDisposeScope();
            var rows = Transfers.Send([own[list], .. lists[list]], pool.device).unsqueeze(1);
            var seen = pool.index(rows, Transfers.Send(coordinates[list], pool.device));
            var (here, there) = (seen.narrow(0, 0, 1), seen.narrow(0, 1, lists[list].Length));
            return torch.cat([there.gt(here).sum(1), there.lt(here).sum(1)]).MoveToOuterDisposeScope();
        }

        var none = torch.zeros(0, torch.ScalarType.Int64, pool.device);
        var counts = Transfers.Read<long>(torch.cat([none, .. Enumerable.Range(0, lists.Length).Select(Counts)]));
        var (above, below, next) = (new int[lists.Length][], new int[lists.Length][], 0);
        for (var list = 0; list < lists.Length; list++)
        {
            int[] Next() => [.. counts.Skip(next).Take(lists[list].Length).Select(count => (int)count)];
            above[list] = Next();
            next += lists[list].Length;
            below[list] = Next();
            next += lists[list].Length;
        }

        return new SignCounts(above, below);
    }

    public override Projections Project(torch.Tensor pool, int[][] lists, Ray[] rays)
    {
        using var scope = torch.NewDisposeScope();
        var padded = new PaddedLists(lists, pool.device);
        var sums = torch.zeros(2, lists.Length, padded.Longest, torch.ScalarType.Float64, pool.device);
        torch.Tensor Ends(Func<Ray, int> end) => Transfers.Send([.. rays.Select(end)], pool.device);
        var (origins, tips, tails) = (Ends(ray => ray.Origin), Ends(ray => ray.Tip), Ends(ray => ray.Tail));

        // Zeros in the place of a row of nobody's.
        torch.Tensor At(torch.Tensor rows, long first, long columns)
        {
            using var none = 0L.ToScalar();
            var isSomebody = rows.ge(none);
            return Zeroed(Columns(pool, rows.clamp_min(none), first, columns), isSomebody.unsqueeze(1));
        }

        var together = ColumnsTogether(lists.Length * padded.Longest);
        for (var first = 0L; first < pool.shape[1]; first += together)
        {
            using var inner = torch.NewDisposeScope();
            var columns = Math.Min(together, pool.shape[1] - first);
            var seen = Columns(pool, padded.Rows, first, columns).subtract(At(origins, first, columns).unsqueeze(1));
            var direction = At(tips, first, columns).subtract(At(tails, first, columns)).unsqueeze(1);
            sums.add_(torch.stack([seen.mul(direction).sum(2), Numbers.Square(seen).sum(2)]), 1L.ToScalar());
        }

        var numbers = Transfers.Read<double>(sums);
        double[][] Of(int kind) => [.. lists.Select((list, l) =>
            numbers.AsSpan(((kind * lists.Length) + l) * padded.Longest, list.Length).ToArray())];
        return new Projections(Of(0), Of(1));
    }

    public override torch.Tensor Update(
        torch.Tensor estimates, torch.Tensor aggregates, torch.Tensor gradients, int[] nodes, double[] alphas, double rate)
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor Weights(Func<double, double> weight) =>
            Transfers.Send(torch.tensor(alphas.Select(alpha => (float)weight(alpha)).ToArray()), estimates.device)
                .to_type(estimates.dtype).view(-1, 1);

        var rows = Transfers.Send(nodes, estimates.device);
        var own = estimates.index(rows);
        var isFinite = IsFiniteRow(own).view(-1, 1);
        using var step = ((float)rate).ToScalar();
        using var whole = 1.0.ToScalar();
        var beta = Weights(alpha => 1.0 - alpha).masked_fill(~isFinite, whole);
        var mixed = Numbers.Sum(Zeroed(own, isFinite).mul(Weights(alpha => alpha)), aggregates.mul(beta));
        var stepped = mixed.subtract(Zeroed(gradients.index(rows), isFinite).mul(step));
        return estimates.index_copy(0, rows, stepped).MoveToOuterDisposeScope();
    }

    /// <summary>Whether each row of <paramref name="pool"/> <c>[p, d]</c> is finite, <c>[p]</c>.</summary>
    internal static torch.Tensor IsFiniteRow(torch.Tensor pool)
    {
        using var finite = Numbers.IsFinite(pool);
        return finite.all(1);
    }

    /// <summary>
    /// For each list the mean of the rows of <paramref name="pool"/> <c>[p, d]</c> at some places of a table
    /// <paramref name="rows"/> <c>[lists, s]</c>, given by <paramref name="counts"/> of the same shape: <c>[lists, d]</c>.
    /// Sums are in float64; NaN where nothing counts.
    /// </summary>
    internal static torch.Tensor Means(torch.Tensor pool, torch.Tensor rows, torch.Tensor counts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        using var scope = torch.NewDisposeScope();
        var (number, places) = (counts.sum(1, keepdim: true), counts.unsqueeze(2));
        return Combined(pool, rows, (values, _) => Zeroed(values, places).sum(1).div(number)).MoveToOuterDisposeScope();
    }

    /// <summary>The squared distance of each pair in float64, in the pairs' order.</summary>
    internal static torch.Tensor SquaresOf(torch.Tensor pool, RowPairs pairs) =>
        OfPairs(pool, pairs, (one, other) => Numbers.Square(one.subtract_(other)));

    /// <summary>The scalar product of each pair in float64, in the pairs' order.</summary>
    internal static torch.Tensor ProductsOf(torch.Tensor pool, RowPairs pairs) =>
        OfPairs(pool, pairs, (one, other) => one.mul_(other));

    private static torch.Tensor OfPairs(
        torch.Tensor pool, RowPairs pairs, Func<torch.Tensor, torch.Tensor, torch.Tensor> terms)
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
            squares.narrow(0, first, count).copy_(terms(left, right).sum(1));
        }

        return squares.MoveToOuterDisposeScope();
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
        var columns = ColumnsTogether(lists * places);
        for (var first = 0L; first < dimension; first += columns)
        {
            using var scope = torch.NewDisposeScope();
            var run = Math.Min(columns, dimension - first);
            var values = Columns(pool, rows, first, run);
            result.narrow(1, first, run).copy_(combine(values, first));
        }

        return result;
    }

    private static long ColumnsTogether(long rows) => Math.Max(1, MostNumbers / Math.Max(1, rows));

    // Some columns of rows in a table of any shape, in float64.
    private static torch.Tensor Columns(torch.Tensor pool, torch.Tensor rows, long first, long count) =>
        pool.narrow(1, first, count).index(rows).to_type(torch.ScalarType.Float64);

    // NaN times 0 would be NaN: what does not count is replaced.
    private static torch.Tensor Zeroed(torch.Tensor values, torch.Tensor counts)
    {
        using var zero = 0.0.ToScalar();
        return values.masked_fill(~counts, zero);
    }
}
