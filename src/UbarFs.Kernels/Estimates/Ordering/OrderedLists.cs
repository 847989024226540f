using System;
using System.Linq;
using System.Runtime.CompilerServices;

namespace UbarFs.Kernels.Estimates;

/// <summary>Makes one row of each list of rows, on all workers.</summary>
internal static unsafe class OrderedLists
{
    /// <summary>What is done with a list in a block of columns before.</summary>
    public delegate void Look(int list, int column, int columns);

    /// <summary>
    /// Row <c>to[l]</c> of the results from list l of rows of a pool by <c>networks[l]</c>, a <see cref="ColumnRun"/> after the
    /// other.
    /// </summary>
    public static void ForEach(
        RowMatrix pool, int[][] lists, NetworkCode[] networks, RowMatrix results, int[] to, Look? look = null)
    {
        var width = RowKernels.BlockWidth(pool.Rows, sizeof(float), 256, 4096);
        var most = lists.Length == 0 ? 0 : lists.Max(list => list.Length);
        var scratchBytes = (long)most * ((ColumnRun.Length * sizeof(float)) + sizeof(float*));
        Work.ForEach((pool.Width + width - 1) / width, scratchBytes, (block, scratch) =>
        {
            var (start, end) = (block * width, Math.Min(pool.Width, (block + 1) * width));
            var places = (float*)scratch;
            var rows = (float**)(places + (most * ColumnRun.Length));
            var ahead = new RowsAhead(pool, lists, start, end);
            for (var list = 0; list < lists.Length; list++)
            {
                ahead.After(list);
                look?.Invoke(list, start, end - start);
                for (var row = 0; row < lists[list].Length; row++)
                {
                    rows[row] = pool[lists[list][row]];
                }

                var whole = start + ((end - start) / ColumnRun.Length * ColumnRun.Length);
                var result = results[to[list]];
                Run(networks[list], rows, start, whole, places, result);
                if (whole < end)
                {
                    Copy(rows, lists[list].Length, whole, end, places);
                    networks[list](rows, 0, places, places);
                    new ReadOnlySpan<float>(places, end - whole).CopyTo(new Span<float>(result + whole, end - whole));
                }
            }
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run(NetworkCode network, float** rows, int start, int end, float* places, float* result)
    {
        for (var column = start; column < end; column += ColumnRun.Length)
        {
            network(rows, column, places, result + column);
        }
    }

    // The last columns to where a whole run can be read.
    private static void Copy(float** rows, int count, int start, int end, float* places)
    {
        for (var row = 0; row < count; row++, places += ColumnRun.Length)
        {
            new ReadOnlySpan<float>(rows[row] + start, end - start).CopyTo(new Span<float>(places, ColumnRun.Length));
            rows[row] = places;
        }
    }
}
