using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace UbarFs.LibTorch;

/// <summary>
/// What a native library asks of the system that the system does not have. TorchSharp's is compiled with GCC 13 and
/// asks for GLIBCXX_3.4.32, which Debian 12, Ubuntu 22.04 and RHEL 9 lack, for a symbol that nothing in it uses.
/// </summary>
internal static class VersionGap
{
    /// <summary>The needs of a library that this system's libraries do not meet, as loaded into this process.</summary>
    /// <exception cref="LibTorchException">A needed system library is missing altogether.</exception>
    public static IReadOnlyList<ElfVersionNeed> OfThisSystem(byte[] library)
    {
        using var file = new ElfFile(new MemoryStream(library, writable: false));
        var offered = new Dictionary<string, IReadOnlySet<string>>();
        return Unmet(ElfVersionNeeds.Read(file), name =>
        {
            if (!offered.TryGetValue(name, out var versions))
            {
                offered[name] = versions = VersionsOffered(name);
            }

            return versions;
        });
    }

    /// <summary>The needs that are not weak and that the named library does not offer.</summary>
    public static IReadOnlyList<ElfVersionNeed> Unmet(
        IEnumerable<ElfVersionNeed> needs, Func<string, IReadOnlySet<string>> versionsOffered) =>
        [.. needs.Where(need => !need.IsWeak && !versionsOffered(need.Library).Contains(need.Version))];

    /// <summary>The library with all unmet needs taken back.</summary>
    /// <exception cref="LibTorchException">It uses one of them: this system is too old for it.</exception>
    public static byte[] Close(byte[] library, IReadOnlyList<ElfVersionNeed> unmet)
    {
        try
        {
            return unmet.Aggregate(library, (bytes, need) => ElfVersionNeeds.MarkWeak(bytes, need.Library, need.Version));
        }
        catch (ElfException error)
        {
            throw new LibTorchException(
                $"This system is too old for TorchSharp's native library: {error.Message}, and this system's {unmet[0].Library} lacks "
                + $"{Describe(unmet)}. Debian 12, Ubuntu 22.04, RHEL 9 or newer is needed.",
                error);
        }
    }

    /// <summary>The missing versions for a message: "GLIBCXX_3.4.32 (libstdc++.so.6)".</summary>
    public static string Describe(IEnumerable<ElfVersionNeed> unmet) =>
        string.Join(", ", unmet.Select(need => $"{need.Version} ({need.Library})"));

    private static IReadOnlySet<string> VersionsOffered(string library)
    {
        try
        {
            // The file is asked for by name, as the linker does: another copy elsewhere on the disk says nothing.
            using var file = ElfFile.Open(DynamicLinker.PathOf(DynamicLinker.Load(library, DynamicLinker.Binding.Lazy)));
            return ElfVersionDefinitions.Read(file);
        }
        catch (Exception error) when (error is DllNotFoundException or IOException or ElfException)
        {
            throw new LibTorchException($"libtorch needs the system library {library}, which cannot be used: {error.Message}", error);
        }
    }
}
