using static NeuralPlugin.Tests.Twins.TwinArrays;

namespace NeuralPlugin.Tests.Twins;

/// <summary>Stochastic gradient descent as torch.optim.SGD defines it (no dampening, no Nesterov).</summary>
public sealed class SgdTwin(double learningRate, double momentum = 0, double weightDecay = 0) : OptimizerTwin(learningRate)
{
    /// <summary>
    /// In place: g ← g + decay·w; v ← momentum·v + g; w ← w − rate·v. Without momentum, v is not touched, and g takes its place.
    /// </summary>
    /// <param name="weights">w.</param>
    /// <param name="gradients">g, of the same length as w.</param>
    /// <param name="velocity">v, of the same length, zero before the first step.</param>
    /// <param name="learningRate">The rate.</param>
    /// <param name="momentum">0 for none.</param>
    /// <param name="weightDecay">The factor of an L2 penalty ½·decay·‖w‖², applied to every parameter, including biases.</param>
    public static void SgdUpdate(
        Span<double> weights, ReadOnlySpan<double> gradients, Span<double> velocity,
        double learningRate, double momentum = 0, double weightDecay = 0)
    {
        RequireLength(gradients.Length, 1, weights.Length, "The gradient");
        RequireLength(velocity.Length, 1, weights.Length, "The velocity");
        for (int i = 0; i < weights.Length; i++)
        {
            double g = gradients[i] + weightDecay * weights[i];
            if (momentum != 0)
            {
                velocity[i] = momentum * velocity[i] + g;
                g = velocity[i];
            }
            weights[i] -= learningRate * g;
        }
    }

    /// <inheritdoc/>
    protected override void Update(double[] weights, double[] gradients, double[] firstState, double[] secondState) =>
        SgdUpdate(weights, gradients, firstState, LearningRate, momentum, weightDecay);
}
