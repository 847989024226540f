using System;
using System.Linq;
using System.Runtime.CompilerServices;

namespace UbarFs.Kernels.Estimates;

/// <summary>Takes lists of rows through networks on all workers.</summary>
internal static unsafe class OrderedLists
{
    /// <summary>
    /// What becomes of a list in so many columns, from <paramref name="column"/> on, whose values are in their places. What
    /// follows there means nothing, but may be read.
    /// </summary>
    public delegate void Use(int list, int column, int columns, float* places);

    /// <summary>What is done with a list in a block of columns before.</summary>
    public delegate void Look(int list, int column, int columns);

    /// <summary>Takes list l of rows of a pool through <c>networks[l]</c>, a <see cref="ColumnRun"/> after the other.</summary>
    public static void ForEach(RowMatrix pool, int[][] lists, NetworkCode[] networks, Use use, Look? look = null)
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
                Order(list, start, whole, networks[list], use, rows, places);
                if (whole < end)
                {
                    Copy(rows, lists[list].Length, whole, end, places);
                    networks[list](rows, 0, places);
                    use(list, whole, end - whole, places);
                }
            }
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Order(int list, int start, int end, NetworkCode network, Use use, float** rows, float* places)
    {
        for (var column = start; column < end; column += ColumnRun.Length)
        {
            network(rows, column, places);
            use(list, column, ColumnRun.Length, places);
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
