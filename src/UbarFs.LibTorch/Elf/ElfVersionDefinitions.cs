using System;
using System.Buffers.Binary;
using System.Collections.Generic;

namespace UbarFs.LibTorch;

/// <summary>Reads the symbol versions that a library offers (<c>.gnu.version_d</c>).</summary>
internal static class ElfVersionDefinitions
{
    private const int EntrySize = 20, NameSize = 8;
    private const ulong MostEntries = 4096;

    /// <summary>The names of all versions that the library defines, its own name included.</summary>
    public static IReadOnlySet<string> Read(ElfFile file)
    {
        var versions = new HashSet<string>();
        if (file.Find(ElfTag.VersionDefinitions) is not { } address)
        {
            return versions;
        }

        var count = file.Required(ElfTag.VersionDefinitionCount);
        if (count > MostEntries)
        {
            throw new ElfException($"the library defines more than {MostEntries} versions");
        }

        for (var i = 0UL; i < count; i++)
        {
            var entry = file.ReadAt(address, EntrySize);
            var name = file.ReadAt(address + BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(12)), NameSize);
            versions.Add(file.StringAt(BinaryPrimitives.ReadUInt32LittleEndian(name)));
            address += BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(16));
        }

        return versions;
    }
}
