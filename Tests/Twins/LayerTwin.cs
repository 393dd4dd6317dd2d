namespace NeuralPlugin.Tests.Twins;

/// <summary>One layer of a <see cref="NetworkTwin"/>: the twin of its computation, with its parameters.</summary>
public abstract class LayerTwin
{
    /// <summary>The arrays that an optimizer updates, in order; none for a layer without parameters.</summary>
    public abstract IReadOnlyList<double[]> Parameters { get; }

    /// <summary>Whether its derivative is discontinuous at zero.</summary>
    public virtual bool HasKinkAtZero => false;

    /// <summary>The output columns for this many input columns.</summary>
    /// <exception cref="ArgumentException">The layer does not accept this many.</exception>
    public abstract int OutputsFor(int inputs);

    /// <summary>Y from X [rows × inputs].</summary>
    public abstract double[] Forward(double[] x, int rows);

    /// <summary>The gradients with respect to the input and the parameters, from the input X and the output's gradient dY.</summary>
    public abstract LayerTwinGradients Backward(double[] x, double[] dY, int rows);
}

/// <summary>The result of <see cref="LayerTwin.Backward"/>.</summary>
/// <param name="Input">dX, shaped like X.</param>
/// <param name="Parameters">In the order of <see cref="LayerTwin.Parameters"/>.</param>
public sealed record LayerTwinGradients(double[] Input, IReadOnlyList<double[]> Parameters);

/// <summary>Y = X·W + b; its parameters are W, then b. It holds copies, which steps change.</summary>
public sealed class DenseLayerTwin : LayerTwin
{
    /// <summary>A layer with W [inputs × outputs] and b [outputs].</summary>
    public DenseLayerTwin(int inputs, int outputs, ReadOnlySpan<double> weights, ReadOnlySpan<double> biases)
    {
        TwinArrays.RequireLength(weights.Length, inputs, outputs, "W");
        TwinArrays.RequireLength(biases.Length, 1, outputs, "b");
        Inputs = inputs;
        Outputs = outputs;
        Weights = weights.ToArray();
        Biases = biases.ToArray();
    }

    /// <summary>A layer with the values of textures.</summary>
    public DenseLayerTwin(int inputs, int outputs, ReadOnlySpan<float> weights, ReadOnlySpan<float> biases)
        : this(inputs, outputs, TwinArrays.ToDouble(weights), TwinArrays.ToDouble(biases))
    {
    }

    public int Inputs { get; }

    public int Outputs { get; }

    /// <summary>W, [Inputs × Outputs], row-major.</summary>
    public double[] Weights { get; }

    public double[] Biases { get; }

    public override IReadOnlyList<double[]> Parameters => [Weights, Biases];

    public override int OutputsFor(int inputs) => inputs == Inputs
        ? Outputs
        : throw new ArgumentException($"A dense layer of {Inputs} inputs was given {inputs}.");

    public override double[] Forward(double[] x, int rows) =>
        DenseTwin.DenseForward(x, Weights, Biases, rows, Inputs, Outputs);

    public override LayerTwinGradients Backward(double[] x, double[] dY, int rows) => new(
        DenseTwin.DenseBackwardInput(dY, Weights, rows, Inputs, Outputs),
        [
            DenseTwin.DenseBackwardWeights(x, dY, rows, Inputs, Outputs),
            DenseTwin.DenseBackwardBiases(dY, rows, Outputs),
        ]);
}

/// <summary>Y = max(X, 0).</summary>
public sealed class ReluLayerTwin : LayerTwin
{
    public override bool HasKinkAtZero => true;

    public override IReadOnlyList<double[]> Parameters => [];

    public override int OutputsFor(int inputs) => inputs;

    public override double[] Forward(double[] x, int rows) => ReluTwin.ReluForward(x);

    public override LayerTwinGradients Backward(double[] x, double[] dY, int rows) => new(ReluTwin.ReluBackward(x, dY), []);
}
