using System.Collections.Generic;

namespace UbarFs.Api;

/// <summary>How the time of a rule grows with the neighbours m and the parameters d.</summary>
public enum Growth
{
    /// <summary>O(md)</summary>
    Linear,

    /// <summary>O(md) and the losses of O(m) estimates</summary>
    LinearWithLosses,

    /// <summary>O(m²d)</summary>
    Quadratic,
}

/// <summary>A promise about every view, which <c>ubarfs test-rule</c> checks.</summary>
public enum Claim
{
    /// <summary>The order of the neighbours does not matter (ties aside).</summary>
    NeighbourOrder,

    /// <summary>Moving all estimates by one vector moves the result by it.</summary>
    Translation,

    /// <summary>Scaling all estimates by a positive number scales the result by it.</summary>
    Scaling,

    /// <summary>
    /// Every coordinate of the result lies between the smallest and the largest of what was received and the own.
    /// </summary>
    CoordinateRange,

    /// <summary>The result is finite while at most <see cref="IAggregationRule.Tolerance"/> estimates are not.</summary>
    Containment,

    /// <summary>If all estimates are equal, that is the result.</summary>
    Fixpoint,

    /// <summary>Turning all estimates in space turns the result (ties aside).</summary>
    Rotation,

    /// <summary>R(−x) = −R(x): nothing prefers the large or the small.</summary>
    Mirroring,

    /// <summary>The own estimate plays no part in R, unless nothing that was received is of use.</summary>
    OwnApart,

    /// <summary>
    /// R is the mean of the received estimates that the last stage kept; the own estimate if it kept none.
    /// </summary>
    MeanOfKept,

    /// <summary>
    /// In float32 it selects what it does in float64, and differs by rounding alone, however close the estimates are.
    /// </summary>
    Precision,

    /// <summary>A neighbour with the mixing weight 0 counts for nothing.</summary>
    Weightless,
}

/// <summary>
/// An aggregation rule: how one node makes one estimate of its own and the received ones.
/// <para>
/// A scenario names it as <c>rule: { assembly: mine.dll, type: Name }</c>. The class needs a constructor without
/// parameters; its public properties that can be set are the parameters of the rule (see
/// <see cref="ParameterAttribute"/>). One object serves all nodes, perhaps several at once: what a rule wants to
/// remember of a node belongs in <see cref="Aggregation.Memory"/>, not into fields.
/// </para>
/// </summary>
public interface IAggregationRule
{
    /// <summary>
    /// What the rule means for one node. Tensors that it makes on the way are freed behind it. Never called without
    /// received estimates: a node that received nothing keeps its own.
    /// </summary>
    Aggregation Aggregate(NodeView view);

    /// <summary>α of the update αx + (1 − α)R − λ∇l for a node with so many neighbours.</summary>
    double Alpha(int neighbours) => 0.5;

    /// <summary>Whether the rule takes its own gradient step: then its result is x_{k+1}, and α is not asked.</summary>
    bool ReplacesUpdate => false;

    /// <summary>How many Byzantine estimates among m received ones the rule is defined for, given ρ.</summary>
    int Tolerance(double benignRatio, int neighbours) => 0;

    /// <summary>The names of the selecting stages, in order; empty for a rule that selects nothing.</summary>
    IReadOnlyList<string> Stages => [];

    /// <summary>How its time grows.</summary>
    Growth Growth => Growth.Linear;

    /// <summary>What the rule promises.</summary>
    IReadOnlyList<Claim> Claims => [];
}
