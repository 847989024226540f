using System.Collections.Generic;
using TorchSharp;
using UbarFs.Kernels;

namespace UbarFs.Api;

/// <summary>
/// What a Byzantine node knows when it sends in iteration k: its own state and, since attackers are taken to know
/// everything, that of all nodes. An attack must not change the tensors.
/// </summary>
public sealed class AttackerView
{
    /// <summary>The node itself.</summary>
    public required int Node { get; init; }

    /// <summary>k, from 0.</summary>
    public required long Iteration { get; init; }

    /// <summary>What it would send if it were benign, <c>[d]</c>: x_k, unless messages are something else.</summary>
    public required torch.Tensor Estimate { get; init; }

    /// <summary>What messages are: under some protocols no estimates but half-steps or directions.</summary>
    public MessageKind Messages { get; init; }

    /// <summary>
    /// The direction of its step, <c>[d]</c>: its gradient at x_k, unless momentum or local steps make more of it.
    /// </summary>
    public required torch.Tensor Gradient { get; init; }

    /// <summary>λ(k).</summary>
    public required double Rate { get; init; }

    /// <summary>ρ, which the benign nodes assume.</summary>
    public required double BenignRatio { get; init; }

    /// <summary>The node's own random numbers for this iteration.</summary>
    public required KeyedRandom Random { get; init; }

    /// <summary>The estimates of all nodes, <c>[n, d]</c>: what each would send if it were benign.</summary>
    public required torch.Tensor AllEstimates { get; init; }

    /// <summary>The gradients of all nodes at their estimates, <c>[n, d]</c>.</summary>
    public required torch.Tensor AllGradients { get; init; }

    /// <summary>The benign nodes, ascending: rows of what all nodes have.</summary>
    public required IReadOnlyList<int> Benign { get; init; }

    /// <summary>The neighbours that hear the node, ascending.</summary>
    public required IReadOnlyList<int> Neighbours { get; init; }

    /// <summary>What each makes of the node's message when it mixes and nobody is silent, in their order: W_ji.</summary>
    public required IReadOnlyList<double> Weights { get; init; }

    /// <summary>What the attack put away in the node's last iteration; empty in the first.</summary>
    public required IReadOnlyDictionary<string, torch.Tensor> Memory { get; init; }
}
