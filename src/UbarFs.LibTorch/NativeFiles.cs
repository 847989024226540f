using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using TorchSharp;

namespace UbarFs.LibTorch;

/// <summary>Where native libraries are called what, and where this program's own ones lie.</summary>
internal static class NativeFiles
{
    /// <summary>The file name of a library on this system: torch_cpu is libtorch_cpu.so on Linux.</summary>
    public static string Name(string library) =>
        OperatingSystem.IsWindows() ? $"{library}.dll"
        : OperatingSystem.IsMacOS() ? $"lib{library}.dylib"
        : $"lib{library}.so";

    /// <summary>
    /// The folders in which .NET looks for native libraries, in its order and spelling: those of the application's
    /// packages (<c>runtimes/…/native</c> after a build, the program's own folder after publishing), then
    /// the folder of TorchSharp.dll.
    /// </summary>
    public static IReadOnlyList<string> SearchFolders { get; } = FindSearchFolders();

    /// <summary>The first existing file of a name in the search folders, spelled as .NET would ask for it.</summary>
    public static string? Find(string library) =>
        SearchFolders.Select(folder => Path.Join(folder, Name(library))).FirstOrDefault(File.Exists);

    private static List<string> FindSearchFolders()
    {
        var known = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? string.Empty;
        var folders = known.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).ToList();
        folders.Add(AppContext.BaseDirectory);
        if (Path.GetDirectoryName(typeof(torch).Assembly.Location) is { Length: > 0 } beside)
        {
            folders.Add(beside);
        }

        return folders;
    }
}
