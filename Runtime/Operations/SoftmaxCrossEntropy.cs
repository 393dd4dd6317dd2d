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
public sealed record SoftmaxCrossEntropy(float EntropyBonus = 0)
{
    private const int GroupSize = 32;

    /// <summary>How much the entropy of the prediction is rewarded; 0 for plain cross-entropy.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float EntropyBonus { get; init => field = Required(value); } = Required(EntropyBonus);

    internal const string Name = "softmax_cross_entropy";
    internal const string ForwardFile = "softmax_cross_entropy_forward.comp";
    internal const string BackwardFile = "softmax_cross_entropy_backward.comp";
    internal const string SumFile = "softmax_cross_entropy_sum.comp";

    /// <summary>The interleaved parts of the sum over a batch.</summary>
    internal const int LossParts = 64;

    /// <summary>Tells loss_sum.glsl how many parts the sum has.</summary>
    internal static (string Name, int Value) LossPartsConstant => ("LOSS_PARTS", LossParts);

    /// <summary>Row losses and right predictions, then their sum over the batch.</summary>
    internal IEnumerable<Dispatch> Forward(Operand logits, Operand targets, Operand rowLosses, Operand batchLoss)
    {
        yield return RowByRow(ForwardFile, logits, targets, MatrixBinding.Write("ROW_LOSSES", rowLosses));
        yield return new Dispatch(
            new KernelSource(SumFile, ("GROUP_SIZE", LossParts), LossPartsConstant),
            [MatrixBinding.Read("ROW_LOSSES", rowLosses), MatrixBinding.Write("BATCH_LOSS", batchLoss)],
            [],
            new DispatchGrid(1));
    }

    internal IEnumerable<Dispatch> Backward(Operand logits, Operand targets, Operand logitGradients)
    {
        yield return RowByRow(BackwardFile, logits, targets, MatrixBinding.Write("LOGIT_GRADIENTS", logitGradients));
    }

    private Dispatch RowByRow(string fileName, Operand logits, Operand targets, MatrixBinding result)
    {
        return new Dispatch(
            new KernelSource(fileName, ("GROUP_SIZE", GroupSize), TargetLayout.MaskConstant),
            [MatrixBinding.Read("LOGITS", logits), MatrixBinding.Read("TARGETS", targets), result],
            [targets.Shape.TexelsPerRow, logits.Shape.TexelsPerRow],
            new DispatchGrid(1, RowsPerGroupX: GroupSize),
            [EntropyBonus]);
    }

    private static float Required(float value) => Requirements.Number(value, "entropy bonus", name: nameof(EntropyBonus));
}
