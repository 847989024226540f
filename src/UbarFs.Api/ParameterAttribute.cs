using System;

namespace UbarFs.Api;

/// <summary>
/// Says more of a parameter: of a public property that can be set, with the type <c>double</c>, <c>int</c>,
/// <c>long</c>, <c>bool</c>, <c>string</c> or an enumeration. The language writes its name in lower case with hyphens
/// (<c>BenignRatio</c> is <c>benign-ratio</c>); its default is what a new object has.
/// </summary>
/// <param name="meaning">What it means, in a few words.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ParameterAttribute(string meaning = "") : Attribute
{
    /// <summary>What it means, in a few words.</summary>
    public string Meaning { get; } = meaning;

    /// <summary>The smallest number that is allowed.</summary>
    public double Minimum { get; init; } = double.NegativeInfinity;

    /// <summary>The largest number that is allowed.</summary>
    public double Maximum { get; init; } = double.PositiveInfinity;
}
