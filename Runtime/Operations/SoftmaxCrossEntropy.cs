namespace NeuralPlugin;

/// <summary>
/// The loss at the end of a stack, of logits z [batch × classes] against labels, over each sample's allowed classes:
/// L = (1 / B) · Σ_i (w_i · (−log p_i,label) − entropyBonus · H(p_i)), with p = softmax(z), H(p) = −Σ p log p, w_i the
/// sample's weight (zero and negative too; never divided by Σ w) and B the batch size. The bonus is not multiplied by the
/// weight. A class that is not allowed has probability 0 and gradient 0. Backward:
/// dz_ij = (w_i · (p_ij − [j = label]) + entropyBonus · p_ij · (log p_ij + H(p_i))) / B.
/// It works on logits less their maximum and never divides by a probability, so it is finite for any finite logits.
/// </summary>
/// <remarks>
/// Source: Goodfellow et al., Deep Learning (2016), sections 4.1 and 6.2.2.3; the entropy bonus: Williams and Peng, 1991.
/// </remarks>
/// <param name="EntropyBonus">How much the entropy of the prediction is rewarded; 0 for plain cross-entropy.</param>
public sealed record SoftmaxCrossEntropy(float EntropyBonus = 0) : Loss
{
    /// <summary>How much the entropy of the prediction is rewarded; 0 for plain cross-entropy.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float EntropyBonus { get; init => field = Required(value); } = Required(EntropyBonus);

    internal static LossFormat Format { get; } = new("softmax_cross_entropy", ["entropy_bonus"], number => new SoftmaxCrossEntropy(number("entropy_bonus")));

    internal override string Name => Format.Name;

    internal override string Include => "softmax_cross_entropy.glsl";

    internal override IReadOnlyList<(string Name, int Value)> Constants => [LabelTargets.MaskConstant];

    internal override IReadOnlyList<(string Name, float Value)> Hyperparameters => [("entropy_bonus", EntropyBonus)];

    internal override IReadOnlyList<KernelArguments<float>> Scalars => [new(("entropyBonus", EntropyBonus))];

    internal override bool CountsCorrect => true;

    internal override TargetLayout TargetsFor(int outputs) => new LabelTargets(outputs);

    internal override RowLoss ComputeRow(ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target, int rows, Span<float> gradients)
    {
        (int label, float weight) = LabelTargets.Read(target);
        float maximum = float.MinValue, sum = 0, weighted = 0;
        int best = 0;
        for (int j = 0; j < outputs.Length; j++)
        {
            if (!LabelTargets.IsAllowed(target, j) || !(outputs[j] > maximum)) continue;
            (maximum, best) = (outputs[j], j);
        }

        for (int j = 0; j < outputs.Length; j++)
        {
            float term = LabelTargets.IsAllowed(target, j) ? MathF.Exp(outputs[j] - maximum) : 0;
            if (LabelTargets.IsAllowed(target, j)) weighted += term * Softmax.Shifted(outputs[j], maximum);
            sum += term;
            if (!gradients.IsEmpty) gradients[j] = term;
        }

        float logSum = MathF.Log(sum), entropy = logSum - (weighted / sum);
        for (int j = 0; j < gradients.Length; j++)
        {
            if (!LabelTargets.IsAllowed(target, j)) continue;
            float p = gradients[j] / sum, logP = Softmax.Shifted(outputs[j], maximum) - logSum;
            gradients[j] = ((weight * (p - (j == label ? 1 : 0))) + (EntropyBonus * p * (logP + entropy))) / rows;
        }

        return new RowLoss((weight * (logSum - (outputs[label] - maximum))) - (EntropyBonus * entropy), best == label);
    }

    private static float Required(float value) => Requirements.Number(value, "entropy bonus", name: nameof(EntropyBonus));
}
