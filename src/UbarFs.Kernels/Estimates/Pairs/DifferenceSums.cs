using System;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// Sums to which the differences from an own row are to be added: row r of the new sums is row <c>Past[r]</c> of
/// <c>Sums</c> plus x_j − x_own, where j is <c>Heard[r]</c>. <see cref="TrimmedMeans.Nobody"/> stands for no past, or for
/// nothing to add. A row whose sum would not be finite keeps its past.
/// </summary>
public sealed record DifferencesToAdd(int Own, torch.Tensor? Sums, int[] Past, int[] Heard)
{
    internal int[] Places => [.. Enumerable.Range(0, Heard.Length).Where(row => Heard[row] != TrimmedMeans.Nobody)];

    internal void Check(int rows, long width)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(Past.Length, Heard.Length, nameof(Past));
        RowKernels.Check([Own, .. Heard.Where(row => row != TrimmedMeans.Nobody)], rows);
        RowKernels.Check([.. Past.Where(row => row != TrimmedMeans.Nobody)], (int)(Sums?.shape[0] ?? 0));
        ArgumentOutOfRangeException.ThrowIfNotEqual(Sums?.shape[1] ?? width, width, nameof(Sums));
    }
}

/// <summary>
/// What <see cref="DifferencesToAdd"/> come to: the new sums <c>[rows, d]</c>, and the scalar products of those m to which
/// something was to be added, <c>[m·m]</c> in float64.
/// </summary>
public sealed record DifferenceSums(torch.Tensor Sums, double[] Products)
{
    /// <summary>For each item the new sums from rows of <paramref name="pool"/> <c>[p, d]</c>.</summary>
    public static DifferenceSums[] Of(torch.Tensor pool, DifferencesToAdd[] items) => Of(pool, items, Lanes.Chosen);

    internal static DifferenceSums[] Of(torch.Tensor pool, DifferencesToAdd[] items, LaneWidth width)
    {
        ArgumentNullException.ThrowIfNull(items);
        var rows = RowMatrix.Of(pool);
        foreach (var item in items)
        {
            item.Check(rows.Rows, rows.Width);
        }

        var made = Array.ConvertAll(items, item => new DifferenceSums(
            torch.empty(item.Heard.Length, rows.Width, torch.ScalarType.Float32),
            new double[item.Places.Length * item.Places.Length]));
        Lanes.Run(new Kernel(rows, items, made), width);
        GC.KeepAlive(pool);
        GC.KeepAlive(items);
        return made;
    }

    // An item is one worker's: its sums are taken in the order of the columns, whatever other items there are. The sums
    // are more than any cache holds, so that a block of them is read, added to, written and multiplied at one go.
    private sealed unsafe class Kernel(RowMatrix pool, DifferencesToAdd[] items, DifferenceSums[] made) : IKernel
    {
        private const int BlockColumns = 512;

        public void Run<TLanes, TFloat, TDouble>()
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var most = items.Select(item => item.Heard.Length).DefaultIfEmpty().Max();
            Work.ForEach(items.Length, (long)(most + 1) * BlockColumns * sizeof(double), (item, scratch) =>
            {
                var rows = items[item].Heard.Length;
                var isFinite = Pass<TLanes, TFloat, TDouble>(item, new bool[rows], (double*)scratch);
                if (Array.Exists(isFinite, finite => !finite))
                {
                    made[item].Products.AsSpan().Clear();
                    Pass<TLanes, TFloat, TDouble>(item, Array.ConvertAll(isFinite, finite => !finite), (double*)scratch);
                }
            });
        }

        // past + (x − own), narrow and widened; NaN if some of it is not finite, and 0 otherwise. Memory is asked for the
        // next block of the sums meanwhile: between so many rows the processor does not see by itself what comes next.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static float Add<TLanes, TFloat, TDouble>(
            float* x, float* own, float* past, float* to, double* widened, int columns)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var (zero, zeros) = (TLanes.Broadcast(0.0f), TLanes.Broadcast(0.0f));
            var column = 0;
            for (; column + TLanes.Floats <= columns; column += TLanes.Floats)
            {
                if (Sse.IsSupported)
                {
                    Sse.Prefetch0(past + column + BlockColumns);
                    Sse.Prefetch0(to + column + BlockColumns);
                }

                var difference = TLanes.Subtract(TLanes.Load(x + column), TLanes.Load(own + column));
                var sum = TLanes.Add(difference, TLanes.Load(past + column));
                zeros = TLanes.Add(zeros, TLanes.Multiply(zero, sum));
                TLanes.Store(to + column, sum);
                TLanes.Store(widened + column, TLanes.WidenLower(sum));
                TLanes.Store(widened + column + (TLanes.Floats / 2), TLanes.WidenUpper(sum));
            }

            var rest = TLanes.Sum(zeros);
            for (; column < columns; column++)
            {
                to[column] = x[column] - own[column] + past[column];
                widened[column] = to[column];
                rest += 0.0f * to[column];
            }

            return rest;
        }

        // The scalar products of two rows with four: as many sums as keep the multipliers busy, from few loads.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void EightPairs<TLanes, TFloat, TDouble>(double** ones, double** others, int columns, double* sums)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            double* x = ones[0], y = ones[1], a = others[0], b = others[1], c = others[2], d = others[3];
            TDouble xa = default, xb = default, xc = default, xd = default;
            TDouble ya = default, yb = default, yc = default, yd = default;
            for (var column = 0; column < columns; column += TLanes.Floats / 2)
            {
                var (left, right) = (TLanes.Load(x + column), TLanes.Load(y + column));
                var other = TLanes.Load(a + column);
                xa = TLanes.MultiplyAdd(left, other, xa);
                ya = TLanes.MultiplyAdd(right, other, ya);
                other = TLanes.Load(b + column);
                xb = TLanes.MultiplyAdd(left, other, xb);
                yb = TLanes.MultiplyAdd(right, other, yb);
                other = TLanes.Load(c + column);
                xc = TLanes.MultiplyAdd(left, other, xc);
                yc = TLanes.MultiplyAdd(right, other, yc);
                other = TLanes.Load(d + column);
                xd = TLanes.MultiplyAdd(left, other, xd);
                yd = TLanes.MultiplyAdd(right, other, yd);
            }

            (sums[0], sums[1], sums[2], sums[3]) = (TLanes.Sum(xa), TLanes.Sum(xb), TLanes.Sum(xc), TLanes.Sum(xd));
            (sums[4], sums[5], sums[6], sums[7]) = (TLanes.Sum(ya), TLanes.Sum(yb), TLanes.Sum(yc), TLanes.Sum(yd));
        }

        // Rows by two, with those from there on by four. What a group lacks is filled up with its first member.
        private static void Multiply<TLanes, TFloat, TDouble>(double* widened, int rows, int columns, double[] products)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var ones = stackalloc double*[2];
            var others = stackalloc double*[4];
            var sums = stackalloc double[8];
            for (var one = 0; one < rows; one += 2)
            {
                ones[0] = widened + ((long)one * BlockColumns);
                ones[1] = one + 1 < rows ? ones[0] + BlockColumns : ones[0];
                for (var other = one; other < rows; other += 4)
                {
                    for (var member = 0; member < 4; member++)
                    {
                        others[member] = widened + ((long)(other + member < rows ? other + member : other) * BlockColumns);
                    }

                    EightPairs<TLanes, TFloat, TDouble>(ones, others, columns, sums);
                    for (var pair = 0; pair < 8; pair++)
                    {
                        var (row, partner) = (one + (pair / 4), other + (pair % 4));
                        if (row < rows && partner < rows)
                        {
                            products[(row * rows) + partner] += sums[pair];
                        }
                    }
                }
            }
        }

        // Whether each row's sum is finite. Rows that are kept stay as they were.
        private bool[] Pass<TLanes, TFloat, TDouble>(int item, bool[] kept, double* scratch)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var (added, result, products) = (items[item], RowMatrix.Of(made[item].Sums), made[item].Products);
            var (past, rows) = (added.Sums is null ? default : RowMatrix.Of(added.Sums), added.Heard.Length);
            var zeros = new float[rows];
            var none = (float*)scratch;
            var widened = scratch + BlockColumns;
            new Span<float>(none, BlockColumns).Clear();
            for (var start = 0; start < pool.Width; start += BlockColumns)
            {
                var (columns, place) = (Math.Min(BlockColumns, pool.Width - start), 0);
                var padded = (columns + 15) / 16 * 16;
                for (var row = 0; row < rows; row++)
                {
                    var from = added.Past[row] == TrimmedMeans.Nobody ? none : past[added.Past[row]] + start;
                    var heard = added.Heard[row];
                    var to = result[row] + start;
                    if (heard == TrimmedMeans.Nobody)
                    {
                        new Span<float>(from, columns).CopyTo(new Span<float>(to, columns));
                        continue;
                    }

                    // Nothing is added to what is kept.
                    var x = kept[row] ? none : pool[heard] + start;
                    var own = kept[row] ? none : pool[added.Own] + start;
                    var wide = widened + ((long)place++ * BlockColumns);
                    zeros[row] += Add<TLanes, TFloat, TDouble>(x, own, from, to, wide, columns);
                    new Span<double>(wide + columns, padded - columns).Clear();
                }

                Multiply<TLanes, TFloat, TDouble>(widened, place, padded, products);
            }

            Mirror(products, (int)Math.Sqrt(products.Length));
            return Array.ConvertAll(zeros, zero => zero == 0.0f);
        }

        private static void Mirror(double[] products, int rows)
        {
            for (var one = 0; one < rows; one++)
            {
                for (var other = 0; other < one; other++)
                {
                    products[(one * rows) + other] = products[(other * rows) + one];
                }
            }
        }
    }
}
