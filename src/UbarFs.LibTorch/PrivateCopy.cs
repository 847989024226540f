using System;
using System.IO;
using System.Security.Cryptography;
using UbarFs.Kernels;

namespace UbarFs.LibTorch;

/// <summary>A file with exactly the wanted content in a folder that only this user can change.</summary>
/// <param name="Path">The absolute path.</param>
/// <param name="IsTemporary">Whether it lies in a folder of its own that is to be deleted once it is loaded.</param>
internal sealed record PrivateCopy(string Path, bool IsTemporary)
{
    /// <summary>The user's cache folder for native libraries: <c>$XDG_CACHE_HOME</c> or <c>~/.cache</c>, then ubarfs/native.</summary>
    public static string CacheFolder
    {
        get
        {
            // A relative XDG_CACHE_HOME is to be ignored, says the XDG base directory specification.
            var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            if (string.IsNullOrEmpty(cache) || !System.IO.Path.IsPathRooted(cache))
            {
                cache = System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
            }

            return System.IO.Path.Combine(cache, "ubarfs", "native");
        }
    }

    /// <summary>
    /// Finds or writes the file in <paramref name="folder"/>, or, where that cannot be written, in a new temporary
    /// folder. Its subfolder is named after the content's hash, so that systems that share a home folder but need
    /// different content never replace each other's file. Any number of processes may do this at once.
    /// </summary>
    /// <exception cref="LibTorchException">Neither place can be written.</exception>
    public static PrivateCopy Prepare(string folder, string fileName, byte[] content)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(content));
        try
        {
            return new PrivateCopy(PrepareIn(System.IO.Path.Combine(folder, hash[..16]), fileName, content), false);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return PrepareTemporary(folder, fileName, content, error);
        }
    }

    /// <summary>Deletes a temporary copy; a loaded library stays loaded.</summary>
    public void DeleteIfTemporary()
    {
        if (IsTemporary && System.IO.Path.GetDirectoryName(Path) is { } folder && Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static PrivateCopy PrepareTemporary(string folder, string fileName, byte[] content, Exception reason)
    {
        try
        {
            // Only this user can enter the new folder (mode 700).
            var temporary = Directory.CreateTempSubdirectory("ubarfs-").FullName;
            return new PrivateCopy(PrepareIn(temporary, fileName, content), true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new LibTorchException(
                $"A copy of {fileName} for this system can be written neither to {folder} ({reason.Message}) nor to "
                + $"{System.IO.Path.GetTempPath()} ({error.Message}). Set XDG_CACHE_HOME or TMPDIR to a folder that you can write.",
                new AggregateException(reason, error));
        }
    }

    private static string PrepareIn(string folder, string fileName, byte[] content)
    {
        CreatePrivateFolder(folder);
        Drafts.RemoveAbandoned(folder, $"{fileName}.*.tmp");
        var path = System.IO.Path.Combine(folder, fileName);
        if (!HasContent(path, content))
        {
            Write(path, content);
            if (!HasContent(path, content))
            {
                throw new IOException($"{path} does not hold what was written to it");
            }
        }

        return path;
    }

    private static void CreatePrivateFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
            return;
        }

        const UnixFileMode onlyUser = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(folder, onlyUser);
        if ((File.GetUnixFileMode(folder) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
        {
            throw new IOException($"other users can change {folder}");
        }
    }

    // Comparing every byte is as cheap as hashing and leaves nothing to chance.
    private static bool HasContent(string path, byte[] content) =>
        File.Exists(path) && new FileInfo(path).Length == content.Length && File.ReadAllBytes(path).AsSpan().SequenceEqual(content);

    // Renaming is atomic: other processes see the old file or the whole new one, and one that has the old file
    // mapped keeps it.
    private static void Write(string path, byte[] content)
    {
        var unfinished = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var stream = new FileStream(unfinished, FileMode.CreateNew, FileAccess.Write))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            File.Move(unfinished, path, overwrite: true);
        }
        finally
        {
            File.Delete(unfinished);
        }
    }
}
