using System;

namespace UbarFs.Kernels.Images;

/// <summary>
/// An image with its padding, and with zeros behind it for whoever reads a little too far. The channels of a pixel are side
/// by side.
/// </summary>
internal static unsafe class Frame
{
    /// <summary>Positions, and numbers, that may be read beyond the end.</summary>
    public const int SparePositions = 8, SpareNumbers = 16;

    /// <summary>Numbers in a frame.</summary>
    public static int Length(PooledShape shape) =>
        ((shape.Height + (2 * shape.Padding)) * shape.Line) + Math.Max(SparePositions * shape.Channels, SpareNumbers);

    /// <summary>Puts an image into a frame, whose padding stays as it is.</summary>
    public static void Fill(PooledShape shape, float* image, float* frame)
    {
        for (var row = 0; row < shape.Height; row++)
        {
            Row(shape, image, row).CopyTo(Inside(shape, frame, row));
        }
    }

    /// <summary>Takes the image out of a frame.</summary>
    public static void Empty(PooledShape shape, float* frame, float* image)
    {
        for (var row = 0; row < shape.Height; row++)
        {
            Inside(shape, frame, row).CopyTo(Row(shape, image, row));
        }
    }

    private static Span<float> Row(PooledShape shape, float* image, int row)
    {
        var width = shape.Width * shape.Channels;
        return new(image + (row * width), width);
    }

    private static Span<float> Inside(PooledShape shape, float* frame, int row) =>
        new(frame + ((row + shape.Padding) * shape.Line) + (shape.Padding * shape.Channels), shape.Width * shape.Channels);
}
