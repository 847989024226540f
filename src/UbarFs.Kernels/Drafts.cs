using System;
using System.IO;

namespace UbarFs.Kernels;

/// <summary>Files that are written beside the one that they are to replace, and renamed once they are whole.</summary>
public static class Drafts
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Removes from a folder, as far as that is possible, the drafts of this pattern whose writers have ended without a
    /// word: nobody has them open, and nobody has written them for a minute.
    /// </summary>
    public static void RemoveAbandoned(string folder, string pattern)
    {
        if (!Directory.Exists(folder))
        {
            return;
        }

        foreach (var draft in Directory.EnumerateFiles(folder, pattern))
        {
            try
            {
                if (IsOld(draft) && !IsOpen(draft))
                {
                    File.Delete(draft);
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // What cannot be removed costs a little space, and is in nobody's way.
            }
        }
    }

    private static bool IsOld(string draft) => DateTime.UtcNow - File.GetLastWriteTimeUtc(draft) > s_patience;

    // A writer's lock ends with its process.
    private static bool IsOpen(string draft)
    {
        try
        {
            using var stream = new FileStream(draft, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
