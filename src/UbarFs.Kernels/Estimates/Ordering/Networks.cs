using System.Collections.Concurrent;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// What a network makes of the values of some rows in each column of a run (<see cref="ColumnRun"/>) that starts at
/// <paramref name="column"/>, with +∞ for NaN: either what comes to the places, or one <paramref name="result"/> for each
/// column. The rows may lie in the places.
/// </summary>
internal unsafe delegate void NetworkCode(float** rows, nint column, float* places, float* result);

/// <summary>The networks that have been asked for, for vectors of one width.</summary>
internal static class Networks<TLanes, TFloat, TDouble>
    where TLanes : struct, ILanes<TFloat, TDouble>
    where TFloat : struct
    where TDouble : struct
{
    // Up to here code of its own is the faster form of a network at every width, also where values exceed the registers.
    // Code for much larger networks is not even optimised by the runtime.
    private const int MostCompiled = 64;

    private static readonly ConcurrentDictionary<int, NetworkCode> s_sorts = new();
    private static readonly ConcurrentDictionary<(int Count, int Trim, bool WithNext), NetworkCode> s_means = new();

    /// <summary>Brings the value of rank k (from 0) of <paramref name="count"/> rows to place k.</summary>
    public static unsafe NetworkCode Sort(int count) =>
        s_sorts.GetOrAdd(count, static count =>
        {
            var network = SortingNetwork.Sort(count);
            return count <= MostCompiled
                ? NetworkCompiler<TLanes, TFloat, TDouble>.Order(count, network)
                : (rows, column, places, _) => Order(rows, count, column, network, places);
        });

    /// <summary>
    /// Results in the mean of the values of <paramref name="count"/> rows but the <paramref name="trim"/>
    /// smallest and largest and, if asked for, of the row behind those rows, in float64.
    /// </summary>
    public static unsafe NetworkCode TrimmedMean(int count, int trim, bool withNext) =>
        s_means.GetOrAdd((count, trim, withNext), static mean =>
        {
            var (count, first, end) = (mean.Count, mean.Trim, mean.Count - mean.Trim);
            var network = SortingNetwork.Select(count, first, end);
            return count <= MostCompiled
                ? NetworkCompiler<TLanes, TFloat, TDouble>.Mean(count, network, first, end, mean.WithNext)
                : (rows, column, places, result) =>
                {
                    Order(rows, count, column, network, places);
                    ColumnRun.Mean<TLanes, TFloat, TDouble>(
                        places, first, end, mean.WithNext ? rows[count] + column : null, result);
                };
        });

    private static unsafe void Order(float** rows, int count, nint column, Comparator[] network, float* places)
    {
        ColumnRun.Load<TLanes, TFloat, TDouble>(rows, count, column, places);
        ColumnRun.Order<TLanes, TFloat, TDouble>(places, network);
    }
}
