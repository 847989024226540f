using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace UbarFs.LibTorch;

/// <summary>A folder with libtorch's libraries.</summary>
internal sealed record LibTorchFolder
{
    private static readonly string[] Cuda = ["c10_cuda", "torch_cuda", "torch_cuda_linalg"];

    private LibTorchFolder(string path) => Path = System.IO.Path.TrimEndingDirectorySeparator(path);

    /// <summary>The absolute path of the folder that holds libtorch_cpu.</summary>
    public string Path { get; }

    /// <summary>Whether it is a libtorch with CUDA.</summary>
    public bool HasCuda => File.Exists(PathOf("torch_cuda"));

    /// <summary>The folder itself, or its <c>lib</c> or <c>torch/lib</c>, whichever holds libtorch.</summary>
    /// <exception cref="LibTorchException">There is no such folder, or no libtorch in it.</exception>
    public static LibTorchFolder At(string directory)
    {
        var full = System.IO.Path.GetFullPath(directory);
        if (!Directory.Exists(full))
        {
            throw new LibTorchException(
                $"There is no folder {full}, in which libtorch should be (UBARFS_LIBTORCH or the given folder). "
                + "Name the folder of libtorch's libraries, such as site-packages/torch/lib, or unset it to use the libtorch of this program.");
        }

        string[] places = [full, System.IO.Path.Combine(full, "lib"), System.IO.Path.Combine(full, "torch", "lib")];
        return FirstOf(places)
            ?? throw new LibTorchException(
                $"No libtorch in {full}: neither it nor its lib folder holds {NativeFiles.Name("torch_cpu")}; found {Contents(full)}. "
                + "Name the folder of libtorch's libraries, such as site-packages/torch/lib, or unset UBARFS_LIBTORCH to use the libtorch of this program.");
    }

    /// <summary>The first of the folders that holds libtorch; null where none does.</summary>
    public static LibTorchFolder? FirstOf(IEnumerable<string> directories) =>
        directories.Select(directory => new LibTorchFolder(directory)).FirstOrDefault(folder => File.Exists(folder.PathOf("torch_cpu")));

    /// <summary>The path at which a library of libtorch lies, such as <c>torch_cpu</c>, whether or not it is there.</summary>
    public string PathOf(string library) => System.IO.Path.Combine(Path, NativeFiles.Name(library));

    /// <summary>
    /// The paths of libtorch's libraries with everything of this folder that they need, each after what it needs
    /// itself, as their DT_NEEDED entries say.
    /// </summary>
    public IReadOnlyList<string> InLoadOrder()
    {
        List<string> order = [];
        var seen = new HashSet<string>();
        foreach (var library in (string[])["c10", "torch_cpu", "torch", .. Cuda])
        {
            Visit(PathOf(library));
        }

        return order;

        void Visit(string path)
        {
            if (!File.Exists(path) || !seen.Add(path))
            {
                return;
            }

            foreach (var needed in OperatingSystem.IsLinux() ? Needed(path) : [])
            {
                Visit(System.IO.Path.Combine(Path, needed));
            }

            order.Add(path);
        }
    }

    private static IReadOnlyList<string> Needed(string path)
    {
        try
        {
            using var file = ElfFile.Open(path);
            return file.NeededLibraries;
        }
        catch (ElfException error)
        {
            throw new LibTorchException($"{path} cannot be used: {error.Message}. Install this libtorch anew.", error);
        }
    }

    private static string Contents(string directory)
    {
        var names = Directory.EnumerateFileSystemEntries(directory).Select(System.IO.Path.GetFileName).Order().Take(6).ToList();
        return names.Count == 0 ? "an empty folder" : string.Join(", ", names.Take(5)) + (names.Count > 5 ? ", …" : string.Empty);
    }
}
