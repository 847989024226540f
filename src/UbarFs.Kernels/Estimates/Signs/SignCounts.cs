using System;
using System.Linq;
using TorchSharp;

namespace UbarFs.Kernels.Estimates;

/// <summary>How often the rows of lists are above a row and below it, on the coordinates that each list looks at.</summary>
public sealed class SignCounts
{
    internal SignCounts(int[][] above, int[][] below) => (Above, Below) = (above, below);

    /// <summary>In how many coordinates a row is greater, by list and place.</summary>
#pragma warning disable CA1819 // One list for each node, as everywhere here.
    public int[][] Above { get; }

    /// <summary>In how many coordinates a row is less, by list and place.</summary>
    public int[][] Below { get; }
#pragma warning restore CA1819

    /// <summary>
    /// For list l (perhaps empty) of rows of <paramref name="pool"/> <c>[p, d]</c>, in how many of the coordinates
    /// <c>coordinates[l]</c> each is above row <c>own[l]</c>, and in how many below it. What is not a number is neither.
    /// </summary>
    public static unsafe SignCounts Of(torch.Tensor pool, int[] own, int[][] lists, int[][] coordinates)
    {
        ArgumentNullException.ThrowIfNull(coordinates);
        var rows = RowMatrix.Of(pool);
        Check(own, lists, coordinates, rows.Rows, rows.Width);
        var counts = new SignCounts(Zeros(lists), Zeros(lists));
        var scratchBytes = (long)coordinates.Select(list => list.Length).DefaultIfEmpty().Max() * sizeof(float);

        // Own values are gathered once, and then serve all rows of the list from the cache.
        Work.ForEach(lists.Length, scratchBytes, (list, scratch) =>
        {
            var here = (float*)scratch;
            var places = coordinates[list];
            for (var place = 0; place < places.Length; place++)
            {
                here[place] = rows[own[list]][places[place]];
            }

            for (var row = 0; row < lists[list].Length; row++)
            {
                (counts.Above[list][row], counts.Below[list][row]) = Count(rows[lists[list][row]], here, places);
            }
        });
        GC.KeepAlive(pool);
        return counts;
    }

    internal static void Check(int[] own, int[][] lists, int[][] coordinates, int rows, int width)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(own.Length, lists.Length, nameof(own));
        ArgumentOutOfRangeException.ThrowIfNotEqual(coordinates.Length, lists.Length, nameof(coordinates));
        RowKernels.Check(own, rows);
        foreach (var list in lists)
        {
            RowKernels.Check(list, rows);
        }

        foreach (var places in coordinates)
        {
            RowKernels.Check(places, width);
        }
    }

    // Without branches, which could not be foretold: half of the signs go either way.
    private static unsafe (int Above, int Below) Count(float* row, float* here, ReadOnlySpan<int> places)
    {
        var (above, below) = (0, 0);
        for (var place = 0; place < places.Length; place++)
        {
            var (there, own) = (row[places[place]], here[place]);
            above += there > own ? 1 : 0;
            below += there < own ? 1 : 0;
        }

        return (above, below);
    }

    private static int[][] Zeros(int[][] lists) => Array.ConvertAll(lists, list => new int[list.Length]);
}
