using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using UbarFs.Kernels;

namespace UbarFs.LibTorch;

/// <summary>
/// Loads libtorch and TorchSharp's native library. It must run before anything of TorchSharp is used; running it
/// again is free.
/// </summary>
public static class LibTorchLoader
{
    private const string Variable = "UBARFS_LIBTORCH";
    private const string Bridge = "LibTorchSharp";

    private static readonly Lock Gate = new();
    private static (LibTorchFolder? Chosen, LibTorchReport Report)? s_loaded;

    /// <summary>
    /// Loads the libtorch of <paramref name="directory"/>, else that of the folder named by the environment variable
    /// UBARFS_LIBTORCH, else the one that this program was built with; has the allocator keep freed blocks and
    /// waiting threads sleep; initialises TorchSharp; and leaves the threads to <see cref="Workers"/>. The folder may be libtorch's <c>lib</c>, what holds it, or a Python environment's
    /// site-packages. Safe to call from several threads.
    /// </summary>
    /// <exception cref="LibTorchException">
    /// There is no usable libtorch at the place asked for, or another one than asked for is loaded already.
    /// </exception>
    public static LibTorchReport Load(string? directory = null)
    {
        directory ??= Environment.GetEnvironmentVariable(Variable);
        var chosen = string.IsNullOrEmpty(directory) ? null : LibTorchFolder.At(directory);
        lock (Gate)
        {
            if (s_loaded is not { } loaded)
            {
                loaded = (chosen, LoadFirst(chosen));
                s_loaded = loaded;
            }

            return chosen is null || chosen == loaded.Chosen || chosen.Path == loaded.Report.Folder
                ? loaded.Report
                : throw new LibTorchException(
                    $"The libtorch of {loaded.Report.Folder ?? "this program"} is in use already; that of {chosen.Path} can only be loaded by a new process.");
        }
    }

    private static LibTorchReport LoadFirst(LibTorchFolder? chosen)
    {
        CheckTorchSharp();
        GlibcAllocator.KeepFreedBlocks();
        OpenMp.WaitAsleep();
        try
        {
            var report = OperatingSystem.IsLinux() ? LoadOnLinux(chosen) : LoadElsewhere(chosen);
            Workers.TakeOver();
            return report;
        }
        catch (DllNotFoundException error)
        {
            var (place, advice) = chosen is null
                ? ("this program", "Install what is missing, or this program anew.")
                : (chosen.Path, $"Install what is missing, or unset {Variable} to use the libtorch of this program.");
            throw new LibTorchException($"The libtorch of {place} cannot be loaded: {error.Message}. {advice}", error);
        }
    }

    // With the original, numbers are freed while libtorch reads them: rarely, and then a run computes with others.
    private static void CheckTorchSharp()
    {
        var library = typeof(TorchSharp.torch).Assembly;
        if (library.GetType("TorchSharp.HeldObjects") is null)
        {
            throw new LibTorchException(
                $"{library.Location} is not the TorchSharp.dll that was built with this program, which keeps numbers until libtorch has read them. Install this program anew.");
        }
    }

    private static LibTorchReport LoadOnLinux(LibTorchFolder? chosen)
    {
        var shippedBridge = NativeFiles.Find(Bridge)
            ?? throw new LibTorchException(
                $"TorchSharp's native library is not in {string.Join(" or ", NativeFiles.SearchFolders)}: there is one for 64-bit Intel and AMD processors only.");
        var shipped = LibTorchFolder.FirstOf(NativeFiles.SearchFolders);
        var folder = chosen ?? shipped
            ?? throw new LibTorchException(
                $"No libtorch in {string.Join(" or ", NativeFiles.SearchFolders)}. Set {Variable} to the folder of one, such as site-packages/torch/lib.");
        var isForeign = chosen is not null && chosen != shipped;
        var (bridge, reason) = BridgeFor(shippedBridge);
        try
        {
            if (isForeign)
            {
                LibTorchInProcess.CheckNoneBut(folder);
                ForeignLibTorch.Check(folder, shipped, shippedBridge);
            }

            var libraries = folder.InLoadOrder().ToDictionary(
                path => path, path => DynamicLinker.Load(path, DynamicLinker.Binding.Lazy));
            var torchCpu = libraries[folder.PathOf("torch_cpu")];
            var version = LibTorchVersion.Told(torchCpu) ?? LibTorchVersion.Written(folder);
            var doubt = isForeign ? ForeignLibTorch.DoubtAbout(folder, version) : null;
            TorchSharpBinding.UseNativeLibrary(DynamicLinker.Load(bridge.Path, DynamicLinker.Binding.Now));
            if (isForeign)
            {
                TorchSharpBinding.InitializeOver(ForeignLibTorch.SearchedByTorchSharp(folder, libraries));
            }
            else
            {
                TorchSharpBinding.Initialize();
            }

            LibTorchInProcess.CheckOnlyOne();
            return new LibTorchReport(folder.Path, bridge.Path, bridge.Path != shippedBridge, reason, folder.HasCuda, version, doubt);
        }
        finally
        {
            bridge.DeleteIfTemporary();
        }
    }

    private static (PrivateCopy Bridge, string Reason) BridgeFor(string shipped)
    {
        try
        {
            var original = File.ReadAllBytes(shipped);
            var unmet = VersionGap.OfThisSystem(original);
            if (unmet.Count == 0)
            {
                return (new PrivateCopy(shipped, IsTemporary: false), "this system has every symbol version that the library asks for");
            }

            var copy = PrivateCopy.Prepare(PrivateCopy.CacheFolder, Path.GetFileName(shipped), VersionGap.Close(original, unmet));
            return (copy, $"this system lacks {VersionGap.Describe(unmet)}, which the library asks for but does not use");
        }
        catch (Exception error) when (error is ElfException or IOException or UnauthorizedAccessException)
        {
            throw new LibTorchException($"{shipped} cannot be used: {error.Message}. Install this program anew.", error);
        }
    }

    // Windows and macOS: TorchSharp finds the libraries it was shipped with; others are loaded before it looks, which
    // holds where the program comes without libtorch of its own.
    private static LibTorchReport LoadElsewhere(LibTorchFolder? chosen)
    {
        if (chosen is null)
        {
            TorchSharpBinding.Initialize();
            return new LibTorchReport(null, null, false, "TorchSharp loads its libraries by itself on this system", false, TorchSharpBinding.ExpectedVersion);
        }

        var libraries = chosen.InLoadOrder().ToDictionary(path => path, NativeLibrary.Load);
        TorchSharpBinding.InitializeOver(ForeignLibTorch.SearchedByTorchSharp(chosen, libraries));
        return new LibTorchReport(chosen.Path, null, false, "only Linux needs it", chosen.HasCuda, LibTorchVersion.Written(chosen),
            ForeignLibTorch.DoubtAbout(chosen, LibTorchVersion.Written(chosen)));
    }
}
