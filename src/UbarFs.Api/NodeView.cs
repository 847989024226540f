using System;
using System.Collections.Generic;
using TorchSharp;
using UbarFs.Kernels;

namespace UbarFs.Api;

/// <summary>What node i knows when it aggregates in iteration k. A rule must not change its tensors.</summary>
public sealed class NodeView
{
    /// <summary>i, the node.</summary>
    public required int Node { get; init; }

    /// <summary>x_{k,i}: the own estimate, <c>[d]</c>.</summary>
    public required torch.Tensor Own { get; init; }

    /// <summary>The received estimates, <c>[m, d]</c>, in ascending order of the sender; at least one.</summary>
    public required torch.Tensor Received { get; init; }

    /// <summary>The nodes that sent them.</summary>
    public required IReadOnlyList<int> Senders { get; init; }

    /// <summary>
    /// What they are, and what <see cref="Own"/> is: under some protocols no estimates but half-steps or directions.
    /// </summary>
    public MessageKind Messages { get; init; }

    /// <summary>W_ij of the senders, in their order: how a node mixes.</summary>
    public required IReadOnlyList<double> Weights { get; init; }

    /// <summary>W_ii. With the weights of the senders it makes 1.</summary>
    public required double OwnWeight { get; init; }

    /// <summary>|N_i|: how many messages came in, before any stage of a pipeline.</summary>
    public required int Neighbours { get; init; }

    /// <summary>How many of the senders are Byzantine: only for a rule that is told.</summary>
    public required int Byzantine { get; init; }

    /// <summary>l(x_{k,i}, ξ): the mean loss of the own estimate on the node's batch.</summary>
    public required double OwnLoss { get; init; }

    /// <summary>The losses of some received estimates, by row, on the same batch. Each costs a forward pass.</summary>
    public required Func<IReadOnlyList<int>, IReadOnlyList<double>> LossesOf { get; init; }

    /// <summary>The losses of any estimates <c>[k, d]</c> on the same batch.</summary>
    public required Func<torch.Tensor, IReadOnlyList<double>> LossesAt { get; init; }

    /// <summary>∇l(x_{k,i}, ξ), <c>[d]</c>.</summary>
    public required torch.Tensor Gradient { get; init; }

    /// <summary>λ(k).</summary>
    public required double Rate { get; init; }

    /// <summary>k, from 0.</summary>
    public required long Iteration { get; init; }

    /// <summary>k/T, the share of the run's iterations that are done.</summary>
    public required double Progress { get; init; }

    /// <summary>ρ_i, the assumed share of benign neighbours.</summary>
    public required double BenignRatio { get; init; }

    /// <summary>The node's own random numbers for this iteration: a stream for each word.</summary>
    public required Func<string, KeyedRandom> Random { get; init; }

    /// <summary>What the rule put away in the node's last iteration; empty in the first.</summary>
    public required IReadOnlyDictionary<string, torch.Tensor> Memory { get; init; }
}
