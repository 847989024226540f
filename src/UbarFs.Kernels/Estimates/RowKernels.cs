using System;
using TorchSharp;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// What all kernels over estimates share: they read rows of a pool <c>[p, d]</c> in place, named by lists of row
/// numbers, and give one row for each list. A row that is not finite affects only the lists that name it, and no result
/// depends on the number of threads.
/// </summary>
public static class RowKernels
{
    // Half of a small L2 cache: the rest is for what is written.
    private const int CacheBytes = 512 << 10;

    /// <summary>Whether the kernels can work on a tensor: a contiguous float32 matrix on the CPU.</summary>
    public static bool Accepts(torch.Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return tensor.dtype == torch.ScalarType.Float32 && tensor.device_type == DeviceType.CPU
            && tensor.dim() == 2 && tensor.is_contiguous();
    }

    /// <summary>How many columns of all rows fit the cache, between bounds, in whole cache lines.</summary>
    internal static int BlockWidth(int rows, int elementBytes, int fewest, int most) =>
        Math.Clamp(CacheBytes / elementBytes / Math.Max(1, rows) / 64 * 64, fewest, most);

    internal static torch.Tensor Result(int[][] lists, RowMatrix pool)
    {
        Check(lists, pool.Rows);
        return torch.empty(lists.Length, pool.Width, torch.ScalarType.Float32);
    }

    internal static void Check(int[][] lists, int rows)
    {
        foreach (var list in lists)
        {
            Check(list, rows);
            ArgumentOutOfRangeException.ThrowIfZero(list.Length, nameof(lists));
        }
    }

    internal static void Check(int[] list, int rows)
    {
        foreach (var row in list)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(row, nameof(list));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, rows, nameof(list));
        }
    }
}
