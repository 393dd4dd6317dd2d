namespace NeuralPlugin.Tests.Twins;

/// <summary>A layer that applies one function to each element: Y = f(X), dX = f'(X)·dY.</summary>
public abstract class ActivationTwin : LayerTwin
{
    public override IReadOnlyList<double[]> Parameters => [];

    public override int OutputsFor(int inputs) => inputs;

    public override double[] Forward(double[] x, int rows) => [.. x.Select(Apply)];

    public override LayerTwinGradients Backward(double[] x, double[] dY, int rows)
    {
        TwinArrays.RequireLength(dY.Length, 1, x.Length, "dY");
        return new LayerTwinGradients([.. x.Zip(dY, (value, gradient) => Derivative(value) * gradient)], []);
    }

    /// <summary>f(x).</summary>
    protected abstract double Apply(double x);

    /// <summary>f'(x).</summary>
    protected abstract double Derivative(double x);
}
