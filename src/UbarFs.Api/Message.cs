using System;
using TorchSharp;

namespace UbarFs.Api;

/// <summary>What a Byzantine node sends in one iteration. Vectors are <c>[d]</c>, of the type of the estimates.</summary>
public sealed class Message
{
    private Message(torch.Tensor? toAll, Func<int, torch.Tensor>? toEach) => (Vector, VectorFor) = (toAll, toEach);

    /// <summary>No message at all.</summary>
    public static Message Nothing { get; } = new(null, null);

    /// <summary>One vector to all neighbours.</summary>
    public static Message ToAll(torch.Tensor vector) => new(vector, null);

    /// <summary>A vector for each receiver.</summary>
    public static Message ToEach(Func<int, torch.Tensor> vectorFor) => new(null, vectorFor);

    /// <summary>The vector for all neighbours, if there is one.</summary>
    public torch.Tensor? Vector { get; }

    /// <summary>The vector for each receiver, if they differ.</summary>
    public Func<int, torch.Tensor>? VectorFor { get; }
}
