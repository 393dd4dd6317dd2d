namespace NeuralPlugin;

/// <summary>
/// A layer that applies one function to each element: y = f(x). Its derivative is a function of its output, dx = f'(x)·dy =
/// g(dy, y), so the layer before it need not store x. On the GPU it is an include with <c>activate</c> and
/// <c>gradientFromOutput</c>, which the kernels of adjacent layers include.
/// </summary>
/// <remarks>
/// Every activation keeps f(0) = 0, because the zero padding of a matrix passes through it and must stay zero, and f(NaN) = NaN, so that
/// a non-finite loss is noticed.
/// </remarks>
public abstract class Activation : Layer
{
    private protected Activation()
    {
    }

    /// <summary>The include for a kernel's slot ACTIVATION.</summary>
    internal abstract string Include { get; }

    /// <summary>The include's counterpart on the processor: y = f(x) in place. Zero, and so padding, stays zero.</summary>
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
