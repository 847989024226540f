using System;
using System.Linq;
using TorchSharp;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// Lists of rows as one rectangular table of row numbers on a device. Shorter lists are filled up with row 0. Its tensors
/// belong to the caller's dispose scope.
/// </summary>
public sealed class PaddedLists
{
    private readonly torch.Device _device;

    /// <summary>The lists, some or all of which may be empty.</summary>
    public PaddedLists(int[][] lists, torch.Device device)
    {
        ArgumentNullException.ThrowIfNull(lists);
        (Lists, _device) = (lists, device);
        Longest = Math.Max(1, lists.Select(list => list.Length).DefaultIfEmpty().Max());
        Rows = Table((list, place) => lists[list][place], 0);
        Ranks = Transfers.Send([.. Enumerable.Range(0, Longest)], device).view(1, -1);
        Lengths = Column([.. lists.Select(list => list.Length)]);
        IsListed = Ranks.less(Lengths);
    }

    /// <summary>The lists as they came.</summary>
#pragma warning disable CA1819 // The caller's own.
    public int[][] Lists { get; }
#pragma warning restore CA1819

    /// <summary>The length of the longest list, at least 1.</summary>
    public int Longest { get; }

    /// <summary><c>[lists, longest]</c>.</summary>
    public torch.Tensor Rows { get; }

    /// <summary>0 … longest − 1, <c>[1, longest]</c>.</summary>
    public torch.Tensor Ranks { get; }

    /// <summary><c>[lists, 1]</c>.</summary>
    internal torch.Tensor Lengths { get; }

    /// <summary>Which places of the table are not filled up, <c>[lists, longest]</c>.</summary>
    public torch.Tensor IsListed { get; }

    /// <summary>A number for each list, <c>[lists, 1]</c>.</summary>
    internal torch.Tensor Column(int[] numbers) => Transfers.Send(numbers, _device).view(-1, 1);

    /// <summary>A number for each place of each list, and another behind their ends, <c>[lists, longest]</c>.</summary>
    internal torch.Tensor Table(Func<int, int, int> number, int behind)
    {
        var numbers = new int[Lists.Length * Longest];
        Array.Fill(numbers, behind);
        for (var list = 0; list < Lists.Length; list++)
        {
            for (var place = 0; place < Lists[list].Length; place++)
            {
                numbers[(list * Longest) + place] = number(list, place);
            }
        }

        return Transfers.Send(numbers, _device).view(-1, Longest);
    }
}
