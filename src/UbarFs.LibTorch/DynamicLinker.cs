using System;
using System.Runtime.InteropServices;

namespace UbarFs.LibTorch;

/// <summary>
/// The system's dynamic linker (dlfcn.h) where .NET's NativeLibrary is not enough: it cannot bind all symbols at
/// once, and does not say which file was loaded. Linux with glibc only.
/// </summary>
internal static partial class DynamicLinker
{
    // Up to glibc 2.33 these functions live here; later versions keep the file and forward to libc.so.6.
    private const string Library = "libdl.so.2";
    private const int LinkMapRequest = 2;

    /// <summary>When a library's undefined functions are looked up.</summary>
    public enum Binding
    {
        /// <summary>Each at its first call (RTLD_LAZY); a missing one then ends the process.</summary>
        Lazy = 1,

        /// <summary>All of them while loading (RTLD_NOW); a missing one is an error of <see cref="Load"/>.</summary>
        Now = 2,
    }

    /// <summary>Loads a library by its path, or by its name through the system's search, or finds it loaded already.</summary>
    /// <exception cref="DllNotFoundException">The linker refused; the message is the linker's.</exception>
    public static nint Load(string library, Binding binding)
    {
        // RTLD_LOCAL suffices: each library finds what it needs among those it names itself, and names (sonames)
        // are matched against everything loaded, wherever it was loaded from. Asking for the error beforehand has
        // .NET bind dlerror now: binding it afterwards would call the linker and so wipe the message.
        dlerror();
        var handle = dlopen(library, (int)binding);
        return handle != 0
            ? handle
            : throw new DllNotFoundException(Marshal.PtrToStringUTF8(dlerror()) ?? $"{library} cannot be loaded");
    }

    /// <summary>The path from which a library was loaded.</summary>
    public static unsafe string PathOf(nint handle) =>
        Marshal.PtrToStringUTF8((nint)LinkMapOf(handle)->Name) ?? string.Empty;

    /// <summary>
    /// Until disposed, the linker takes <paramref name="path"/> for another name of the loaded library, instead of
    /// loading a second library from there.
    /// </summary>
    public static unsafe IDisposable Alias(nint handle, string path)
    {
        var map = LinkMapOf(handle);
        var original = map->Name;
        map->Name = (byte*)Marshal.StringToCoTaskMemUTF8(path);
        return new Restore(() =>
        {
            Marshal.FreeCoTaskMem((nint)map->Name);
            map->Name = original;
        });
    }

    private static unsafe LinkMap* LinkMapOf(nint handle)
    {
        LinkMap* map;
        return dlinfo(handle, LinkMapRequest, &map) == 0
            ? map
            : throw new DllNotFoundException(Marshal.PtrToStringUTF8(dlerror()) ?? "dlinfo failed");
    }

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint dlopen(string path, int flags);

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint dlerror();

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static unsafe partial int dlinfo(nint handle, int request, LinkMap** information);

    // The public head of link.h's struct link_map.
    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct LinkMap
    {
        public nint Address;
        public byte* Name;
    }

    private sealed class Restore(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
