using System;
using System.Collections.Generic;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace UbarFs.LibTorch;

/// <summary>
/// Makes TorchSharp use libraries that are loaded already. Its type initialiser looks for torch_cpu, torch_cuda and
/// LibTorchSharp by name through NativeLibrary.TryLoad, which asks no import resolver: .NET first tries the files in
/// its search folders, then the bare name, which the linker finds among what is loaded.
/// </summary>
internal static class TorchSharpBinding
{
    /// <summary>The libtorch that TorchSharp was compiled against, such as 2.10.0.</summary>
    public static string ExpectedVersion { get; } =
        typeof(torch).GetField("libtorchPackageVersion", BindingFlags.NonPublic | BindingFlags.Static)?.GetRawConstantValue() is string package
            ? LibTorchVersion.Release(package)
            : throw new LibTorchException("This TorchSharp does not say which libtorch it was compiled against: it is not the one that this program was built with.");

    /// <summary>Has TorchSharp call into the given native library.</summary>
    public static void UseNativeLibrary(nint handle)
    {
        try
        {
            NativeLibrary.SetDllImportResolver(
                typeof(torch).Assembly, (name, _, _) => name == "LibTorchSharp" ? handle : 0);
        }
        catch (InvalidOperationException)
        {
            // Someone else has set a resolver. The library is still found by its name, since it is loaded.
        }
    }

    /// <summary>Runs TorchSharp's type initialiser, which looks for its libraries.</summary>
    public static void Initialize()
    {
        try
        {
            RuntimeHelpers.RunClassConstructor(typeof(torch).TypeHandle);
        }
        catch (TypeInitializationException error)
        {
            var cause = error.GetBaseException();
            throw new LibTorchException($"TorchSharp cannot find or load libtorch: {cause.Message}", error);
        }
    }

    /// <summary>
    /// Initialises TorchSharp over another libtorch than the one in .NET's search folders. Those files would be found
    /// first, and two libtorch in one process end in a crash; therefore their paths are, meanwhile, further names of
    /// the libraries that are loaded, and afterwards TorchSharp is told to look no more.
    /// </summary>
    /// <param name="loaded">The loaded libraries of libtorch: name (torch_cpu) and handle.</param>
    public static void InitializeOver(IReadOnlyDictionary<string, nint> loaded)
    {
        var aliases = new List<IDisposable>();
        try
        {
            foreach (var (library, handle) in loaded)
            {
                if (OperatingSystem.IsLinux() && NativeFiles.Find(library) is { } ownFile)
                {
                    aliases.Add(DynamicLinker.Alias(handle, ownFile));
                }
            }

            Initialize();
        }
        finally
        {
            aliases.ForEach(alias => alias.Dispose());
        }

        StopLooking("nativeBackendLoaded");
        StopLooking("nativeBackendCudaLoaded");
    }

    private static void StopLooking(string flag)
    {
        var field = typeof(torch).GetField(flag, BindingFlags.NonPublic | BindingFlags.Static)
            ?? throw new LibTorchException("UBARFS_LIBTORCH does not work with this version of TorchSharp; unset it to use the libtorch of this program.");
        field.SetValue(null, true);
    }
}
