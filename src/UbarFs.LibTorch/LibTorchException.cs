using System;

namespace UbarFs.LibTorch;

/// <summary>libtorch cannot be used: the message says where it was looked for, what was found and what to do.</summary>
public sealed class LibTorchException : Exception
{
    /// <summary>An error without an explanation.</summary>
    public LibTorchException()
    {
    }

    /// <summary>An error explained in the user's words.</summary>
    public LibTorchException(string message)
        : base(message)
    {
    }

    /// <summary>An error explained in the user's words, with what caused it.</summary>
    public LibTorchException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
