using System;
using System.Collections.Generic;
using TorchSharp;
using UbarFs.Kernels.Estimates;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Images;

/// <summary>
/// A convolution (step 1) and the max-pooling of its outputs in one pass over the images, on the thread that calls. Outputs
/// that pooling drops are never written (those of the paper's first layer, for a batch of 256 images of 32×32 pixels, are 15
/// MB, which no core's cache holds), and the way back follows the maxima alone.
/// </summary>
public static class PooledConvolution
{
    // Beyond these libtorch's convolutions are faster: the weights of two vectors of outputs have to stay near. And places are
    // float32 numbers, which count to 2²⁴.
    private const int SmallestPool = 2, MostTaps = 600, MostNumbers = 1 << 24;

    /// <summary>
    /// Whether images <c>[b, c, h, w]</c>, weights <c>[out, c, k, k]</c> and a pooling are better taken here than by libtorch:
    /// float32 on the CPU, of a size for which this is the faster way.
    /// </summary>
    public static bool Takes(torch.Tensor images, torch.Tensor weight, int padding, int pool)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(weight);
        return IsOurs(images) && IsOurs(weight)
            && weight.shape[0] >= NarrowLanes.Floats && weight.shape[2] == weight.shape[3] && Taps() <= MostTaps
            && pool >= SmallestPool && weight.numel() <= MostNumbers && Framed(2) * Framed(3) <= MostNumbers / weight.shape[1];

        static bool IsOurs(torch.Tensor tensor) =>
            tensor.dtype == torch.ScalarType.Float32 && tensor.device_type == DeviceType.CPU && tensor.dim() == 4;

        long Taps() => weight.shape[1] * weight.shape[2] * weight.shape[3];

        long Framed(int side) => images.shape[side] + (2L * padding);
    }

    /// <summary>
    /// The maxima over squares of <paramref name="pool"/> × <paramref name="pool"/> outputs, <c>[b, out, h', w']</c>; rows and
    /// columns that fill no square are dropped. Gradients go to the first of equal maxima.
    /// </summary>
    public static torch.Tensor Of(torch.Tensor images, torch.Tensor weight, torch.Tensor bias, int padding, int pool) =>
        torch.is_grad_enabled() ? Differentiable.apply(images, weight, bias, padding, pool)
        : Forward(images, weight, bias, padding, pool, false, Lanes.Chosen).Maxima;

    /// <summary>The maxima and, where they are wanted, their places: see <see cref="PooledConvolutionKernel"/>.</summary>
    internal static unsafe (torch.Tensor Maxima, torch.Tensor? Places) Forward(
        torch.Tensor images, torch.Tensor weight, torch.Tensor bias, int padding, int pool, bool withPlaces, LaneWidth width)
    {
        var shape = new PooledShape(images, weight, padding, pool);
        using var scope = torch.NewDisposeScope();
        var maxima = torch.empty(shape.Images, shape.PooledHeight, shape.PooledWidth, shape.Outputs, torch.ScalarType.Float32);
        var places = withPlaces ? torch.empty_like(maxima) : null;
        var kernel = new PooledConvolutionKernel(
            shape, Numbers(ByPixel(images)), Numbers(weight.contiguous()), Numbers(bias.contiguous()), Numbers(maxima),
            places is null ? null : Numbers(places));
        Lanes.Run(kernel, Fitting(shape.Outputs, width));
        return (maxima.permute(0, 3, 1, 2).MoveToOuterDisposeScope(), places?.MoveToOuterDisposeScope());
    }

    /// <summary>The gradients of the weights and, where they are wanted, of the images.</summary>
    internal static unsafe (torch.Tensor OfWeight, torch.Tensor? OfImages) Backward(
        torch.Tensor images, torch.Tensor weight, torch.Tensor places, torch.Tensor slopes, int padding, int pool,
        bool withImages, LaneWidth width)
    {
        var shape = new PooledShape(images, weight, padding, pool);
        using var scope = torch.NewDisposeScope();
        var (byPixel, weights) = (ByPixel(images), weight.detach().contiguous());
        var (ofWeight, ofImages) = (torch.empty_like(weights), withImages ? torch.empty_like(byPixel) : null);
        var kernel = new PooledConvolutionSlopes(
            shape, Numbers(byPixel), Numbers(weights), Numbers(places), Numbers(ByPixel(slopes)), Numbers(ofWeight),
            ofImages is null ? null : Numbers(ofImages));
        Lanes.Run(kernel, width);
        return (ofWeight.MoveToOuterDisposeScope(), ofImages?.permute(0, 3, 1, 2).MoveToOuterDisposeScope());
    }

    /// <summary>Images with the channels of a pixel side by side, <c>[b, h, w, c]</c>.</summary>
    private static torch.Tensor ByPixel(torch.Tensor images) => images.detach().permute(0, 2, 3, 1).contiguous();

    /// <summary>The memory of a contiguous tensor, valid while somebody holds the tensor.</summary>
    private static unsafe float* Numbers(torch.Tensor tensor) => RowMatrix.Of(tensor.flatten().unsqueeze(0)).First;

    /// <summary>The widest vectors, up to a width, that the outputs fill.</summary>
    private static LaneWidth Fitting(int outputs, LaneWidth width) =>
        width == LaneWidth.Wide && outputs >= WideLanes.Floats ? LaneWidth.Wide
        : width >= LaneWidth.Middle && outputs >= MiddleLanes.Floats ? LaneWidth.Middle
        : LaneWidth.Narrow;

    private sealed class Differentiable : torch.autograd.SingleTensorFunction<Differentiable>
    {
        public override string Name => "PooledConvolution";

        public override torch.Tensor forward(torch.autograd.AutogradContext ctx, params object[] vars)
        {
            var (images, weight, bias) = ((torch.Tensor)vars[0], (torch.Tensor)vars[1], (torch.Tensor)vars[2]);
            var (padding, pool) = ((int)vars[3], (int)vars[4]);
            var (maxima, places) = Forward(images, weight, bias, padding, pool, true, Lanes.Chosen);
            ctx.save_for_backward([images, weight, places!]);
            ctx.save_data("padding", padding);
            ctx.save_data("pool", pool);
            return maxima;
        }

        public override List<torch.Tensor> backward(torch.autograd.AutogradContext ctx, torch.Tensor grad_output)
        {
            var saved = ctx.get_saved_variables();
            var (padding, pool) = ((int)ctx.get_data("padding"), (int)ctx.get_data("pool"));
            var (ofWeight, ofImages) = Backward(
                saved[0], saved[1], saved[2], grad_output, padding, pool, saved[0].requires_grad, Lanes.Chosen);
            return [ofImages!, ofWeight, grad_output.sum([0, 2, 3]), null!, null!];
        }
    }
}
