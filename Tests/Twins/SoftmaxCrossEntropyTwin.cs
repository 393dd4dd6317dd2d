using static NeuralPlugin.Tests.Twins.TwinArrays;

namespace NeuralPlugin.Tests.Twins;

/// <summary>
/// The loss of a classifier in double precision. With p the softmax over the allowed classes, l the label, w the weight of the
/// sample, H = −Σ p·log p its entropy and β the entropy bonus:
/// <code>rᵢ = wᵢ·(−log pᵢ,ₗ) − β·H(pᵢ),  loss = Σ rᵢ / B</code>
/// B is the number of rows, never Σ w. The bonus is not multiplied by the weight.
/// </summary>
public static class SoftmaxCrossEntropyTwin
{
    /// <summary>The probabilities, the losses of the rows and of the batch, and the number of rows classified correctly.</summary>
    /// <param name="logits">z, [rows × classes], finite.</param>
    /// <param name="labels">One class per row; the mask must allow it.</param>
    /// <param name="classes">The number of classes.</param>
    /// <param name="sampleWeights">w, one per row, possibly zero or negative; empty for all 1.</param>
    /// <param name="allowed">True where a class is allowed, [rows × classes]; empty allows all.</param>
    /// <param name="entropyBonus">β.</param>
    /// <exception cref="ArgumentException">A length is wrong, or a label is outside the classes or the mask.</exception>
    public static SoftmaxCrossEntropyTwinResult SoftmaxCrossEntropyForward(
        ReadOnlySpan<double> logits, ReadOnlySpan<int> labels, int classes,
        ReadOnlySpan<double> sampleWeights = default, ReadOnlySpan<bool> allowed = default, double entropyBonus = 0)
    {
        int rows = labels.Length;
        RequireLabels(labels, classes, sampleWeights, allowed);
        double[] logProbabilities = SoftmaxTwin.LogSoftmaxForward(logits, rows, classes, allowed);
        double[] probabilities = SoftmaxTwin.SoftmaxForward(logits, rows, classes, allowed);

        var rowLosses = new double[rows];
        double total = 0;
        int correct = 0;
        for (int row = 0; row < rows; row++)
        {
            double weight = sampleWeights.IsEmpty ? 1 : sampleWeights[row];
            double crossEntropy = -logProbabilities[row * classes + labels[row]];
            double entropy = Entropy(probabilities, logProbabilities, row, classes);
            rowLosses[row] = weight * crossEntropy - entropyBonus * entropy;
            total += rowLosses[row];
            if (FirstMaximum(logits, allowed, row, classes) == labels[row])
                correct++;
        }
        return new SoftmaxCrossEntropyTwinResult(probabilities, rowLosses, total / rows, correct);
    }

    /// <summary>
    /// The gradient of the batch loss with respect to the logits, [rows × classes], including the division by B:
    /// <code>dz[j] = (w·(p[j] − 1{j = l}) + β·p[j]·(log p[j] + H)) / B,  0 if j is not allowed</code>
    /// The second term: with ∂p[k]/∂z[j] = p[k]·(1{k = j} − p[j]) and Σ p = 1,
    /// ∂H/∂z[j] = −Σₖ (log p[k] + 1)·p[k]·(1{k = j} − p[j]) = −p[j]·(log p[j] + H), and the loss contains −β·H.
    /// </summary>
    /// <inheritdoc cref="SoftmaxCrossEntropyForward"/>
    public static double[] SoftmaxCrossEntropyBackward(
        ReadOnlySpan<double> logits, ReadOnlySpan<int> labels, int classes,
        ReadOnlySpan<double> sampleWeights = default, ReadOnlySpan<bool> allowed = default, double entropyBonus = 0)
    {
        int rows = labels.Length;
        RequireLabels(labels, classes, sampleWeights, allowed);
        double[] logProbabilities = SoftmaxTwin.LogSoftmaxForward(logits, rows, classes, allowed);
        double[] probabilities = SoftmaxTwin.SoftmaxForward(logits, rows, classes, allowed);

        var dLogits = new double[rows * classes];
        for (int row = 0; row < rows; row++)
        {
            double weight = sampleWeights.IsEmpty ? 1 : sampleWeights[row];
            double entropy = Entropy(probabilities, logProbabilities, row, classes);
            for (int j = 0; j < classes; j++)
            {
                int index = row * classes + j;
                if (!SoftmaxTwin.IsAllowed(allowed, index))
                    continue;
                double p = probabilities[index];
                double crossEntropyTerm = weight * (p - (j == labels[row] ? 1 : 0));
                double entropyTerm = entropyBonus * p * (logProbabilities[index] + entropy);
                dLogits[index] = (crossEntropyTerm + entropyTerm) / rows;
            }
        }
        return dLogits;
    }

    private static double Entropy(double[] probabilities, double[] logProbabilities, int row, int classes)
    {
        double entropy = 0;
        for (int index = row * classes; index < (row + 1) * classes; index++)
        {
            // p·log p tends to 0 with p; the logarithm of a class that is not allowed is −∞, and 0·∞ is NaN.
            if (probabilities[index] > 0)
                entropy -= probabilities[index] * logProbabilities[index];
        }
        return entropy;
    }

    private static int FirstMaximum(ReadOnlySpan<double> logits, ReadOnlySpan<bool> allowed, int row, int classes)
    {
        int best = -1;
        for (int c = 0; c < classes; c++)
        {
            int index = row * classes + c;
            if (SoftmaxTwin.IsAllowed(allowed, index) && (best < 0 || logits[index] > logits[row * classes + best]))
                best = c;
        }
        return best;
    }

    private static void RequireLabels(
        ReadOnlySpan<int> labels, int classes, ReadOnlySpan<double> sampleWeights, ReadOnlySpan<bool> allowed)
    {
        RequireLength(labels.Length, labels.Length, 1, "The labels");
        if (!sampleWeights.IsEmpty)
            RequireLength(sampleWeights.Length, labels.Length, 1, "The sample weights");
        if (!allowed.IsEmpty)
            RequireLength(allowed.Length, labels.Length, classes, "The mask");
        for (int row = 0; row < labels.Length; row++)
        {
            if (labels[row] < 0 || labels[row] >= classes)
                throw new ArgumentException($"The label of row {row} is {labels[row]}; it must be in 0..{classes - 1}.");
            if (!SoftmaxTwin.IsAllowed(allowed, row * classes + labels[row]))
                throw new ArgumentException($"The label of row {row}, {labels[row]}, is masked: its loss is infinite.");
        }
    }
}

/// <summary>The result of <see cref="SoftmaxCrossEntropyTwin.SoftmaxCrossEntropyForward"/>.</summary>
/// <param name="Probabilities">p, [rows × classes].</param>
/// <param name="RowLosses">rᵢ, weighted and with the entropy bonus, not divided by B.</param>
/// <param name="Loss">Σ rᵢ / B.</param>
/// <param name="CorrectCount">The rows whose likeliest allowed class (the first in case of ties) is the label; not weighted.</param>
public sealed record SoftmaxCrossEntropyTwinResult(double[] Probabilities, double[] RowLosses, double Loss, int CorrectCount);
