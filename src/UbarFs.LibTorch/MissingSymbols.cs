using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace UbarFs.LibTorch;

/// <summary>
/// Tells before anything is loaded whether TorchSharp's native library fits a libtorch that it was not shipped with.
/// The dynamic linker names only the first missing symbol, and ends the process if that is first noticed in a call.
/// </summary>
internal static class MissingSymbols
{
    private const int MostListed = 20;

    /// <summary>
    /// The mangled names that the library asks for and none of the others offers, in the library's order. What it
    /// asks for in a version comes from the system (libtorch has no versions) and is not looked at.
    /// </summary>
    public static IReadOnlyList<string> Of(string library, IEnumerable<string> others)
    {
        var offered = others.SelectMany(path => Read(path).Where(symbol => symbol.IsDefined)).Select(symbol => symbol.Name).ToHashSet();
        return
        [
            .. Read(library)
                .Where(symbol => !symbol.IsDefined && !symbol.IsWeak && !symbol.IsVersioned && !offered.Contains(symbol.Name))
                .Select(symbol => symbol.Name),
        ];
    }

    /// <summary>How many are missing and the first of them, one a line.</summary>
    public static string Describe(IReadOnlyList<string> missing)
    {
        var more = missing.Count > MostListed ? $"\n  … and {missing.Count - MostListed} more" : string.Empty;
        return $"{missing.Count} symbols are missing:\n  {string.Join("\n  ", missing.Take(MostListed))}{more}";
    }

    private static List<ElfSymbol> Read(string path)
    {
        try
        {
            using var file = ElfFile.Open(path);
            return [.. ElfSymbols.Read(file)];
        }
        catch (System.Exception error) when (error is ElfException or IOException)
        {
            throw new LibTorchException($"{path} cannot be used: {error.Message}", error);
        }
    }
}
