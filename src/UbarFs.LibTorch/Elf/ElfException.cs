using System;

namespace UbarFs.LibTorch;

/// <summary>
/// A file is not the 64-bit little-endian ELF shared library it should be, is damaged, or cannot be changed as asked.
/// Every way in which reading an ELF file can fail on its content ends here.
/// </summary>
public sealed class ElfException : Exception
{
    /// <summary>An error without an explanation.</summary>
    public ElfException()
    {
    }

    /// <summary>An error explained in one sentence.</summary>
    public ElfException(string message)
        : base(message)
    {
    }

    /// <summary>An error explained in one sentence, with what caused it.</summary>
    public ElfException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
