using System;
using System.Collections.Generic;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// The distinct unordered pairs of rows whose distance somebody wants, each once. Rows that occur in a list take part
/// even without a partner.
/// </summary>
public sealed class RowPairs
{
    // The partners of row i, none less than i, are _partners[_starts[i] … _starts[i + 1]), ascending.
    private readonly int[] _starts;
    private readonly int[] _partners;

    private RowPairs(bool[] used, IReadOnlyList<List<int>> wanted)
    {
        Used = used;
        _starts = new int[wanted.Count + 1];
        var partners = new List<int>();
        for (var row = 0; row < wanted.Count; row++)
        {
            var others = wanted[row];
            others.Sort();
            foreach (var other in others)
            {
                if (partners.Count == _starts[row] || partners[^1] != other)
                {
                    partners.Add(other);
                }
            }

            _starts[row + 1] = partners.Count;
        }

        _partners = [.. partners];
    }

    internal bool[] Used { get; }

    internal int Count => _partners.Length;

    internal int Rows => _starts.Length - 1;

    /// <summary>Each own row with the rows on its list, of <paramref name="rows"/> rows.</summary>
    public static RowPairs Between(int rows, int[] own, int[][] lists)
    {
        ArgumentNullException.ThrowIfNull(own);
        ArgumentNullException.ThrowIfNull(lists);
        var (used, wanted) = Empty(rows);
        for (var list = 0; list < lists.Length; list++)
        {
            used[own[list]] = true;
            foreach (var row in lists[list])
            {
                used[row] = true;
                if (row != own[list])
                {
                    wanted[Math.Min(row, own[list])].Add(Math.Max(row, own[list]));
                }
            }
        }

        return new RowPairs(used, wanted);
    }

    /// <summary>Any two rows that are on a list together, of <paramref name="rows"/> rows.</summary>
    public static RowPairs Among(int rows, int[][] lists) => Among(rows, lists, withItself: false);

    /// <summary>The same, and each row with itself.</summary>
    public static RowPairs AmongAndWithin(int rows, int[][] lists) => Among(rows, lists, withItself: true);

    internal ReadOnlySpan<int> Partners(int row) => _partners.AsSpan(_starts[row].._starts[row + 1]);

    internal int Start(int row) => _starts[row];

    /// <summary>Where a pair is among all; an error if it is not.</summary>
    internal int IndexOf(int one, int other)
    {
        var (low, high) = (Math.Min(one, other), Math.Max(one, other));
        var position = Partners(low).BinarySearch(high);
        return position >= 0 ? _starts[low] + position : throw new ArgumentException($"Rows {low} and {high} are no pair.");
    }

    private static RowPairs Among(int rows, int[][] lists, bool withItself)
    {
        ArgumentNullException.ThrowIfNull(lists);
        var (used, wanted) = Empty(rows);
        var occurrences = new List<(int List, int Position)>[rows];
        for (var list = 0; list < lists.Length; list++)
        {
            for (var position = 0; position < lists[list].Length; position++)
            {
                var row = lists[list][position];
                used[row] = true;
                (occurrences[row] ??= []).Add((list, position));
            }
        }

        // What a row has marked last is its partner already; the lists are in any order.
        var marked = new int[rows];
        for (var row = 0; row < rows; row++)
        {
            if (withItself && used[row])
            {
                wanted[row].Add(row);
            }

            foreach (var (list, position) in occurrences[row] ?? [])
            {
                foreach (var other in lists[list].AsSpan(position + 1))
                {
                    if (other != row && marked[other] != row + 1)
                    {
                        marked[other] = row + 1;
                        wanted[Math.Min(row, other)].Add(Math.Max(row, other));
                    }
                }
            }
        }

        return new RowPairs(used, wanted);
    }

    private static (bool[] Used, List<int>[] Wanted) Empty(int rows)
    {
        var wanted = new List<int>[rows];
        for (var row = 0; row < rows; row++)
        {
            wanted[row] = [];
        }

        return (new bool[rows], wanted);
    }
}
