using System;
using System.Runtime.InteropServices;

namespace UbarFs.LibTorch;

/// <summary>
/// Makes glibc's allocator keep freed blocks. By default it takes every block from 128 KiB (growing up to 32 MiB) on
/// straight from the kernel and gives it back at once, and trims the heap's end, so that each temporary tensor
/// costs a page fault per 4 KiB: a convolution that takes 2 ms then takes 16 and more.
/// </summary>
public static partial class GlibcAllocator
{
    private const int TrimThreshold = -1, MmapThreshold = -3;

    // Older glibc refuses mmap thresholds above half a thread's heap, which is 32 MiB on 64-bit systems.
    private const int WantedMmapThreshold = 1 << 30, OlderMmapThreshold = 32 << 20;

    /// <summary>
    /// Sets both thresholds for the whole process. Returns false, and changes nothing, where the C library is not
    /// glibc or refuses.
    /// </summary>
    public static bool KeepFreedBlocks()
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        try
        {
            var keepsBlocks = mallopt(MmapThreshold, WantedMmapThreshold) != 0
                || mallopt(MmapThreshold, OlderMmapThreshold) != 0;
            return keepsBlocks && mallopt(TrimThreshold, int.MaxValue) != 0;
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc.so.6")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int mallopt(int parameter, int value);
}
