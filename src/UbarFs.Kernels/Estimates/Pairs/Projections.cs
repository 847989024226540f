using System;
using System.Runtime.CompilerServices;
using TorchSharp;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// A direction, x_tip − x_tail, as seen from x_origin. <see cref="TrimmedMeans.Nobody"/> in the place of tail or origin
/// stands for the vector of zeros.
/// </summary>
public readonly record struct Ray(int Origin, int Tip, int Tail);

/// <summary>
/// How far rows lie in a direction: for list l and row j on it ⟨x_j − x_origin, x_tip − x_tail⟩ and ‖x_j − x_origin‖², in
/// float64 and from differences, so that they are accurate for rows that nearly coincide.
/// </summary>
public sealed class Projections
{
    internal Projections(double[][] products, double[][] squares) => (Products, Squares) = (products, squares);

    /// <summary>The scalar products, by list and place.</summary>
#pragma warning disable CA1819 // One list for each node, as everywhere here.
    public double[][] Products { get; }

    /// <summary>The squared distances from the origin, by list and place.</summary>
    public double[][] Squares { get; }
#pragma warning restore CA1819

    /// <summary>Projections of the rows on each list (perhaps empty) on its ray, all of <paramref name="pool"/> <c>[p, d]</c>.</summary>
    public static Projections Of(torch.Tensor pool, int[][] lists, Ray[] rays) => Of(pool, lists, rays, Lanes.Chosen);

    internal static Projections Of(torch.Tensor pool, int[][] lists, Ray[] rays, LaneWidth width)
    {
        ArgumentNullException.ThrowIfNull(lists);
        ArgumentNullException.ThrowIfNull(rays);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rays.Length, lists.Length, nameof(rays));
        var rows = RowMatrix.Of(pool);
        for (var list = 0; list < lists.Length; list++)
        {
            RowKernels.Check(lists[list], rows.Rows);
            RowKernels.Check([Math.Max(0, rays[list].Origin), rays[list].Tip, Math.Max(0, rays[list].Tail)], rows.Rows);
        }

        var kernel = new Kernel(rows, lists, rays);
        Lanes.Run(kernel, width);
        GC.KeepAlive(pool);
        return kernel.Result;
    }

    // A list is one worker's: its sums are taken in the order of the columns, whatever other lists there are.
    private sealed unsafe class Kernel(RowMatrix pool, int[][] lists, Ray[] rays) : IKernel
    {
        private const int BlockColumns = 1024;

        public Projections Result { get; } = new(Zeros(lists), Zeros(lists));

        public void Run<TLanes, TFloat, TDouble>()
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct =>
            Work.ForEach(lists.Length, 2 * BlockColumns * sizeof(double), (list, scratch) =>
            {
                var origin = (double*)scratch;
                var direction = origin + BlockColumns;
                for (var start = 0; start < pool.Width; start += BlockColumns)
                {
                    var columns = Math.Min(BlockColumns, pool.Width - start);
                    Lay<TLanes, TFloat, TDouble>(rays[list], start, columns, origin, direction);
                    for (var place = 0; place < lists[list].Length; place++)
                    {
                        var (product, square) = Sums<TLanes, TFloat, TDouble>(
                            pool[lists[list][place]] + start, origin, direction, columns);
                        Result.Products[list][place] += product;
                        Result.Squares[list][place] += square;
                    }
                }
            });

        private static double[][] Zeros(int[][] lists) => Array.ConvertAll(lists, list => new double[list.Length]);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static (double Product, double Square) Sums<TLanes, TFloat, TDouble>(
            float* row, double* origin, double* direction, int columns)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var lanes = TLanes.Floats / 2;
            TDouble product0 = default, product1 = default, square0 = default, square1 = default;
            var column = 0;
            for (; column + (2 * lanes) <= columns; column += 2 * lanes)
            {
                var one = TLanes.Subtract(TLanes.Widen(row + column), TLanes.Load(origin + column));
                var next = column + lanes;
                var other = TLanes.Subtract(TLanes.Widen(row + next), TLanes.Load(origin + next));
                product0 = TLanes.MultiplyAdd(one, TLanes.Load(direction + column), product0);
                product1 = TLanes.MultiplyAdd(other, TLanes.Load(direction + next), product1);
                square0 = TLanes.MultiplyAdd(one, one, square0);
                square1 = TLanes.MultiplyAdd(other, other, square1);
            }

            var product = TLanes.Sum(TLanes.Add(product0, product1));
            var square = TLanes.Sum(TLanes.Add(square0, square1));
            for (; column < columns; column++)
            {
                var difference = row[column] - origin[column];
                product += difference * direction[column];
                square += difference * difference;
            }

            return (product, square);
        }

        private void Lay<TLanes, TFloat, TDouble>(Ray ray, int start, int columns, double* origin, double* direction)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            Widen<TLanes, TFloat, TDouble>(ray.Origin, start, columns, origin);
            Widen<TLanes, TFloat, TDouble>(ray.Tip, start, columns, direction);
            if (ray.Tail != TrimmedMeans.Nobody)
            {
                Subtract<TLanes, TFloat, TDouble>(pool[ray.Tail] + start, direction, columns);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Widen<TLanes, TFloat, TDouble>(int row, int start, int columns, double* to)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            if (row == TrimmedMeans.Nobody)
            {
                new Span<double>(to, columns).Clear();
                return;
            }

            var (lanes, column) = (TLanes.Floats / 2, 0);
            var values = pool[row] + start;
            for (; column + lanes <= columns; column += lanes)
            {
                TLanes.Store(to + column, TLanes.Widen(values + column));
            }

            for (; column < columns; column++)
            {
                to[column] = values[column];
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Subtract<TLanes, TFloat, TDouble>(float* values, double* from, int columns)
            where TLanes : struct, ILanes<TFloat, TDouble>
            where TFloat : struct
            where TDouble : struct
        {
            var (lanes, column) = (TLanes.Floats / 2, 0);
            for (; column + lanes <= columns; column += lanes)
            {
                TLanes.Store(from + column, TLanes.Subtract(TLanes.Load(from + column), TLanes.Widen(values + column)));
            }

            for (; column < columns; column++)
            {
                from[column] -= values[column];
            }
        }
    }
}
