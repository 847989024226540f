using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace UbarFs.Kernels.Estimates;

/// <summary>Spreads independent items of work over the workers, with memory for each of them.</summary>
internal static unsafe class Work
{
    private const nuint CacheLine = 64;

    /// <summary>One item of work, with memory of its worker's own.</summary>
    public delegate void Item(int item, void* scratch);

    /// <summary>
    /// Does items 0 … <paramref name="items"/> − 1, in any order. Each worker has <paramref name="scratchBytes"/> bytes, cache-line
    /// aligned and not cleared, for one item after the other.
    /// </summary>
    public static void ForEach(int items, long scratchBytes, Item body)
    {
        var next = -1;

        void Worker()
        {
            var scratch = NativeMemory.AlignedAlloc((nuint)Math.Max(1, scratchBytes), CacheLine);
            try
            {
                for (var item = Interlocked.Increment(ref next); item < items; item = Interlocked.Increment(ref next))
                {
                    body(item, scratch);
                }
            }
            finally
            {
                NativeMemory.AlignedFree(scratch);
            }
        }

        Workers.Together(items, Worker);
    }
}
