using System.Collections.Generic;
using TorchSharp;

namespace UbarFs.Api;

/// <summary>Where one of the estimates that a stage of a pipeline hands on comes from.</summary>
/// <param name="StandsFor">
/// The received estimates, by row, for which it stands: it takes over their weights, and the sender of the first. None for the
/// own estimate, which has joined.
/// </param>
/// <param name="MadeOf">The received estimates, by row, that it is made of.</param>
public sealed record Provenance(IReadOnlyList<int> StandsFor, IReadOnlyList<int> MadeOf);

/// <summary>What a stage of a pipeline made of what a node received.</summary>
/// <param name="Estimates"><c>[k, d]</c>, of the type of the received estimates.</param>
public sealed record Preparation(torch.Tensor Estimates)
{
    /// <summary>
    /// Where each row of the estimates comes from; null where they stand for the received ones, one for each in their order.
    /// </summary>
    public IReadOnlyList<Provenance>? Origins { get; init; }
}
