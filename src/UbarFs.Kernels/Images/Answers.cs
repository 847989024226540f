using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using UbarFs.Kernels.Estimates;

namespace UbarFs.Kernels.Images;

/// <summary>What a model answers to some images: how many answers are right, and the sum of their losses.</summary>
public readonly record struct Answered(long Right, double Loss);

/// <summary>
/// Judges logits in one pass over them, which costs less than libtorch's search for the largest alone. Of equal logits the
/// first is the answer, and NaN is larger than all: as libtorch has it.
/// </summary>
public static class Answers
{
    // So many numbers stay in the first cache.
    private const int Portion = 2048;

    /// <summary>Whether logits <c>[b, classes]</c> can be judged here: contiguous float32 on the CPU.</summary>
    public static bool Takes(torch.Tensor logits) => RowKernels.Accepts(logits);

    /// <summary>
    /// With the cross-entropy of each image, log Σ exp s_c − s_y for logits s and label y: the exponentials in float32, all
    /// else in float64.
    /// </summary>
    public static Answered CrossEntropy(torch.Tensor logits, torch.Tensor labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        var (rows, expected) = (RowMatrix.Of(logits), labels.data<long>().ToArray());
        var together = Math.Max(1, Portion / Math.Max(1, rows.Width));
        var scratch = new float[(together * rows.Width) + Vector256<float>.Count];
        var sum = default(Answered);
        for (var start = 0; start < rows.Rows; start += together)
        {
            sum = CrossEntropy(rows, expected, start, Math.Min(rows.Rows, start + together), scratch, sum);
        }

        GC.KeepAlive(logits);
        return sum;
    }

    /// <summary>With the multi-class hinge loss of each image, max(0, 1 + max over c ≠ y of s_c − s_y).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe Answered Hinge(torch.Tensor logits, torch.Tensor labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        var (rows, expected) = (RowMatrix.Of(logits), labels.data<long>().ToArray());
        var (right, loss) = (0L, 0.0);
        for (var row = 0; row < rows.Rows; row++)
        {
            var values = rows[row];
            var label = (int)expected[row];
            right += Largest(values, rows.Width, -1) == label ? 1 : 0;
            var other = Largest(values, rows.Width, label);
            var margin = 1.0 + (other < 0 ? double.NegativeInfinity : values[other]) - values[label];
            loss += margin > 0.0 || double.IsNaN(margin) ? margin : 0.0;
        }

        GC.KeepAlive(logits);
        return new Answered(right, loss);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe Answered CrossEntropy(
        RowMatrix rows, long[] expected, int start, int end, float[] scratch, Answered before)
    {
        var (right, loss, width) = (before.Right, before.Loss, rows.Width);
        fixed (float* numbers = scratch)
        {
            for (var row = start; row < end; row++)
            {
                var values = rows[row];
                var target = numbers + ((row - start) * width);
                var answer = Largest(values, width, -1);
                var (label, highest) = ((int)expected[row], values[answer]);
                right += answer == label ? 1 : 0;
                loss -= (double)values[label] - highest;
                for (var place = 0; place < width; place++)
                {
                    target[place] = values[place] - highest;
                }
            }

            for (var place = 0; place < (end - start) * width; place += Vector256<float>.Count)
            {
                Vector256.Exp(Vector256.Load(numbers + place)).Store(numbers + place);
            }

            for (var row = 0; row < end - start; row++)
            {
                var sum = 0.0;
                for (var place = 0; place < width; place++)
                {
                    sum += numbers[(row * width) + place];
                }

                loss += Math.Log(sum);
            }
        }

        return new Answered(right, loss);
    }

    /// <summary>The place of the largest value but for one place; −1 if there is no other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe int Largest(float* values, int count, int without)
    {
        var best = without == 0 ? 1 : 0;
        if (best >= count)
        {
            return -1;
        }

        for (var place = best + 1; place < count; place++)
        {
            if (place != without && (values[place] > values[best] || (float.IsNaN(values[place]) && !float.IsNaN(values[best]))))
            {
                best = place;
            }
        }

        return best;
    }
}
