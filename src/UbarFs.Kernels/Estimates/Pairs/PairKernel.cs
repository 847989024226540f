using System;
using System.Linq;
using System.Runtime.CompilerServices;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>What a pair of rows adds to its sum in one coordinate.</summary>
internal interface IPairTerm
{
    /// <summary>The sum with the terms of some coordinates.</summary>
    static abstract TDouble Plus<TLanes, TFloat, TDouble>(TDouble sum, TDouble one, TDouble other)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct;
}

/// <summary>(x − y)².</summary>
internal readonly struct SquaredDifference : IPairTerm
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TDouble Plus<TLanes, TFloat, TDouble>(TDouble sum, TDouble one, TDouble other)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        var difference = TLanes.Subtract(one, other);
        return TLanes.MultiplyAdd(difference, difference, sum);
    }
}

/// <summary>x·y.</summary>
internal readonly struct Product : IPairTerm
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TDouble Plus<TLanes, TFloat, TDouble>(TDouble sum, TDouble one, TDouble other)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct => TLanes.MultiplyAdd(one, other, sum);
}

/// <summary>
/// Sums over all coordinates of pairs of rows. Goes through the columns block by block: a block of all rows is widened to float64 once, and then serves all pairs
/// from the cache. The sum over a row's zeros tells whether the row is finite.
/// </summary>
internal sealed unsafe class PairKernel<TTerm> : IKernel
    where TTerm : struct, IPairTerm
{
    // The same whatever else is in the pool: a pair's sum is taken in the order of the blocks.
    private const int BlockColumns = 512;

    // Work is split into this many stripes of columns whatever the number of threads, and their sums are added in order.
    private const int MostStripes = 64;

    private readonly RowMatrix _pool;
    private readonly RowPairs _pairs;
    private readonly int[] _used;

    // Where a row's widened block is.
    private readonly int[] _place;
    private readonly int _blocks, _stripes;

    // [stripes, pairs] and [stripes, rows]
    private readonly double[] _partial, _zeros;

    public PairKernel(RowMatrix pool, RowPairs pairs)
    {
        (_pool, _pairs) = (pool, pairs);
        _used = [.. Enumerable.Range(0, pool.Rows).Where(row => pairs.Used[row])];
        _place = new int[pool.Rows];
        for (var place = 0; place < _used.Length; place++)
        {
            _place[_used[place]] = place;
        }

        _blocks = (pool.Width + BlockColumns - 1) / BlockColumns;
        _stripes = Math.Min(MostStripes, _blocks);
        _partial = new double[(long)_stripes * pairs.Count];
        _zeros = new double[(long)_stripes * pool.Rows];
    }

    /// <summary>The sum of each pair over all stripes.</summary>
    public double[] Sums() => Summed(_partial, _pairs.Count);

    /// <summary>For each row that occurs in the pairs, whether it is finite.</summary>
    public bool[] Finite() => [.. Summed(_zeros, _pool.Rows).Select(sum => sum == 0.0)];

    public void Run<TLanes, TFloat, TDouble>()
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct =>
        Work.ForEach(_stripes, (long)_used.Length * BlockColumns * sizeof(double), (stripe, scratch) =>
        {
            var first = (int)((long)_blocks * stripe / _stripes);
            var end = (int)((long)_blocks * (stripe + 1) / _stripes);
            for (var block = first; block < end; block++)
            {
                Block<TLanes, TFloat, TDouble>(stripe, block, (double*)scratch);
            }
        });

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen<TLanes, TFloat, TDouble>(float* from, double* to, int columns, int padded, ref double zeros)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        var lanes = TLanes.Floats / 2;
        var (zero, sum) = (TLanes.Broadcast(0.0), TLanes.Broadcast(0.0));
        var column = 0;
        for (; column + lanes <= columns; column += lanes)
        {
            var value = TLanes.Widen(from + column);
            sum = TLanes.MultiplyAdd(zero, value, sum);
            TLanes.Store(to + column, value);
        }

        zeros += TLanes.Sum(sum);
        for (; column < columns; column++)
        {
            to[column] = from[column];
            zeros += 0.0 * from[column];
        }

        new Span<double>(to + columns, padded - columns).Clear();
    }

    // Two sums each, since a sum waits for the one before. Columns come in multiples of 16.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourPairs<TLanes, TFloat, TDouble>(double* own, double** others, int columns, Span<double> sums)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        var lanes = TLanes.Floats / 2;
        double* a = others[0], b = others[1], c = others[2], d = others[3];
        TDouble a0 = default, a1 = default, b0 = default, b1 = default;
        TDouble c0 = default, c1 = default, d0 = default, d1 = default;
        for (var column = 0; column < columns; column += 2 * lanes)
        {
            var (own0, own1) = (TLanes.Load(own + column), TLanes.Load(own + column + lanes));
            a0 = Plus<TLanes, TFloat, TDouble>(a0, own0, a + column);
            a1 = Plus<TLanes, TFloat, TDouble>(a1, own1, a + column + lanes);
            b0 = Plus<TLanes, TFloat, TDouble>(b0, own0, b + column);
            b1 = Plus<TLanes, TFloat, TDouble>(b1, own1, b + column + lanes);
            c0 = Plus<TLanes, TFloat, TDouble>(c0, own0, c + column);
            c1 = Plus<TLanes, TFloat, TDouble>(c1, own1, c + column + lanes);
            d0 = Plus<TLanes, TFloat, TDouble>(d0, own0, d + column);
            d1 = Plus<TLanes, TFloat, TDouble>(d1, own1, d + column + lanes);
        }

        sums[0] = TLanes.Sum(TLanes.Add(a0, a1));
        sums[1] = TLanes.Sum(TLanes.Add(b0, b1));
        sums[2] = TLanes.Sum(TLanes.Add(c0, c1));
        sums[3] = TLanes.Sum(TLanes.Add(d0, d1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TDouble Plus<TLanes, TFloat, TDouble>(TDouble sum, TDouble own, double* other)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct => TTerm.Plus<TLanes, TFloat, TDouble>(sum, own, TLanes.Load(other));

    private void Block<TLanes, TFloat, TDouble>(int stripe, int block, double* widened)
        where TLanes : struct, ILanes<TFloat, TDouble>
        where TFloat : struct
        where TDouble : struct
    {
        var start = block * BlockColumns;
        var columns = Math.Min(BlockColumns, _pool.Width - start);
        var padded = (columns + 15) / 16 * 16;
        var zeros = _zeros.AsSpan(stripe * _pool.Rows, _pool.Rows);
        for (var place = 0; place < _used.Length; place++)
        {
            var row = _used[place];
            var to = widened + ((long)place * BlockColumns);
            Widen<TLanes, TFloat, TDouble>(_pool[row] + start, to, columns, padded, ref zeros[row]);
        }

        var partial = _partial.AsSpan(checked(stripe * _pairs.Count), _pairs.Count);
        Span<double> sums = stackalloc double[4];
        var others = stackalloc double*[4];
        foreach (var row in _used)
        {
            var partners = _pairs.Partners(row);
            var own = widened + ((long)_place[row] * BlockColumns);
            for (var first = 0; first < partners.Length; first += 4)
            {
                // The last group is filled up with its first member.
                var group = Math.Min(4, partners.Length - first);
                for (var member = 0; member < 4; member++)
                {
                    var partner = partners[first + (member < group ? member : 0)];
                    others[member] = widened + ((long)_place[partner] * BlockColumns);
                }

                FourPairs<TLanes, TFloat, TDouble>(own, others, padded, sums);
                for (var member = 0; member < group; member++)
                {
                    partial[_pairs.Start(row) + first + member] += sums[member];
                }
            }
        }
    }

    private double[] Summed(double[] partial, int count)
    {
        var sums = new double[count];
        for (var stripe = 0; stripe < _stripes; stripe++)
        {
            for (var item = 0; item < count; item++)
            {
                sums[item] += partial[(stripe * count) + item];
            }
        }

        return sums;
    }
}
