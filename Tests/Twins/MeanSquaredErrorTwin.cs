using static NeuralPlugin.Tests.Twins.TwinArrays;

namespace NeuralPlugin.Tests.Twins;

/// <summary>
/// The loss of a regression in double precision. With n outputs y, their target values t and w the weight of the sample:
/// <code>rᵢ = wᵢ·(1/n)·Σⱼ (yᵢⱼ − tᵢⱼ)²,  loss = Σ rᵢ / B</code>
/// B is the number of rows, never Σ w.
/// </summary>
public static class MeanSquaredErrorTwin
{
    /// <summary>The losses of the rows, and of the batch.</summary>
    /// <param name="outputs">y, [rows × columns].</param>
    /// <param name="targets">t, [rows × columns].</param>
    /// <param name="columns">n.</param>
    /// <param name="sampleWeights">w, one per row, possibly zero or negative; empty for all 1.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static (double[] RowLosses, double Loss) MeanSquaredErrorForward(
        ReadOnlySpan<double> outputs, ReadOnlySpan<double> targets, int columns, ReadOnlySpan<double> sampleWeights = default)
    {
        int rows = RowsOf(outputs, targets, columns, sampleWeights);
        var rowLosses = new double[rows];
        for (int row = 0; row < rows; row++)
        {
            double sum = 0;
            for (int j = row * columns; j < (row + 1) * columns; j++)
                sum += (outputs[j] - targets[j]) * (outputs[j] - targets[j]);
            rowLosses[row] = WeightOf(sampleWeights, row) * sum / columns;
        }

        return (rowLosses, rowLosses.Sum() / rows);
    }

    /// <summary>
    /// The gradient of the batch loss with respect to the outputs, [rows × columns], including the division by B:
    /// <code>dy[j] = 2·w·(y[j] − t[j]) / (n·B)</code>
    /// </summary>
    /// <inheritdoc cref="MeanSquaredErrorForward"/>
    public static double[] MeanSquaredErrorBackward(
        ReadOnlySpan<double> outputs, ReadOnlySpan<double> targets, int columns, ReadOnlySpan<double> sampleWeights = default)
    {
        int rows = RowsOf(outputs, targets, columns, sampleWeights);
        var dOutputs = new double[rows * columns];
        for (int i = 0; i < dOutputs.Length; i++)
            dOutputs[i] = 2 * WeightOf(sampleWeights, i / columns) * (outputs[i] - targets[i]) / (columns * rows);
        return dOutputs;
    }

    internal static double WeightOf(ReadOnlySpan<double> sampleWeights, int row) => sampleWeights.IsEmpty ? 1 : sampleWeights[row];

    internal static int RowsOf(ReadOnlySpan<double> outputs, ReadOnlySpan<double> targets, int columns, ReadOnlySpan<double> sampleWeights)
    {
        int rows = outputs.Length / columns;
        RequireLength(outputs.Length, rows, columns, "The outputs");
        RequireLength(targets.Length, rows, columns, "The targets");
        if (!sampleWeights.IsEmpty)
            RequireLength(sampleWeights.Length, rows, 1, "The sample weights");
        return rows;
    }
}
