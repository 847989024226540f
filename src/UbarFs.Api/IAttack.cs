using System.Collections.Generic;
using TorchSharp;

namespace UbarFs.Api;

/// <summary>
/// An attack: what a Byzantine node sends.
/// <para>
/// A scenario names it as <c>attack: { assembly: mine.dll, type: Name }</c>. The class needs a constructor without
/// parameters; its public properties that can be set are the parameters of the attack (see
/// <see cref="ParameterAttribute"/>), beside <c>from</c> and <c>until</c>, which every attack has. One object serves
/// all nodes: what an attack wants to remember belongs in <see cref="Remember"/>, not into fields.
/// </para>
/// </summary>
public interface IAttack
{
    /// <summary>What the node sends. Tensors that are made on the way are freed behind it.</summary>
    Message Send(AttackerView view);

    /// <summary>
    /// What the node sees again in its next iteration. It is asked in every iteration, attacked or not. Nobody may
    /// change a tensor once it is here.
    /// </summary>
    IReadOnlyDictionary<string, torch.Tensor> Remember(AttackerView view) => new Dictionary<string, torch.Tensor>();

    /// <summary>The label that the node trains on in place of a label, given the number of classes.</summary>
    int Label(int classes, int label) => label;
}
