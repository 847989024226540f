using System.Collections.Generic;
using System.Numerics;

namespace UbarFs.Kernels.Estimates;

/// <summary>What a step of a network leaves in its two places.</summary>
internal enum Exchange
{
    /// <summary>The smaller value in the lower place, the larger in the upper.</summary>
    Both,

    /// <summary>The smaller value in the lower place; nobody needs the other.</summary>
    Smaller,

    /// <summary>The larger value in the upper place; nobody needs the other.</summary>
    Larger,
}

/// <summary>One step of a network: compares two places, <c>Low &lt; High</c>.</summary>
internal readonly record struct Comparator(int Low, int High, Exchange Exchange);

/// <summary>
/// Sequences of comparisons that sort any values, known in advance and the same for all: what vectors need. They are
/// Batcher's merge exchange (Knuth, The Art of Computer Programming, 5.2.2, algorithm M), about ¼·m·log²m comparisons for m
/// values, without those that the result does not need.
/// </summary>
internal static class SortingNetwork
{
    private enum Need
    {
        /// <summary>Nobody looks at the place.</summary>
        None,

        /// <summary>The place enters a sum with others of this kind, so that they may change places.</summary>
        Summand,

        /// <summary>The place must hold the value of its rank.</summary>
        Rank,
    }

    /// <summary>Sorts <paramref name="count"/> values in ascending order.</summary>
    public static Comparator[] Sort(int count)
    {
        var needs = new Need[count];
        System.Array.Fill(needs, Need.Rank);
        return Pruned(MergeExchange(count), needs);
    }

    /// <summary>
    /// Brings the values of ranks <paramref name="first"/> … <paramref name="end"/> − 1 (from 0) into the places of these
    /// numbers, in any order.
    /// </summary>
    public static Comparator[] Select(int count, int first, int end)
    {
        var needs = new Need[count];
        System.Array.Fill(needs, Need.Summand, first, end - first);
        return Pruned(MergeExchange(count), needs);
    }

    private static List<(int Low, int High)> MergeExchange(int count)
    {
        var pairs = new List<(int, int)>();
        var top = count < 2 ? 0 : 1 << BitOperations.Log2((uint)(count - 1));
        for (var p = top; p > 0; p /= 2)
        {
            var (q, r, distance) = (top, 0, p);
            while (true)
            {
                for (var low = 0; low < count - distance; low++)
                {
                    if ((low & p) == r)
                    {
                        pairs.Add((low, low + distance));
                    }
                }

                if (q == p)
                {
                    break;
                }

                (distance, q, r) = (q - p, q / 2, p);
            }
        }

        return pairs;
    }

    // From the last comparison to the first: what is needed after each says what it has to do.
    private static Comparator[] Pruned(List<(int Low, int High)> pairs, Need[] needs)
    {
        var steps = new List<Comparator>();
        for (var index = pairs.Count - 1; index >= 0; index--)
        {
            var (low, high) = pairs[index];
            var (below, above) = (needs[low], needs[high]);
            if (below == above && below != Need.Rank)
            {
                continue;
            }

            var exchange = above == Need.None ? Exchange.Smaller : below == Need.None ? Exchange.Larger : Exchange.Both;
            steps.Add(new Comparator(low, high, exchange));
            (needs[low], needs[high]) = (Need.Rank, Need.Rank);
        }

        steps.Reverse();
        return [.. steps];
    }
}
