using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// The hyperbolic tangent: y = tanh(x), element by element, within ±1. Backward: dx = (1 − y²)·dy. Dense layers before it are initialized by
/// Glorot's rule.
/// </summary>
public sealed class Tanh : Activation
{
    internal override string Name => "tanh";

    internal override string OnnxOperator => "Tanh";

    internal override string Include => "tanh.glsl";

    internal override void Activate(Span<float> values)
    {
        for (int i = 0; i < values.Length; i++) values[i] = MathF.Tanh(values[i]);
    }

    /// <summary>(1 − y)(1 + y) keeps more digits than 1 − y² when y is close to 1.</summary>
    internal override void Backward(Span<float> gradients, ReadOnlySpan<float> outputs)
    {
        int i = 0;
        for (; i <= gradients.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> y = Vector.Create(outputs[i..]);
            (Vector.Create(gradients[i..]) * ((Vector<float>.One - y) * (Vector<float>.One + y))).CopyTo(gradients[i..]);
        }

        for (; i < gradients.Length; i++) gradients[i] *= (1 - outputs[i]) * (1 + outputs[i]);
    }
}
