using System;
using System.Collections.Generic;
using TorchSharp;

namespace UbarFs.Api;

/// <summary>What node i knows when it aggregates in iteration k. A rule must not change its tensors.</summary>
public sealed class NodeView
{
    /// <summary>x_{k,i}: the own estimate, <c>[d]</c>.</summary>
    public required torch.Tensor Own { get; init; }

    /// <summary>The received estimates, <c>[m, d]</c>, in ascending order of the sender; at least one.</summary>
    public required torch.Tensor Received { get; init; }

    /// <summary>The nodes that sent them.</summary>
    public required IReadOnlyList<int> Senders { get; init; }

    /// <summary>W_ij of the senders, in their order: how a node mixes.</summary>
    public required IReadOnlyList<double> Weights { get; init; }

    /// <summary>W_ii. With the weights of the senders it makes 1.</summary>
    public required double OwnWeight { get; init; }

    /// <summary>l(x_{k,i}, ξ): the mean loss of the own estimate on the node's batch.</summary>
    public required double OwnLoss { get; init; }

    /// <summary>The losses of some received estimates, by row, on the same batch. Each costs a forward pass.</summary>
    public required Func<IReadOnlyList<int>, IReadOnlyList<double>> LossesOf { get; init; }

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

    /// <summary>What the rule put away in the node's last iteration; empty in the first.</summary>
    public required IReadOnlyDictionary<string, torch.Tensor> Memory { get; init; }
}
