namespace NeuralPlugin;

/// <summary>
/// The rectified linear unit: y = max(x, 0), element by element. Backward: dx = dy where x &gt; 0, else 0; the derivative at
/// zero, where there is none, is taken as 0.
/// </summary>
public sealed class Relu : Activation
{
    internal override string Name => "relu";

    internal override string OnnxOperator => "Relu";

    internal override string Include => "relu.glsl";

    /// <summary>He et al., 2015.</summary>
    internal override double InitialFanBefore(int inputs, int outputs) => inputs;
}
