namespace NeuralPlugin.Tests.Twins;

/// <summary>Gradients by central differences: (f(x + ε) − f(x − ε)) / 2ε, element by element.</summary>
public static class CentralDifferences
{
    /// <summary>The gradient of a function that reads the array <paramref name="at"/>, which is left unchanged.</summary>
    public static double[] Gradient(Func<double> function, double[] at, double epsilon = 1e-6)
    {
        var gradient = new double[at.Length];
        for (int i = 0; i < at.Length; i++)
        {
            double value = at[i];
            double above = value + epsilon, below = value - epsilon;
            at[i] = above;
            double functionAbove = function();
            at[i] = below;
            double functionBelow = function();
            at[i] = value;
            // Not 2ε: the two points are rounded, so the step is their true distance.
            gradient[i] = (functionAbove - functionBelow) / (above - below);
        }
        return gradient;
    }
}
