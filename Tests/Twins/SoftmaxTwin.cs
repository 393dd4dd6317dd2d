using static NeuralPlugin.Tests.Twins.TwinArrays;

namespace NeuralPlugin.Tests.Twins;

/// <summary>
/// Softmax by row in double precision, over the classes that a mask allows. The maximum of the allowed logits is subtracted
/// first, so that the greatest exponential is 1: nothing overflows and no sum is zero.
/// </summary>
public static class SoftmaxTwin
{
    /// <summary>
    /// p[r,c] = exp(z[r,c]) / Σₖ exp(z[r,k]) over the allowed k; exactly 0 where c is not allowed. [rows × classes].
    /// </summary>
    /// <param name="logits">z, [rows × classes], finite.</param>
    /// <param name="rows">The number of samples.</param>
    /// <param name="classes">The number of classes.</param>
    /// <param name="allowed">True where a class is allowed, [rows × classes]; empty allows all.</param>
    public static double[] SoftmaxForward(
        ReadOnlySpan<double> logits, int rows, int classes, ReadOnlySpan<bool> allowed = default)
    {
        double[] probabilities = LogSoftmaxForward(logits, rows, classes, allowed);
        for (int i = 0; i < probabilities.Length; i++)
            probabilities[i] = Math.Exp(probabilities[i]);
        return probabilities;
    }

    /// <summary>
    /// log p[r,c] = z[r,c] − m − log Σₖ exp(z[r,k] − m), m the maximum of the row's allowed logits; −∞ where c is not allowed.
    /// It stays finite even if p underflows.
    /// </summary>
    /// <inheritdoc cref="SoftmaxForward"/>
    /// <exception cref="ArgumentException">A length is wrong, or a row allows no class.</exception>
    public static double[] LogSoftmaxForward(
        ReadOnlySpan<double> logits, int rows, int classes, ReadOnlySpan<bool> allowed = default)
    {
        RequireLength(logits.Length, rows, classes, "The logits");
        if (!allowed.IsEmpty)
            RequireLength(allowed.Length, rows, classes, "The mask");
        var logProbabilities = new double[rows * classes];
        for (int row = 0; row < rows; row++)
        {
            double maximum = double.NegativeInfinity;
            bool any = false;
            for (int c = 0; c < classes; c++)
            {
                if (!IsAllowed(allowed, row * classes + c))
                    continue;
                any = true;
                maximum = Math.Max(maximum, logits[row * classes + c]);
            }
            if (!any)
                throw new ArgumentException($"Row {row} allows no class; a softmax needs at least one.");

            double sum = 0;
            for (int c = 0; c < classes; c++)
            {
                if (IsAllowed(allowed, row * classes + c))
                    sum += Math.Exp(logits[row * classes + c] - maximum);
            }

            for (int c = 0; c < classes; c++)
            {
                logProbabilities[row * classes + c] = IsAllowed(allowed, row * classes + c)
                    ? logits[row * classes + c] - maximum - Math.Log(sum)
                    : double.NegativeInfinity;
            }
        }
        return logProbabilities;
    }

    /// <summary>Whether the mask allows this element; an empty mask allows all.</summary>
    public static bool IsAllowed(ReadOnlySpan<bool> allowed, int index) => allowed.IsEmpty || allowed[index];
}
