namespace NeuralPlugin;

/// <summary>
/// A layer that applies one function to each element: y = f(x). Its derivative is a function of its output, dx = f'(x)·dy =
/// g(dy, y), so that the layer before it need not store x. On the GPU it is an include with <c>activate</c> and
/// <c>gradientFromOutput</c>, which kernels of the layers beside it take along.
/// </summary>
/// <remarks>
/// Every activation keeps f(0) = 0, since the padding of a matrix goes through it and stays zero, and f(NaN) = NaN, so that a loss that is not
/// finite is noticed.
/// </remarks>
public abstract class Activation : Layer
{
    private protected Activation()
    {
    }

    /// <summary>What slot ACTIVATION of a kernel includes.</summary>
    internal abstract string Include { get; }

    /// <summary>The include's counterpart on the processor: y = f(x) in place. Zero, which paddings are, stays zero.</summary>
    internal abstract void Activate(Span<float> values);

    /// <summary>dx = g(dy, y) in place.</summary>
    /// <param name="gradients">dy, which becomes dx.</param>
    /// <param name="outputs">y.</param>
    internal abstract void Backward(Span<float> gradients, ReadOnlySpan<float> outputs);

    /// <summary>The scalars that the include declares.</summary>
    internal virtual IReadOnlyList<KernelArguments<float>> Scalars => [];

    internal override int OutputsFor(int inputs) => inputs;

    internal override IEnumerable<Computation> Forward(LayerOperands operands)
    {
        yield return new ActivationForward(this, operands.Input, operands.Output);
    }

    internal override IEnumerable<Computation> Backward(LayerOperands operands, GradientOperands gradients)
    {
        if (gradients.Input is not null) yield return new ActivationBackward(this, operands.Output, gradients.Output, gradients.Input);
    }
}
