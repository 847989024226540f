using System.Linq;
using TorchSharp;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// What the forms of rules for all nodes ask of estimates: rows of a pool <c>[p, d]</c>, which nobody copies. Results belong to
/// the caller's dispose scope. On the CPU the kernels read the rows in place; on a GPU they are operations of libtorch on all
/// nodes at once, and what gives a tensor waits for nothing.
/// </summary>
public abstract class RowOperations
{
    /// <summary>For estimates in the memory of the CPU: contiguous float32 matrices.</summary>
    public static RowOperations Host { get; } = new HostRows();

    /// <summary>For estimates on a GPU, in operations that run anywhere.</summary>
    public static RowOperations Device { get; } = new DeviceRows();

    /// <summary>For estimates on this device.</summary>
    public static RowOperations For(torch.Device device) =>
        device is null || device.type == DeviceType.CPU ? Host : Device;

    /// <summary>Whether each row is finite, <c>[p]</c>.</summary>
    public abstract torch.Tensor FiniteRows(torch.Tensor pool);

    /// <summary>For each list (not empty) the mean of its rows: <c>[lists, d]</c>. Sums are in float64.</summary>
    public abstract torch.Tensor Means(torch.Tensor pool, int[][] lists);

    /// <summary>
    /// For each list of received rows the mean of those that <paramref name="kept"/> <c>[lists, longest]</c> marks, or row
    /// <c>own[l]</c> if there are none: <c>[lists, d]</c>.
    /// </summary>
    public abstract torch.Tensor KeptMeans(torch.Tensor pool, int[] own, PaddedLists lists, torch.Tensor kept);

    /// <summary>For each list (not empty) the sum of its rows, each times its weight: <c>[lists, d]</c>.</summary>
    public abstract torch.Tensor WeightedSums(torch.Tensor pool, int[][] lists, double[][] weights);

    /// <summary>See <see cref="TrimmedMeans.Of(torch.Tensor, int[][], int[], int[])"/>.</summary>
    public abstract torch.Tensor TrimmedMeans(torch.Tensor pool, int[][] lists, int[] trims, int[] extra);

    /// <summary>The coordinate-wise median of each list (not empty): the mean of the two middle values of an even number.</summary>
    public torch.Tensor Medians(torch.Tensor pool, int[][] lists) =>
        TrimmedMeans(
            pool,
            lists,
            [.. lists.Select(list => (list.Length - 1) / 2)],
            [.. lists.Select(_ => Estimates.TrimmedMeans.Nobody)]);

    /// <summary>See <see cref="MeansAroundMedian.Of(torch.Tensor, int[][], int[])"/>.</summary>
    public abstract torch.Tensor MeansAroundMedian(torch.Tensor pool, int[][] lists, int[] counts);

    /// <summary>See <see cref="SignSums.Of(torch.Tensor, int[], int[][])"/>.</summary>
    public abstract torch.Tensor SignSums(torch.Tensor pool, int[] own, int[][] lists);

    /// <summary>See <see cref="SignCounts.Of"/>, on the host: one read from a device.</summary>
    public abstract SignCounts CountSigns(torch.Tensor pool, int[] own, int[][] lists, int[][] coordinates);

    /// <summary>See <see cref="DifferenceSums"/>; products on the host: one read from a device.</summary>
    public abstract DifferenceSums[] AddDifferences(torch.Tensor pool, DifferencesToAdd[] items);

    /// <summary>
    /// The Euclidean distance of row <c>own[l]</c> from each row of list l, in float64: <c>[lists, longest]</c> with at least one
    /// column. +∞ where one of them is not finite, and behind the end of a list.
    /// </summary>
    public abstract torch.Tensor Distances(torch.Tensor pool, int[] own, PaddedLists lists);

    /// <summary>The squared distances of pairs, on the host: one read from a device.</summary>
    public abstract SquaredDistances Squares(torch.Tensor pool, RowPairs pairs);

    /// <summary>The scalar products of pairs, on the host: one read from a device.</summary>
    public abstract RowProducts Products(torch.Tensor pool, RowPairs pairs);

    /// <summary>Projections of each list's rows (perhaps none) on its ray, on the host: one read from a device.</summary>
    public abstract Projections Project(torch.Tensor pool, int[][] lists, Ray[] rays);

    /// <summary>See <see cref="Updates.Of"/>.</summary>
    public abstract torch.Tensor Update(
        torch.Tensor estimates, torch.Tensor aggregates, torch.Tensor gradients, int[] nodes, double[] alphas, double rate);
}
