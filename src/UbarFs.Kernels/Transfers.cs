using System;
using System.Linq;
using System.Threading;
using TorchSharp;

namespace UbarFs.Kernels;

/// <summary>
/// What passes between the host and a device. A read waits until the device has done all that it was asked for, and leaves
/// it without work: an iteration should do none. What is sent waits for nothing.
/// </summary>
public static class Transfers
{
    private static long s_reads;

    /// <summary>How often the host has read numbers, be the device a GPU or the host itself.</summary>
    public static long Reads => Interlocked.Read(ref s_reads);

    /// <summary>All numbers of a tensor of this type, in order.</summary>
    public static T[] Read<T>(torch.Tensor tensor)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Interlocked.Increment(ref s_reads);
        using var scope = torch.NewDisposeScope();
        return tensor.cpu().data<T>().ToArray();
    }

    /// <summary>The numbers in int64 on a device, such as places to select.</summary>
    public static torch.Tensor Send(int[] numbers, torch.Device device)
    {
        using var host = torch.tensor(numbers.Select(number => (long)number).ToArray());
        return Send(host, device);
    }

    /// <summary>The numbers of a tensor on the host, on a device.</summary>
    public static torch.Tensor Send(torch.Tensor host, torch.Device device)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(device);
        if (device.type != DeviceType.CUDA)
        {
            return host.to(device);
        }

        // From memory that cannot be paged out, which libtorch keeps until the copy is done, the host need not wait.
        using var locked = host.pin_memory();
        return locked.to(device, non_blocking: true);
    }
}
