namespace NeuralPlugin;

/// <summary>
/// The hyperbolic tangent: y = tanh(x), element by element, within ±1. Backward: dx = (1 − y²)·dy. Dense layers before it start by
/// Glorot's rule.
/// </summary>
public sealed class Tanh : Activation
{
    internal override string Name => "tanh";

    internal override string OnnxOperator => "Tanh";

    internal override string Include => "tanh.glsl";
}
