using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace UbarFs.LibTorch;

/// <summary>
/// A 64-bit little-endian ELF shared library as the dynamic linker sees it: its loaded segments and its dynamic
/// section. Section headers are never used, since a stripped library has none. Whatever the file holds, reading it
/// either succeeds or throws <see cref="ElfException"/>; no allocation is larger than the file.
/// </summary>
internal sealed class ElfFile : IDisposable
{
    private const int HeaderSize = 64, SegmentSize = 56, DynamicEntrySize = 16;
    private const int SharedObject = 3, Load = 1, Dynamic = 2;
    private const int LongestDynamicSection = 1 << 20;

    // Mangled C++ names reach some thousands; without a limit a damaged string table costs time.
    private const int LongestString = 1 << 16;

    private readonly Stream _stream;
    private readonly List<Segment> _segments = [];
    private readonly List<(long Tag, ulong Value)> _dynamic = [];
    private readonly Lazy<byte[]> _strings;

    /// <summary>Reads the headers; the stream must be seekable, and is closed with this object.</summary>
    public ElfFile(Stream stream)
    {
        _stream = stream;
        _strings = new Lazy<byte[]>(() => ReadAt(Required(ElfTag.StringTable), Required(ElfTag.StringTableSize)));
        ReadDynamicSection(ReadSegments());
    }

    /// <summary>Opens a library without reading it whole: libtorch's are up to a gigabyte.</summary>
    public static ElfFile Open(string path)
    {
        var stream = File.OpenRead(path);
        try
        {
            return new ElfFile(stream);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>The libraries this one asks the linker for (DT_NEEDED), in order.</summary>
    public IReadOnlyList<string> NeededLibraries
    {
        get
        {
            List<string> names = [];
            foreach (var (tag, value) in _dynamic)
            {
                if (tag == ElfTag.Needed)
                {
                    names.Add(StringAt(value));
                }
            }

            return names;
        }
    }

    /// <summary>The value of a dynamic entry, or null where the library has none.</summary>
    public ulong? Find(long tag)
    {
        foreach (var entry in _dynamic)
        {
            if (entry.Tag == tag)
            {
                return entry.Value;
            }
        }

        return null;
    }

    /// <summary>The value of a dynamic entry that the library must have.</summary>
    public ulong Required(long tag) =>
        Find(tag) ?? throw new ElfException($"the library's dynamic section has no entry 0x{tag:x}");

    /// <summary>The bytes that the linker would find at a virtual address.</summary>
    public byte[] ReadAt(ulong address, ulong count) => ReadFile(OffsetOf(address, count), count);

    /// <summary>Where in the file the bytes of a virtual address lie.</summary>
    public ulong OffsetOf(ulong address, ulong count)
    {
        foreach (var segment in _segments)
        {
            var skipped = unchecked(address - segment.Address);
            if (address >= segment.Address && skipped <= segment.Size && count <= segment.Size - skipped)
            {
                return checked(segment.Offset + skipped);
            }
        }

        throw new ElfException($"{count} bytes at address 0x{address:x} are in no loaded segment of the library");
    }

    /// <summary>A zero-terminated string of the dynamic string table.</summary>
    public string StringAt(ulong index)
    {
        var strings = _strings.Value;
        if (index >= (ulong)strings.Length)
        {
            throw new ElfException($"string {index} is outside the library's string table");
        }

        var rest = strings.AsSpan((int)index);
        var length = rest[..Math.Min(rest.Length, LongestString)].IndexOf((byte)0);
        return length < 0
            ? throw new ElfException($"string {index} of the library has no end")
            : Encoding.UTF8.GetString(rest[..length]);
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private Segment ReadSegments()
    {
        if (_stream.Length < HeaderSize)
        {
            throw new ElfException("the file is too short to be a shared library");
        }

        var header = ReadFile(0, HeaderSize);
        if (!header.AsSpan(0, 4).SequenceEqual("\u007fELF"u8))
        {
            throw new ElfException("the file is not an ELF file");
        }

        if (header[4] != 2 || header[5] != 1)
        {
            throw new ElfException("the library is not a 64-bit little-endian one");
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(16)) != SharedObject)
        {
            throw new ElfException("the file is not a shared library");
        }

        var start = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(32));
        if (BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(54)) != SegmentSize)
        {
            throw new ElfException("the library's program headers have an unknown size");
        }

        var table = ReadFile(start, BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(56)) * (ulong)SegmentSize);
        Segment? dynamic = null;
        for (var i = 0; i < table.Length; i += SegmentSize)
        {
            var entry = table.AsSpan(i, SegmentSize);
            var type = BinaryPrimitives.ReadUInt32LittleEndian(entry);
            var segment = new Segment(
                BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]),
                BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]),
                BinaryPrimitives.ReadUInt64LittleEndian(entry[32..]));
            if (type == Load)
            {
                CheckInside(segment.Offset, segment.Size);
                _segments.Add(segment);
            }
            else if (type == Dynamic)
            {
                dynamic = segment;
            }
        }

        return dynamic ?? throw new ElfException("the library has no dynamic section");
    }

    private void ReadDynamicSection(Segment place)
    {
        var bytes = ReadFile(place.Offset, Math.Min(place.Size, LongestDynamicSection));
        for (var i = 0; i + DynamicEntrySize <= bytes.Length; i += DynamicEntrySize)
        {
            var tag = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(i));
            if (tag == ElfTag.Null)
            {
                return;
            }

            _dynamic.Add((tag, BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(i + 8))));
        }

        throw new ElfException("the library's dynamic section has no end");
    }

    private byte[] ReadFile(ulong offset, ulong count)
    {
        CheckInside(offset, count);
        var bytes = new byte[count];
        _stream.Position = (long)offset;
        _stream.ReadExactly(bytes);
        return bytes;
    }

    private void CheckInside(ulong offset, ulong count)
    {
        var length = (ulong)_stream.Length;
        if (offset > length || count > length - offset || count > (ulong)Array.MaxLength)
        {
            throw new ElfException($"{count} bytes at offset {offset} are outside the file: it is damaged or cut short");
        }
    }

    private readonly record struct Segment(ulong Offset, ulong Address, ulong Size);
}
