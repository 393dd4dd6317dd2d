namespace NeuralPlugin.Tests.Twins;

/// <summary>The rectifier max(x, 0) in double precision, element by element, for finite x.</summary>
public static class ReluTwin
{
    /// <summary>y = x if x is above zero, else 0.</summary>
    public static double[] ReluForward(ReadOnlySpan<double> x)
    {
        var y = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
            y[i] = x[i] > 0 ? x[i] : 0;
        return y;
    }

    /// <summary>dX = dY where x is above zero, else 0. At zero, where no derivative exists, it is 0.</summary>
    /// <param name="x">The input of the forward pass (its output y serves as well: y &gt; 0 exactly where x &gt; 0).</param>
    /// <param name="dY">The gradient of the output, of the same length as x.</param>
    public static double[] ReluBackward(ReadOnlySpan<double> x, ReadOnlySpan<double> dY)
    {
        TwinArrays.RequireLength(dY.Length, 1, x.Length, "dY");
        var dX = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
            dX[i] = x[i] > 0 ? dY[i] : 0;
        return dX;
    }
}
