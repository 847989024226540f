using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// Brings the rows that lists name, in a block of columns, into the cache while the list before is worked on: the processor
/// by itself sees too late where the next one goes on. Each row once.
/// </summary>
internal sealed unsafe class RowsAhead(RowMatrix pool, int[][] lists, int start, int end)
{
    private const int LineFloats = 16;

    private readonly bool[] _fetched = new bool[pool.Rows];

    /// <summary>Fetches what the list after this one needs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void After(int list)
    {
        if (!Sse.IsSupported || list + 1 == lists.Length)
        {
            return;
        }

        foreach (var row in lists[list + 1])
        {
            if (!_fetched[row])
            {
                _fetched[row] = true;
                for (var column = start; column < end; column += LineFloats)
                {
                    Sse.Prefetch1(pool[row] + column);
                }
            }
        }
    }
}
