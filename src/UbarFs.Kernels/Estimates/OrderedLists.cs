using System;
using System.Linq;
using System.Runtime.CompilerServices;

namespace UbarFs.Kernels.Estimates;

/// <summary>Takes lists of rows through orderings on all workers.</summary>
internal static unsafe class OrderedLists
{
    /// <summary>
    /// What becomes of a list in so many columns, from <paramref name="column"/> on, whose values are in their places. What
    /// follows there means nothing, but may be read.
    /// </summary>
    public delegate void Use(int list, int column, int columns, float* places);

    /// <summary>Orders list l of rows of a pool by <c>orderings[l]</c>, a <see cref="ColumnRun"/> after the other.</summary>
    public static void ForEach(RowMatrix pool, int[][] lists, Ordering[] orderings, Use use)
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
                for (var row = 0; row < lists[list].Length; row++)
                {
                    rows[row] = pool[lists[list][row]];
                }

                var whole = start + ((end - start) / ColumnRun.Length * ColumnRun.Length);
                Order(list, start, whole, orderings[list], use, rows, places);
                if (whole < end)
                {
                    Copy(rows, lists[list].Length, whole, end, places);
                    orderings[list](rows, 0, places);
                    use(list, whole, end - whole, places);
                }
            }
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Order(int list, int start, int end, Ordering ordering, Use use, float** rows, float* places)
    {
        for (var column = start; column < end; column += ColumnRun.Length)
        {
            ordering(rows, column, places);
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
