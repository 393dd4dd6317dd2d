using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// The loss at the end of a stack, of logits z [batch × classes] against labels, over each sample's allowed classes:
/// L = (1 / B) · Σ_i (w_i · (−log p_i,label) − entropyBonus · H(p_i)), with p = softmax(z), H(p) = −Σ p log p, w_i the
/// sample's weight (may be zero or negative; never divided by Σ w) and B the batch size. The weight does not multiply the
/// bonus. A class that is not allowed has probability 0 and gradient 0. Backward:
/// dz_ij = (w_i · (p_ij − [j = label]) + entropyBonus · p_ij · (log p_ij + H(p_i))) / B.
/// It subtracts the maximum from the logits and never divides by a probability, so it is finite for any finite logits.
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

    internal override bool OutputsAreLogits => true;

    internal override TargetLayout TargetsFor(int outputs) => new LabelTargets(outputs);

    internal override RowLoss ComputeRow(ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target, int count, int rows, Span<float> gradients)
    {
        const int FewOutputs = 256;
        (int label, float weight) = LabelTargets.Read(target);
        Span<float> terms = !gradients.IsEmpty ? gradients : outputs.Length <= FewOutputs ? stackalloc float[outputs.Length] : new float[outputs.Length];
        Softmax softmax = Softmax.Of(outputs, LabelTargets.MaskOf(target), terms, withEntropy: EntropyBonus != 0);
        if (!gradients.IsEmpty) ToGradients(softmax, outputs, LabelTargets.MaskOf(target), label, weight, rows, gradients);
        float crossEntropy = softmax.LogSum - (outputs[label] - softmax.Maximum);
        return new RowLoss((weight * crossEntropy) - (EntropyBonus * softmax.Entropy), softmax.Best == label ? 1 : 0);
    }

    /// <summary>Rows of few classes together, one per lane.</summary>
    internal override void ComputeRows(in LossRows rows)
    {
        if (rows.OutputCount <= SoftmaxRows.MostClasses) SoftmaxRows.CrossEntropy(rows, EntropyBonus);
        else base.ComputeRows(rows);
    }

    /// <summary>From exp(z − max z) to the gradients.</summary>
    private void ToGradients(
        Softmax softmax, ReadOnlySpan<float> outputs, ReadOnlySpan<uint> mask, int label, float weight, int rows, Span<float> gradients)
    {
        ReadOnlySpan<Vector128<float>> z = MemoryMarshal.Cast<float, Vector128<float>>(outputs);
        Span<Vector128<float>> dz = MemoryMarshal.Cast<float, Vector128<float>>(gradients);
        Vector128<float> sum = Vector128.Create(softmax.Sum), count = Vector128.Create((float)rows);
        for (int t = 0; t < dz.Length; t++)
        {
            Vector128<float> p = dz[t] / sum;
            int first = t * Vector128<float>.Count;
            Vector128<float> isLabel = Vector128.ConditionalSelect(
                Vector128.Equals(Vector128<int>.Indices, Vector128.Create(label - first)).AsSingle(), Vector128<float>.One, default);
            Vector128<float> gradient = weight * (p - isLabel);
            if (EntropyBonus != 0)
            {
                Vector128<float> logP = Softmax.Allowed(mask, t) & (Softmax.Shifted(z[t], softmax.Maximum) - Vector128.Create(softmax.LogSum));
                gradient += EntropyBonus * p * (logP + Vector128.Create(softmax.Entropy));
            }

            dz[t] = gradient / count;
        }
    }

    private static float Required(float value) => Requirements.Number(value, "entropy bonus", name: nameof(EntropyBonus));
}
