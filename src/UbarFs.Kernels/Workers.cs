using System;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;
using TorchSharp;

namespace UbarFs.Kernels;

/// <summary>
/// The threads on which this program computes. Nodes, runs of columns and the like are spread over them, and each item is
/// computed by one thread alone: no result depends on their number. libtorch itself is held to the calling thread, since
/// its own threads would wait for each other many times in every item, and its sums depend on how many there are.
/// </summary>
public static class Workers
{
    private static int s_count = Environment.ProcessorCount;

    /// <summary>
    /// How many items are computed at a time: the processors that this process may use, or OMP_NUM_THREADS where it is set.
    /// </summary>
    public static int Count
    {
        get => Volatile.Read(ref s_count);
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            Volatile.Write(ref s_count, value);
        }
    }

    /// <summary>
    /// Does items 0 … <paramref name="items"/> − 1, in any order, and returns when all are done. What the first of them that
    /// fails throws is thrown here.
    /// </summary>
    public static void ForEach(int items, Action<int> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        var next = -1;
        Together(items, () =>
        {
            for (var item = Interlocked.Increment(ref next); item < items; item = Interlocked.Increment(ref next))
            {
                body(item);
            }
        });
    }

    /// <summary>Has as many workers as there are, and not more than items, do the same.</summary>
    internal static void Together(int items, Action worker)
    {
        var workers = Math.Min(items, Count);
        if (workers <= 1)
        {
            worker();
            return;
        }

        try
        {
            Parallel.For(0, workers, new ParallelOptions { MaxDegreeOfParallelism = workers }, _ => worker());
        }
        catch (AggregateException failures)
        {
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }
    }

    /// <summary>Has libtorch compute on the calling thread, once it is loaded.</summary>
    public static void TakeOver()
    {
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable("OMP_NUM_THREADS")))
        {
            Count = Math.Max(1, torch.get_num_threads());
        }

        torch.set_num_threads(1);
    }
}
