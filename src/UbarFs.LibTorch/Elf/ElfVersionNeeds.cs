using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;

namespace UbarFs.LibTorch;

/// <summary>
/// One symbol version that a library asks of another one (an entry of <c>.gnu.version_r</c>). Where the system's
/// copy of <paramref name="Library"/> lacks the version, the linker refuses to load the asker, unless it is weak.
/// </summary>
/// <param name="Library">The library asked, such as libstdc++.so.6.</param>
/// <param name="Version">The version's name, such as GLIBCXX_3.4.32.</param>
/// <param name="Index">The number by which the symbol table refers to this version.</param>
/// <param name="Flags">The entry's vna_flags.</param>
/// <param name="FlagsOffset">Where in the file vna_flags lies.</param>
internal sealed record ElfVersionNeed(string Library, string Version, int Index, int Flags, long FlagsOffset)
{
    /// <summary>VER_FLG_WEAK: the linker does not insist.</summary>
    public const int Weak = 2;

    /// <summary>Whether the library loads without this version.</summary>
    public bool IsWeak => (Flags & Weak) != 0;
}

/// <summary>Reads the symbol versions that a library needs, and takes back those that it does not use.</summary>
internal static class ElfVersionNeeds
{
    private const int EntrySize = 16;

    // glibc itself needs some dozens; the limit keeps a damaged file from costing time.
    private const int MostEntries = 4096;

    /// <summary>All versions that the library needs, in file order; none where it has no such table.</summary>
    public static IReadOnlyList<ElfVersionNeed> Read(ElfFile file)
    {
        if (file.Find(ElfTag.VersionNeeds) is not { } address)
        {
            return [];
        }

        var table = new Table(file);
        var count = file.Required(ElfTag.VersionNeedCount);
        List<ElfVersionNeed> needs = [];
        for (var i = 0UL; i < count; i++)
        {
            var entry = table.Entry(address);
            var library = file.StringAt(BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(4)));
            var versions = BinaryPrimitives.ReadUInt16LittleEndian(entry.AsSpan(2));
            ReadVersions(table, address + BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(8)), versions, library, needs);
            address = Next(address, entry, last: i + 1 == count);
        }

        table.CheckOverlaps();
        return needs;
    }

    /// <summary>
    /// A copy of the library in which one needed version is weak, so that it loads where that version is missing.
    /// Nothing but that entry's flags changes.
    /// </summary>
    /// <exception cref="ElfException">
    /// The library has no such entry, or uses a symbol of that version: taking the need back would only move the
    /// failure from loading to running.
    /// </exception>
    public static byte[] MarkWeak(byte[] library, string neededLibrary, string version)
    {
        using var file = new ElfFile(new MemoryStream(library, writable: false));
        var copy = (byte[])library.Clone();
        var found = false;
        foreach (var need in Read(file))
        {
            if (need.Library == neededLibrary && need.Version == version)
            {
                if (ElfSymbols.FirstRelocated(file, need.Index) is { } symbol)
                {
                    throw new ElfException($"the library uses {symbol} of {version} from {neededLibrary}");
                }

                BinaryPrimitives.WriteUInt16LittleEndian(
                    copy.AsSpan((int)need.FlagsOffset), (ushort)(need.Flags | ElfVersionNeed.Weak));
                found = true;
            }
        }

        return found ? copy : throw new ElfException($"the library does not ask for {version} from {neededLibrary}");
    }

    private static void ReadVersions(Table table, ulong address, int count, string library, List<ElfVersionNeed> needs)
    {
        for (var i = 0; i < count; i++)
        {
            var entry = table.Entry(address);
            needs.Add(new ElfVersionNeed(
                library,
                table.File.StringAt(BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(8))),
                BinaryPrimitives.ReadUInt16LittleEndian(entry.AsSpan(6)),
                BinaryPrimitives.ReadUInt16LittleEndian(entry.AsSpan(4)),
                (long)table.File.OffsetOf(address, EntrySize) + 4));
            address = Next(address, entry, last: i + 1 == count);
        }
    }

    // Both kinds of entry end with the distance to the next one of their chain; 0 only after the last.
    private static ulong Next(ulong address, byte[] entry, bool last)
    {
        var distance = BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(12));
        return distance == 0 && !last
            ? throw new ElfException("the library's version table ends before its last entry")
            : address + distance;
    }

    /// <summary>Hands out the 16-byte entries of the table and notices when there are too many or two overlap.</summary>
    private sealed class Table(ElfFile file)
    {
        private readonly List<ulong> _places = [];

        public ElfFile File => file;

        public byte[] Entry(ulong address)
        {
            _places.Add(address);
            return _places.Count <= MostEntries
                ? file.ReadAt(address, EntrySize)
                : throw new ElfException($"the library's version table has more than {MostEntries} entries");
        }

        public void CheckOverlaps()
        {
            _places.Sort();
            for (var i = 1; i < _places.Count; i++)
            {
                if (_places[i] - _places[i - 1] < EntrySize)
                {
                    throw new ElfException("entries of the library's version table overlap");
                }
            }
        }
    }
}
