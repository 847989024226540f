using System;
using System.Linq;
using TorchSharp;

namespace UbarFs.Kernels.Estimates;

/// <summary>Sums of differences, which take most of a device's memory: one item after the other.</summary>
internal sealed partial class DeviceRows
{
    public override DifferenceSums[] AddDifferences(torch.Tensor pool, DifferencesToAdd[] items)
    {
        using var scope = torch.NewDisposeScope();
        var made = Array.ConvertAll(items, item => Added(pool, item));
        var none = torch.zeros(0, torch.ScalarType.Float64, pool.device);
        var products = Transfers.Read<double>(torch.cat([none, .. made.Select(item => item.Products)]));
        var (sums, next) = (new DifferenceSums[items.Length], 0);
        for (var item = 0; item < items.Length; item++)
        {
            var count = (int)made[item].Products.shape[0];
            sums[item] = new DifferenceSums(made[item].Sums.MoveToOuterDisposeScope(), products[next..(next + count)]);
            next += count;
        }

        return sums;
    }

    private static (torch.Tensor Sums, torch.Tensor Products) Added(torch.Tensor pool, DifferencesToAdd item)
    {
        item.Check(checked((int)pool.shape[0]), pool.shape[1]);
        using var scope = torch.NewDisposeScope();
        var before = Before(pool, item);
        var places = item.Places;
        var rows = Transfers.Send(places, pool.device);
        var isEverybody = places.Length == item.Heard.Length;
        var past = isEverybody ? before : before.index(rows);
        var heard = Transfers.Send([.. places.Select(place => item.Heard[place])], pool.device);
        var plain = Numbers.Sum(pool.index(heard).subtract(pool[item.Own]), past);
        var sums = torch.where(IsFiniteRow(plain).unsqueeze(1), plain, past);
        var wide = sums.to_type(torch.ScalarType.Float64);
        var products = wide.matmul(wide.t()).flatten();
        var whole = isEverybody ? sums : before.index_copy(0, rows, sums);
        return (whole.MoveToOuterDisposeScope(), products.MoveToOuterDisposeScope());
    }

    // The past of each row: zeros where there is none.
    private static torch.Tensor Before(torch.Tensor pool, DifferencesToAdd item)
    {
        var rows = item.Past.Length;
        if (item.Sums is null)
        {
            return torch.zeros(rows, pool.shape[1], pool.dtype, pool.device);
        }

        if (item.Past.SequenceEqual(Enumerable.Range(0, (int)item.Sums.shape[0])))
        {
            return item.Sums;
        }

        var isKnown = Transfers.Send(torch.tensor(item.Past.Select(row => row >= 0).ToArray()), pool.device);
        var past = item.Sums.index(Transfers.Send([.. item.Past.Select(row => Math.Max(0, row))], pool.device));
        return Zeroed(past, isKnown.unsqueeze(1));
    }
}
