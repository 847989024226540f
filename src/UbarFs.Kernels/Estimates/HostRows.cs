using System;
using System.Linq;
using TorchSharp;

namespace UbarFs.Kernels.Estimates;

/// <summary>The operations by kernels that read the rows in place.</summary>
internal sealed class HostRows : RowOperations
{
    public override torch.Tensor FiniteRows(torch.Tensor pool) =>
        torch.tensor(Estimates.FiniteRows.Of(pool, [.. Enumerable.Range(0, (int)pool.shape[0])]));

    public override torch.Tensor Means(torch.Tensor pool, int[][] lists) => RowMeans.Of(pool, lists);

    public override torch.Tensor KeptMeans(torch.Tensor pool, int[] own, PaddedLists lists, torch.Tensor kept)
    {
        ArgumentNullException.ThrowIfNull(lists);
        var isKept = Transfers.Read<bool>(kept);
        var longest = (int)kept.shape[1];
        int[][] keptRows = [.. lists.Lists.Select((list, l) =>
        {
            int[] rows = [.. list.Where((_, place) => isKept[(l * longest) + place])];
            return rows.Length == 0 ? [own[l]] : rows;
        })];
        return RowMeans.Of(pool, keptRows);
    }

    public override torch.Tensor WeightedSums(torch.Tensor pool, int[][] lists, double[][] weights) =>
        RowMeans.Weighted(pool, lists, weights);

    public override torch.Tensor TrimmedMeans(torch.Tensor pool, int[][] lists, int[] trims, int[] extra) =>
        Estimates.TrimmedMeans.Of(pool, lists, trims, extra);

    public override torch.Tensor MeansAroundMedian(torch.Tensor pool, int[][] lists, int[] counts) =>
        Estimates.MeansAroundMedian.Of(pool, lists, counts);

    public override torch.Tensor SignSums(torch.Tensor pool, int[] own, int[][] lists) =>
        Estimates.SignSums.Of(pool, own, lists);

    public override SignCounts CountSigns(torch.Tensor pool, int[] own, int[][] lists, int[][] coordinates) =>
        SignCounts.Of(pool, own, lists, coordinates);

    public override DifferenceSums[] AddDifferences(torch.Tensor pool, DifferencesToAdd[] items) =>
        DifferenceSums.Of(pool, items);

    public override torch.Tensor Distances(torch.Tensor pool, int[] own, PaddedLists lists)
    {
        var rows = lists.Lists;
        var squares = SquaredDistances.Of(pool, RowPairs.Between((int)pool.shape[0], own, rows));
        var distances = new double[rows.Length, lists.Longest];
        for (var list = 0; list < rows.Length; list++)
        {
            for (var place = 0; place < lists.Longest; place++)
            {
                distances[list, place] = place < rows[list].Length && squares.IsFinite(own[list])
                    ? Math.Sqrt(squares[own[list], rows[list][place]])
                    : double.PositiveInfinity;
            }
        }

        return torch.tensor(distances);
    }

    public override SquaredDistances Squares(torch.Tensor pool, RowPairs pairs) => SquaredDistances.Of(pool, pairs);

    public override RowProducts Products(torch.Tensor pool, RowPairs pairs) => RowProducts.Of(pool, pairs);

    public override Projections Project(torch.Tensor pool, int[][] lists, Ray[] rays) => Projections.Of(pool, lists, rays);

    public override torch.Tensor Update(
        torch.Tensor estimates, torch.Tensor aggregates, torch.Tensor gradients, int[] nodes, double[] alphas, double rate) =>
        Updates.Of(estimates, aggregates, gradients, nodes, alphas, rate);
}
