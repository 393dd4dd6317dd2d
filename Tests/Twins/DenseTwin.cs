using static NeuralPlugin.Tests.Twins.TwinArrays;

namespace NeuralPlugin.Tests.Twins;

/// <summary>
/// The dense layer Y = X·W + b in double precision. X [rows × inputs], W [inputs × outputs], b [outputs], row-major.
/// </summary>
public static class DenseTwin
{
    /// <summary>Y[r,o] = b[o] + Σᵢ X[r,i]·W[i,o], as [rows × outputs].</summary>
    public static double[] DenseForward(
        ReadOnlySpan<double> x, ReadOnlySpan<double> weights, ReadOnlySpan<double> biases, int rows, int inputs, int outputs)
    {
        RequireLength(x.Length, rows, inputs, "X");
        RequireLength(weights.Length, inputs, outputs, "W");
        RequireLength(biases.Length, 1, outputs, "b");
        var y = new double[rows * outputs];
        for (int r = 0; r < rows; r++)
        {
            for (int o = 0; o < outputs; o++)
                y[r * outputs + o] = biases[o];
            for (int i = 0; i < inputs; i++)
            {
                for (int o = 0; o < outputs; o++)
                    y[r * outputs + o] += x[r * inputs + i] * weights[i * outputs + o];
            }
        }
        return y;
    }

    /// <summary>dX = dY·Wᵀ: dX[r,i] = Σₒ dY[r,o]·W[i,o], as [rows × inputs].</summary>
    public static double[] DenseBackwardInput(
        ReadOnlySpan<double> dY, ReadOnlySpan<double> weights, int rows, int inputs, int outputs)
    {
        RequireLength(dY.Length, rows, outputs, "dY");
        RequireLength(weights.Length, inputs, outputs, "W");
        var dX = new double[rows * inputs];
        for (int r = 0; r < rows; r++)
        {
            for (int i = 0; i < inputs; i++)
            {
                for (int o = 0; o < outputs; o++)
                    dX[r * inputs + i] += dY[r * outputs + o] * weights[i * outputs + o];
            }
        }
        return dX;
    }

    /// <summary>dW = Xᵀ·dY: dW[i,o] = Σᵣ X[r,i]·dY[r,o], as [inputs × outputs].</summary>
    public static double[] DenseBackwardWeights(
        ReadOnlySpan<double> x, ReadOnlySpan<double> dY, int rows, int inputs, int outputs)
    {
        RequireLength(x.Length, rows, inputs, "X");
        RequireLength(dY.Length, rows, outputs, "dY");
        var dW = new double[inputs * outputs];
        for (int r = 0; r < rows; r++)
        {
            for (int i = 0; i < inputs; i++)
            {
                for (int o = 0; o < outputs; o++)
                    dW[i * outputs + o] += x[r * inputs + i] * dY[r * outputs + o];
            }
        }
        return dW;
    }

    /// <summary>db[o] = Σᵣ dY[r,o], as [outputs].</summary>
    public static double[] DenseBackwardBiases(ReadOnlySpan<double> dY, int rows, int outputs)
    {
        RequireLength(dY.Length, rows, outputs, "dY");
        var db = new double[outputs];
        for (int r = 0; r < rows; r++)
        {
            for (int o = 0; o < outputs; o++)
                db[o] += dY[r * outputs + o];
        }
        return db;
    }
}
