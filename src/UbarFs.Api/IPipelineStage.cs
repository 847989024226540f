using System.Collections.Generic;

namespace UbarFs.Api;

/// <summary>
/// A stage of a pipeline: what becomes of the received estimates before a rule aggregates them.
/// <para>
/// A scenario names it in a list, before its rule, as <c>rule: [{ assembly: mine.dll, type: Name }, dmedian]</c>. The class
/// needs a constructor without parameters; its public properties that can be set are the parameters of the stage (see
/// <see cref="ParameterAttribute"/>). One object serves all nodes, perhaps several at once.
/// </para>
/// </summary>
public interface IPipelineStage
{
    /// <summary>
    /// What the stage means for one node. Tensors that it makes on the way are freed behind it. Never called without
    /// received estimates.
    /// </summary>
    Preparation Prepare(NodeView view);

    /// <summary>
    /// Whether the own estimate joins what was received: R has it already, so that an α which follows from W is 0.
    /// </summary>
    bool JoinsOwn => false;

    /// <summary>Whether what it hands on has no single sender any more: no rule behind it can judge senders.</summary>
    bool MergesSenders => false;

    /// <summary>How many estimates it hands on of so many.</summary>
    int Count(int neighbours) => neighbours;

    /// <summary>How many Byzantine estimates among m received ones the stage is defined for, given ρ.</summary>
    int Tolerance(double benignRatio, int neighbours) => neighbours;

    /// <summary>How its time grows.</summary>
    Growth Growth => Growth.Linear;

    /// <summary>The laws that a rule behind it keeps if the rule keeps them itself.</summary>
    IReadOnlyList<Claim> Claims => [];
}
