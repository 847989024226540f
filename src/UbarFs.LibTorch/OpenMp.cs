using System;
using System.Runtime.InteropServices;

namespace UbarFs.LibTorch;

/// <summary>
/// Settings of the threads with which libtorch computes. They are read when libtorch is loaded.
/// </summary>
public static partial class OpenMp
{
    /// <summary>
    /// Lets threads that wait for each other sleep, unless the user's OMP_WAIT_POLICY says otherwise. By default they
    /// spin, and where other programs want the cores as well, a network of small models then takes 10 to 40 times as
    /// long. Returns false where the C library is not the one expected.
    /// </summary>
    public static bool WaitAsleep()
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        try
        {
            // .NET's own SetEnvironmentVariable does not reach native code.
            return setenv("OMP_WAIT_POLICY", "passive", 0) == 0;
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc.so.6", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int setenv(string name, string value, int overwrite);
}
