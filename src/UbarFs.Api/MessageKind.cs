namespace UbarFs.Api;

/// <summary>What messages are, as the protocol has it.</summary>
public enum MessageKind
{
    /// <summary>x_k, a node's estimate.</summary>
    Estimates,

    /// <summary>x_k − λ times the sum of the directions of its local steps.</summary>
    HalfSteps,

    /// <summary>The sum of the directions of its local steps.</summary>
    Directions,
}
