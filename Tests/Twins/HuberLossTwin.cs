using static NeuralPlugin.Tests.Twins.MeanSquaredErrorTwin;

namespace NeuralPlugin.Tests.Twins;

/// <summary>
/// The Huber loss in double precision. With n outputs y, their target values t, w the weight of the sample and δ above 0:
/// <code>rᵢ = wᵢ·(1/n)·Σⱼ h(yᵢⱼ − tᵢⱼ),  h(d) = d²/2 if |d| ≤ δ, else δ·(|d| − δ/2),  loss = Σ rᵢ / B</code>
/// B is the number of rows, never Σ w.
/// </summary>
public static class HuberLossTwin
{
    /// <summary>The losses of the rows, and of the batch.</summary>
    /// <param name="outputs">y, [rows × columns].</param>
    /// <param name="targets">t, [rows × columns].</param>
    /// <param name="columns">n.</param>
    /// <param name="delta">δ.</param>
    /// <param name="sampleWeights">w, one per row, possibly zero or negative; empty for all 1.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static (double[] RowLosses, double Loss) HuberLossForward(
        ReadOnlySpan<double> outputs, ReadOnlySpan<double> targets, int columns, double delta, ReadOnlySpan<double> sampleWeights = default)
    {
        int rows = RowsOf(outputs, targets, columns, sampleWeights);
        var rowLosses = new double[rows];
        for (int row = 0; row < rows; row++)
        {
            double sum = 0;
            for (int j = row * columns; j < (row + 1) * columns; j++)
            {
                double distance = Math.Abs(outputs[j] - targets[j]);
                sum += distance <= delta ? distance * distance / 2 : delta * (distance - (delta / 2));
            }

            rowLosses[row] = WeightOf(sampleWeights, row) * sum / columns;
        }

        return (rowLosses, rowLosses.Sum() / rows);
    }

    /// <summary>
    /// The gradient of the batch loss with respect to the outputs, [rows × columns], including the division by B:
    /// <code>dy[j] = w·clamp(y[j] − t[j], −δ, δ) / (n·B)</code>
    /// </summary>
    /// <inheritdoc cref="HuberLossForward"/>
    public static double[] HuberLossBackward(
        ReadOnlySpan<double> outputs, ReadOnlySpan<double> targets, int columns, double delta, ReadOnlySpan<double> sampleWeights = default)
    {
        int rows = RowsOf(outputs, targets, columns, sampleWeights);
        var dOutputs = new double[rows * columns];
        for (int i = 0; i < dOutputs.Length; i++)
            dOutputs[i] = WeightOf(sampleWeights, i / columns) * Math.Clamp(outputs[i] - targets[i], -delta, delta) / (columns * rows);
        return dOutputs;
    }
}
