using static NeuralPlugin.Tests.Twins.TwinArrays;

namespace NeuralPlugin.Tests.Twins;

/// <summary>
/// Adam (Kingma and Ba 2015, algorithm 1) as torch.optim.Adam defines it: bias correction, epsilon outside the root.
/// </summary>
public sealed class AdamTwin(
    double learningRate, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0)
    : OptimizerTwin(learningRate)
{
    /// <summary>
    /// In place: g ← g + decay·w; m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²;
    /// w ← w − rate · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε).
    /// </summary>
    /// <param name="weights">w.</param>
    /// <param name="gradients">g, of the same length as w.</param>
    /// <param name="firstMoments">m, of the same length, zero before the first step.</param>
    /// <param name="secondMoments">v, of the same length, zero before the first step.</param>
    /// <param name="step">t, 1 for the first step.</param>
    /// <param name="learningRate">The rate.</param>
    /// <param name="beta1">β₁.</param>
    /// <param name="beta2">β₂.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="weightDecay">The factor of an L2 penalty in the gradient (not the decoupled one of AdamW).</param>
    public static void AdamUpdate(
        Span<double> weights, ReadOnlySpan<double> gradients, Span<double> firstMoments, Span<double> secondMoments, int step,
        double learningRate, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0)
    {
        RequireLength(gradients.Length, 1, weights.Length, "The gradient");
        RequireLength(firstMoments.Length, 1, weights.Length, "The first moment");
        RequireLength(secondMoments.Length, 1, weights.Length, "The second moment");
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        for (int i = 0; i < weights.Length; i++)
        {
            double g = gradients[i] + weightDecay * weights[i];
            firstMoments[i] = beta1 * firstMoments[i] + (1 - beta1) * g;
            secondMoments[i] = beta2 * secondMoments[i] + (1 - beta2) * g * g;
            double mean = firstMoments[i] / (1 - Math.Pow(beta1, step));
            double meanSquare = secondMoments[i] / (1 - Math.Pow(beta2, step));
            weights[i] -= learningRate * mean / (Math.Sqrt(meanSquare) + epsilon);
        }
    }

    /// <inheritdoc/>
    protected override void Update(double[] weights, double[] gradients, double[] firstState, double[] secondState) =>
        AdamUpdate(weights, gradients, firstState, secondState, Steps, LearningRate, beta1, beta2, epsilon, weightDecay);
}
