using System.Collections.Generic;
using System.ComponentModel;
using TorchSharp;
using UbarFs.Api;

namespace UbarFs.Examples;

/// <summary>x̂ = x_k − f(x_k − x_{k−1}): with f = 2 the node undoes its last step, and takes it the other way.</summary>
[Description("sends its estimate with its last step taken back, or reversed")]
public sealed class Backtrack : IAttack
{
    private const string Last = "last";

    /// <summary>f.</summary>
    [Parameter("f; 1 takes the last step back, 2 reverses it", Minimum = 0)]
    public double Factor { get; set; } = 2;

    /// <inheritdoc/>
    public Message Send(AttackerView view)
    {
        if (!view.Memory.TryGetValue(Last, out var last))
        {
            return Message.ToAll(view.Estimate);
        }

        return Message.ToAll(view.Estimate - Factor * (view.Estimate - last));
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, torch.Tensor> Remember(AttackerView view) =>
        new Dictionary<string, torch.Tensor> { [Last] = view.Estimate.clone() };
}
