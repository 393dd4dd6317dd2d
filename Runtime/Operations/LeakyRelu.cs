using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// The leaky rectified linear unit: y = x where x &gt; 0, else NegativeSlope·x, element by element. Backward: dx = dy where x &gt; 0, else
/// NegativeSlope·dy; the derivative at zero, which is undefined, is taken as NegativeSlope.
/// </summary>
/// <remarks>Source: Maas, Hannun and Ng, 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models".</remarks>
public sealed class LeakyRelu : Activation
{
    private readonly KernelArguments<float> scalars;

    /// <summary>Describes the layer.</summary>
    /// <param name="negativeSlope">The factor for values below zero; a finite number above 0. For 0, use <see cref="Relu"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The slope is zero or less, NaN or infinite.</exception>
    public LeakyRelu(float negativeSlope = 0.01f)
    {
        NegativeSlope = RequireSlope(negativeSlope);
        scalars = new KernelArguments<float>(("negativeSlope", negativeSlope));
    }

    /// <summary>The factor for values below zero.</summary>
    public float NegativeSlope { get; }

    internal override string Name => "leaky_relu";

    internal override string OnnxOperator => "LeakyRelu";

    internal override IReadOnlyList<(string Name, float Value)> OnnxAttributes => [("alpha", NegativeSlope)];

    internal override string Include => "leaky_relu.glsl";

    internal override IReadOnlyList<KernelArguments<float>> Scalars => [scalars];

    /// <summary>A NaN is not below zero and stays NaN, so that a non-finite loss is noticed.</summary>
    internal override void Activate(Span<float> values)
    {
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> x = Vector.Create(values[i..]);
            Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), NegativeSlope * x, x).CopyTo(values[i..]);
        }

        for (; i < values.Length; i++) values[i] = values[i] < 0 ? NegativeSlope * values[i] : values[i];
    }

    internal override void Backward(Span<float> gradients, ReadOnlySpan<float> outputs)
    {
        int i = 0;
        for (; i <= gradients.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> g = Vector.Create(gradients[i..]);
            Vector.ConditionalSelect(Vector.GreaterThan(Vector.Create(outputs[i..]), Vector<float>.Zero), g, NegativeSlope * g).CopyTo(gradients[i..]);
        }

        for (; i < gradients.Length; i++) gradients[i] = outputs[i] > 0 ? gradients[i] : NegativeSlope * gradients[i];
    }

    /// <summary>He et al., 2015, equation 15: Var(w) = 2 / ((1 + a²)·n) for a slope of a.</summary>
    internal override double InitialFanBefore(int inputs, int outputs) => (1 + ((double)NegativeSlope * NegativeSlope)) * inputs;

    /// <summary>
    /// The derivative is a function of the output, so the sign of the output must determine that of the input: a slope below zero would give
    /// the same outputs on both sides.
    /// </summary>
    private static float RequireSlope(float negativeSlope)
    {
        return float.IsFinite(negativeSlope) && negativeSlope > 0 ? negativeSlope : throw new ArgumentOutOfRangeException(
            nameof(negativeSlope), negativeSlope,
            "The negative slope must be a finite number above 0, because the sign of the output must give that of the input. For a slope of 0 use Relu.");
    }
}
