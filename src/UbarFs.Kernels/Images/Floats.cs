using System;
using System.Runtime.InteropServices;

namespace UbarFs.Kernels.Images;

/// <summary>Zeros to begin with, at the start of a cache line.</summary>
internal sealed unsafe class Floats : IDisposable
{
    private const nuint CacheLine = 64;

    private readonly int _length;

    public Floats(int length)
    {
        _length = length;
        First = (float*)NativeMemory.AlignedAlloc((nuint)length * sizeof(float), CacheLine);
        Clear();
    }

    public float* First { get; }

    public Span<float> Span => new(First, _length);

    public void Clear() => Span.Clear();

    public void Dispose() => NativeMemory.AlignedFree(First);
}
