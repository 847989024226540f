using System;
using System.Collections.Generic;
using System.IO;

namespace UbarFs.LibTorch;

/// <summary>Makes sure that never two libtorch are in this process: they share some of their state and crash. Linux only.</summary>
internal static class LibTorchInProcess
{
    /// <summary>Before loading: no libtorch but that of the folder is there.</summary>
    /// <exception cref="LibTorchException">Another one is, since TorchSharp was used too early or an attempt failed.</exception>
    public static void CheckNoneBut(LibTorchFolder folder)
    {
        foreach (var file in Files())
        {
            if (file != folder.PathOf("torch_cpu"))
            {
                throw new LibTorchException(
                    $"{file} is in this process already; the libtorch of {folder.Path} can only be loaded by a new process, before anything of TorchSharp is used.");
            }
        }
    }

    /// <summary>After loading: TorchSharp has not found another one for itself.</summary>
    public static void CheckOnlyOne()
    {
        var files = Files();
        if (files.Count > 1)
        {
            throw new LibTorchException($"Two libtorch are in this process: {string.Join(" and ", files)}. Unset UBARFS_LIBTORCH.");
        }
    }

    private static HashSet<string> Files()
    {
        var files = new HashSet<string>();
        foreach (var line in File.ReadLines("/proc/self/maps"))
        {
            var path = line.IndexOf('/', StringComparison.Ordinal);
            if (path >= 0 && line.EndsWith("/libtorch_cpu.so", StringComparison.Ordinal))
            {
                files.Add(line[path..]);
            }
        }

        return files;
    }
}
