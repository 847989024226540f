using System;
using TorchSharp;

namespace UbarFs.Kernels.Images;

/// <summary>
/// The sizes of a convolution over square patches, step 1, with max-pooling of its outputs over squares beside each other.
/// Rows and columns that fill no square are dropped.
/// </summary>
internal readonly record struct PooledShape
{
    public PooledShape(torch.Tensor images, torch.Tensor weight, int padding, int pool)
    {
        (Images, Channels) = ((int)images.shape[0], (int)images.shape[1]);
        (Height, Width) = ((int)images.shape[2], (int)images.shape[3]);
        (Outputs, Kernel) = ((int)weight.shape[0], (int)weight.shape[2]);
        (Padding, Pool) = (padding, pool);
        ArgumentOutOfRangeException.ThrowIfNegative(padding);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pool);
        ArgumentOutOfRangeException.ThrowIfNotEqual(weight.shape[1], images.shape[1], nameof(weight));
        ArgumentOutOfRangeException.ThrowIfNotEqual(weight.shape[3], weight.shape[2], nameof(weight));
        PooledHeight = (Height + (2 * padding) - Kernel + 1) / pool;
        PooledWidth = (Width + (2 * padding) - Kernel + 1) / pool;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Math.Min(PooledHeight, PooledWidth), nameof(images));
    }

    public int Images { get; }

    public int Channels { get; }

    public int Height { get; }

    public int Width { get; }

    public int Outputs { get; }

    public int Kernel { get; }

    public int Padding { get; }

    public int Pool { get; }

    public int PooledHeight { get; }

    public int PooledWidth { get; }

    /// <summary>Outputs of the convolution in a row that pooling looks at.</summary>
    public int Positions => PooledWidth * Pool;

    /// <summary>Numbers in a row of an image with its padding.</summary>
    public int Line => (Width + (2 * Padding)) * Channels;

    /// <summary>Numbers in an image without padding.</summary>
    public long ImageLength => (long)Height * Width * Channels;

    /// <summary>Numbers in the maxima of an image.</summary>
    public long PooledLength => (long)PooledHeight * PooledWidth * Outputs;

    /// <summary>Numbers of a patch that lie side by side in a row of an image.</summary>
    public int Run => Kernel * Channels;

    /// <summary>Weights of an output.</summary>
    public int Taps => Kernel * Run;
}
