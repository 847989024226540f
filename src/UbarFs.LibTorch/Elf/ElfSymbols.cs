using System;
using System.Buffers.Binary;
using System.Collections.Generic;

namespace UbarFs.LibTorch;

/// <summary>One dynamic symbol.</summary>
/// <param name="Name">The mangled name.</param>
/// <param name="IsDefined">Whether the library offers the symbol rather than asks for it.</param>
/// <param name="IsWeak">Whether the library does without it where nobody offers it.</param>
/// <param name="IsVersioned">Whether the symbol is asked for in a certain version.</param>
internal readonly record struct ElfSymbol(string Name, bool IsDefined, bool IsWeak, bool IsVersioned);

/// <summary>Reads the dynamic symbols of a library and what refers to them.</summary>
internal static class ElfSymbols
{
    private const ulong SymbolSize = 24, RelocationSize = 24;
    private const int WeakBinding = 2;

    // Indices 0 and 1 of the version table mean "local" and "global, no version".
    private const int FirstVersion = 2, VersionMask = 0x7fff;

    /// <summary>All named dynamic symbols.</summary>
    public static IEnumerable<ElfSymbol> Read(ElfFile file)
    {
        var count = Count(file);
        var table = file.ReadAt(file.Required(ElfTag.SymbolTable), checked(count * SymbolSize));
        var versions = file.Find(ElfTag.SymbolVersions) is { } address ? file.ReadAt(address, count * 2) : null;
        for (var i = 1; i < (int)count; i++)
        {
            var entry = table.AsSpan(i * (int)SymbolSize, (int)SymbolSize);
            var version = versions is null ? 0 : BinaryPrimitives.ReadUInt16LittleEndian(versions.AsSpan(2 * i)) & VersionMask;
            yield return new ElfSymbol(
                file.StringAt(BinaryPrimitives.ReadUInt32LittleEndian(entry)),
                BinaryPrimitives.ReadUInt16LittleEndian(entry[6..]) != 0,
                entry[4] >> 4 == WeakBinding,
                version >= FirstVersion);
        }
    }

    /// <summary>The first symbol of the given version that a relocation refers to; null where none does.</summary>
    public static string? FirstRelocated(ElfFile file, int versionIndex)
    {
        if (file.Find(ElfTag.ShortRelocations) is not null)
        {
            throw new ElfException("the library has relocations without addends, which x86-64 and ARM64 do not use");
        }

        if (file.Find(ElfTag.PltRelocationsKind) is { } kind && kind != (ulong)ElfTag.Relocations)
        {
            throw new ElfException("the library's calls are relocated in an unknown form");
        }

        return FirstRelocated(file, versionIndex, ElfTag.Relocations, ElfTag.RelocationsSize)
            ?? FirstRelocated(file, versionIndex, ElfTag.PltRelocations, ElfTag.PltRelocationsSize);
    }

    private static string? FirstRelocated(ElfFile file, int versionIndex, long tableTag, long sizeTag)
    {
        if (file.Find(tableTag) is not { } address)
        {
            return null;
        }

        var table = file.ReadAt(address, file.Required(sizeTag));
        if (table.Length % (int)RelocationSize != 0)
        {
            throw new ElfException("the library's relocation table is cut short");
        }

        var versions = file.Required(ElfTag.SymbolVersions);
        for (var i = 0; i < table.Length; i += (int)RelocationSize)
        {
            var symbol = (ulong)BinaryPrimitives.ReadUInt32LittleEndian(table.AsSpan(i + 12));
            if (symbol == 0)
            {
                continue;
            }

            var version = BinaryPrimitives.ReadUInt16LittleEndian(file.ReadAt(versions + (2 * symbol), 2)) & VersionMask;
            if (version == versionIndex)
            {
                var entry = file.ReadAt(file.Required(ElfTag.SymbolTable) + (SymbolSize * symbol), SymbolSize);
                return file.StringAt(BinaryPrimitives.ReadUInt32LittleEndian(entry));
            }
        }

        return null;
    }

    // The dynamic section does not say how many symbols there are; the hash tables over them do.
    private static ulong Count(ElfFile file)
    {
        if (file.Find(ElfTag.HashTable) is { } hash)
        {
            return BinaryPrimitives.ReadUInt32LittleEndian(file.ReadAt(hash + 4, 4));
        }

        var address = file.Required(ElfTag.GnuHashTable);
        var header = file.ReadAt(address, 16);
        var bucketCount = (ulong)BinaryPrimitives.ReadUInt32LittleEndian(header);
        var firstHashed = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4));
        var bloomWords = (ulong)BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8));
        var bucketsAt = address + 16 + (8 * bloomWords);
        var last = 0U;
        var buckets = file.ReadAt(bucketsAt, 4 * bucketCount);
        for (var i = 0; i < buckets.Length; i += 4)
        {
            last = Math.Max(last, BinaryPrimitives.ReadUInt32LittleEndian(buckets.AsSpan(i)));
        }

        if (last < firstHashed)
        {
            return firstHashed;
        }

        // The chain of the last bucket ends with the last symbol, whose hash is marked by its lowest bit.
        var chain = bucketsAt + (4 * bucketCount) + (4 * (ulong)(last - firstHashed));
        while ((file.ReadAt(chain, 4)[0] & 1) == 0)
        {
            (chain, last) = (chain + 4, last + 1);
        }

        return (ulong)last + 1;
    }
}
