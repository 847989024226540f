using System.Collections.Generic;
using System.ComponentModel;
using TorchSharp;
using UbarFs.Api;

namespace UbarFs.Examples;

/// <summary>
/// R = x + (1/m) Σ_j clip(x_j − x, τ), where clip(v, τ) is v shortened to the length τ if it is longer: nobody moves a
/// node farther than τ (He, Karimireddy, Jaggi, 2022).
/// </summary>
[Description("the mean of the received estimates, each clipped to a ball around the own")]
public sealed class ClippedMean : IAggregationRule
{
    /// <summary>τ.</summary>
    [Parameter("τ, how far a neighbour may be", Minimum = 0)]
    public double Radius { get; set; } = 1;

    /// <inheritdoc/>
    public IReadOnlyList<Claim> Claims => [Claim.NeighbourOrder, Claim.Translation, Claim.Containment, Claim.Fixpoint];

    /// <inheritdoc/>
    public int Tolerance(double benignRatio, int neighbours) => neighbours;

    /// <inheritdoc/>
    public Aggregation Aggregate(NodeView view)
    {
        // An estimate with a coordinate that is not finite is as good as none.
        var finite = view.Received.isfinite().all(1, keepdim: true);
        var differences = torch.where(finite, view.Received - view.Own, torch.zeros_like(view.Received));
        var lengths = differences.norm(1, keepdim: true);
        var shares = torch.where(lengths > Radius, Radius / lengths, torch.ones_like(lengths));
        return new Aggregation(view.Own + (differences * shares).mean([0]));
    }
}
