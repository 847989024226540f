using System;
using System.Collections.Generic;
using TorchSharp;

namespace UbarFs.Api;

/// <summary>The rows of the received estimates that a stage of a rule kept.</summary>
/// <param name="Name">The name of the stage, one of <see cref="IAggregationRule.Stages"/>.</param>
/// <param name="Kept">The rows, ascending.</param>
public sealed record Selection(string Name, IReadOnlyList<int> Kept);

/// <summary>What a rule made of a view.</summary>
/// <param name="Estimate">
/// <c>[d]</c>, of the type of the own estimate: R for a rule that aggregates, x_{k+1} for one that replaces the update.
/// </param>
public sealed record Aggregation(torch.Tensor Estimate)
{
    /// <summary>What each selecting stage kept, in order; empty for a rule that selects nothing.</summary>
    public IReadOnlyList<Selection> Stages { get; init; } = [];

    /// <summary>
    /// What the rule wants to see again in the node's next iteration. Nobody may change a tensor once it is here.
    /// </summary>
    public IReadOnlyDictionary<string, torch.Tensor> Memory { get; init; } = new Dictionary<string, torch.Tensor>();
}
