using System;
using System.Linq;
using TorchSharp;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// Lists of rows as one rectangular table of row numbers on a device. Shorter lists are filled up with row 0, which
/// <see cref="IsListed"/> tells apart. Its tensors belong to the caller's dispose scope.
/// </summary>
internal sealed class PaddedLists
{
    // Numbers in the largest tensor that a step makes: 1 GiB of float64.
    private const long MostNumbers = 1L << 27;

    private readonly torch.Tensor _pool;
    private readonly torch.Tensor _rows;

    public PaddedLists(torch.Tensor pool, int[][] lists)
    {
        RowKernels.Check(lists, checked((int)pool.shape[0]));
        _pool = pool;
        Count = lists.Length;
        Longest = lists.Length == 0 ? 0 : lists.Max(list => list.Length);
        var rows = new long[Count * Longest];
        for (var list = 0; list < Count; list++)
        {
            for (var place = 0; place < lists[list].Length; place++)
            {
                rows[(list * Longest) + place] = lists[list][place];
            }
        }

        _rows = torch.tensor(rows, device: pool.device);
        Ranks = torch.arange(Longest, device: pool.device).view(1, Longest, 1);
        Lengths = Column([.. lists.Select(list => list.Length)]);
        IsListed = Ranks.less(Lengths);
    }

    public int Count { get; }

    public int Longest { get; }

    /// <summary>0 … longest − 1, <c>[1, longest, 1]</c>.</summary>
    public torch.Tensor Ranks { get; }

    /// <summary><c>[lists, 1, 1]</c>.</summary>
    public torch.Tensor Lengths { get; }

    /// <summary><c>[lists, longest, 1]</c>.</summary>
    public torch.Tensor IsListed { get; }

    /// <summary>One number for each list, <c>[lists, 1, 1]</c>.</summary>
    public torch.Tensor Column(int[] numbers) =>
        torch.tensor(numbers.Select(number => (long)number).ToArray(), device: _pool.device).view(-1, 1, 1);

    /// <summary>
    /// One row for each list, <c>[lists, d]</c>, from <paramref name="combine"/>: it is shown the values of a run of columns in
    /// float64, <c>[lists, longest, columns]</c>, and the first of these columns, and gives <c>[lists, columns]</c>.
    /// </summary>
    public torch.Tensor Combined(Func<torch.Tensor, long, torch.Tensor> combine)
    {
        var dimension = _pool.shape[1];
        var result = torch.empty(Count, dimension, dtype: _pool.dtype, device: _pool.device);
        var columns = Math.Max(1, MostNumbers / Math.Max(1, Count * Longest));
        for (var first = 0L; first < dimension; first += columns)
        {
            using var scope = torch.NewDisposeScope();
            var run = Math.Min(columns, dimension - first);
            var values = _pool.narrow(1, first, run).index_select(0, _rows).to_type(torch.ScalarType.Float64);
            result.narrow(1, first, run).copy_(combine(values.view(Count, Longest, run), first));
        }

        return result;
    }
}
