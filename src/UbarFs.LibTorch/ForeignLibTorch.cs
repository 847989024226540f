using System.Collections.Generic;
using System.Linq;

namespace UbarFs.LibTorch;

/// <summary>Whether a libtorch that this program was not built with can serve it, and which of its libraries matter.</summary>
internal static class ForeignLibTorch
{
    private static readonly string[] SearchedNames = ["torch_cpu", "torch_cuda"];

    /// <summary>Refuses, before anything is loaded, a libtorch that could only fail.</summary>
    /// <exception cref="LibTorchException">It lacks symbols, or would be mixed with the libtorch of this program.</exception>
    public static void Check(LibTorchFolder folder, LibTorchFolder? shipped, string bridge)
    {
        if (shipped is { HasCuda: true } && !folder.HasCuda)
        {
            throw new LibTorchException(
                $"The libtorch in {folder.Path} is without CUDA, and this program comes with CUDA libraries of its own; both in one "
                + "process would crash. Unset UBARFS_LIBTORCH (the CPU can be chosen as the device), or use this program's CPU build.");
        }

        var missing = MissingSymbols.Of(bridge, folder.InLoadOrder());
        if (missing.Count > 0)
        {
            throw new LibTorchException(
                $"The libtorch in {folder.Path} ({LibTorchVersion.Written(folder) ?? "of unknown version"}) does not fit TorchSharp, "
                + $"which was compiled for libtorch {TorchSharpBinding.ExpectedVersion}. {Advice} {MissingSymbols.Describe(missing)}");
        }
    }

    /// <summary>
    /// The doubt about a libtorch whose symbols all fit but whose version is another one: data layouts may differ, which
    /// nothing can check.
    /// </summary>
    public static string? DoubtAbout(LibTorchFolder folder, string? version) =>
        version is null || LibTorchVersion.AreCompatible(version, TorchSharpBinding.ExpectedVersion)
            ? null
            : $"The libtorch in {folder.Path} is version {version}, and TorchSharp was compiled for {TorchSharpBinding.ExpectedVersion}: "
                + "every symbol is there, but the two may still disagree. Compare some results with those of this program's own libtorch.";

    /// <summary>The loaded libraries that TorchSharp looks for by name.</summary>
    public static Dictionary<string, nint> SearchedByTorchSharp(LibTorchFolder folder, Dictionary<string, nint> loaded) =>
        SearchedNames
            .Where(library => loaded.ContainsKey(folder.PathOf(library)))
            .ToDictionary(library => library, library => loaded[folder.PathOf(library)]);

    private static string Advice =>
        $"Install libtorch (or the Python package torch) {TorchSharpBinding.ExpectedVersion}, or unset UBARFS_LIBTORCH to use the libtorch of this program.";
}
