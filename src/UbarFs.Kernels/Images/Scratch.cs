using System;
using System.Runtime.InteropServices;

namespace UbarFs.Kernels.Images;

/// <summary>Memory for float32 numbers, zero to begin with, that starts with a cache line and lasts until it is disposed.</summary>
internal sealed unsafe class Scratch : IDisposable
{
    private const nuint CacheLine = 64;

    public Scratch(int length)
    {
        Length = length;
        First = (float*)NativeMemory.AlignedAlloc((nuint)length * sizeof(float), CacheLine);
        Clear();
    }

    public float* First { get; }

    public int Length { get; }

    public void Clear() => new Span<float>(First, Length).Clear();

    public void Dispose() => NativeMemory.AlignedFree(First);
}
