using System.Collections.Concurrent;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// Orders the values of some rows in each column of a run (<see cref="ColumnRun"/>) that starts at <paramref name="column"/>,
/// with +∞ for NaN: the value of rank k (from 0) comes to place k. The rows may lie in the places.
/// </summary>
internal unsafe delegate void Ordering(float** rows, nint column, float* places);

/// <summary>The orderings that have been asked for, for vectors of one width.</summary>
internal static class Orderings<TLanes, TFloat, TDouble>
    where TLanes : struct, ILanes<TFloat, TDouble>
    where TFloat : struct
    where TDouble : struct
{
    // Up to here code of its own is the faster form of a network at every width, also where values exceed the registers.
    // Code for much larger networks is not even optimised by the runtime.
    private const int MostCompiled = 64;

    private static readonly ConcurrentDictionary<int, Ordering> s_sorts = new();
    private static readonly ConcurrentDictionary<(int Count, int First, int End), Ordering> s_selections = new();

    /// <summary>All ranks of <paramref name="count"/> rows.</summary>
    public static Ordering Sort(int count) =>
        s_sorts.GetOrAdd(count, static count => Of(count, SortingNetwork.Sort(count), 0, count));

    /// <summary>Ranks <paramref name="first"/> … <paramref name="end"/> − 1, among themselves in any order, and no others.</summary>
    public static Ordering Select(int count, int first, int end) =>
        s_selections.GetOrAdd((count, first, end), static ranks =>
            Of(ranks.Count, SortingNetwork.Select(ranks.Count, ranks.First, ranks.End), ranks.First, ranks.End));

    private static unsafe Ordering Of(int count, Comparator[] network, int first, int end) =>
        count <= MostCompiled
            ? NetworkCompiler<TLanes, TFloat, TDouble>.Compile(count, network, first, end)
            : (rows, column, places) =>
            {
                ColumnRun.Load<TLanes, TFloat, TDouble>(rows, count, column, places);
                ColumnRun.Order<TLanes, TFloat, TDouble>(places, network);
            };
}
