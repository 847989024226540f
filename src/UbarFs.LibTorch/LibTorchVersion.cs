using System;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace UbarFs.LibTorch;

/// <summary>Finds out which libtorch a folder holds.</summary>
internal static partial class LibTorchVersion
{
    /// <summary>
    /// The version written beside the libraries: <c>version.py</c> in a Python package, <c>build-version</c> in a
    /// libtorch archive. Null where there is neither, as in NuGet packages.
    /// </summary>
    public static string? Written(LibTorchFolder folder)
    {
        var parent = Path.GetDirectoryName(folder.Path) ?? folder.Path;
        return new[] { Path.Combine(parent, "version.py"), Path.Combine(parent, "build-version") }
            .Where(File.Exists)
            .Select(path => Number().Match(File.ReadAllText(path)))
            .FirstOrDefault(match => match.Success)?.Value;
    }

    /// <summary>The version that the loaded library itself tells (libtorch 2.9 and newer); null where it does not.</summary>
    public static unsafe string? Told(nint torchCpu)
    {
        if (!NativeLibrary.TryGetExport(torchCpu, "aoti_torch_abi_version", out var function))
        {
            return null;
        }

        var packed = ((delegate* unmanaged<ulong>)function)();
        return $"{packed >> 56}.{(packed >> 48) & 0xff}.{(packed >> 40) & 0xff}";
    }

    /// <summary>Whether two versions agree in all but the last number: only then do their data layouts agree.</summary>
    public static bool AreCompatible(string one, string other) =>
        one.Split('.').Take(2).SequenceEqual(other.Split('.').Take(2));

    /// <summary>The three numbers of a longer version: a package's 2.10.0.1 packs libtorch 2.10.0.</summary>
    public static string Release(string version) => string.Join('.', version.Split('.').Take(3));

    [GeneratedRegex(@"\d+\.\d+\.\d+")]
    private static partial Regex Number();
}
