namespace NeuralPlugin;

/// <summary>
/// The loss of a regression, of outputs y [batch × outputs] against values t [batch × outputs]:
/// L = (1 / B) · Σ_i (w_i · (1 / n) · Σ_j (y_ij − t_ij)²), with w_i the sample's weight (may be zero or negative; never divided by Σ w), n the
/// outputs and B the batch size. Backward: dy_ij = 2 · w_i · (y_ij − t_ij) / (n · B).
/// </summary>
/// <remarks>
/// The squares are averaged over the outputs, not summed, so that a learning rate suits networks with any number of outputs. No prediction is
/// right or wrong: <see cref="BatchResult.Correct"/> is 0 and <see cref="TrainingProgress.Accuracy"/> NaN.
/// Source: Goodfellow et al., Deep Learning (2016), sections 5.1.4 and 6.2.2.1.
/// </remarks>
public sealed record MeanSquaredError : Loss
{
    internal static LossFormat Format { get; } = new("mean_squared_error", [], _ => new MeanSquaredError());

    internal override string Name => Format.Name;

    internal override string Include => "mean_squared_error.glsl";

    internal override bool CountsCorrect => false;

    internal override TargetLayout TargetsFor(int outputs) => new ValueTargets(outputs);

    internal override RowLoss ComputeRow(ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target, int count, int rows, Span<float> gradients)
    {
        float weight = ValueTargets.WeightOf(target), sum = 0;
        ReadOnlySpan<float> values = ValueTargets.ValuesOf(target);
        for (int j = 0; j < outputs.Length; j++)
        {
            float difference = outputs[j] - values[j];
            sum += difference * difference;
            if (!gradients.IsEmpty) gradients[j] = 2 * weight * difference / ((float)count * rows);
        }

        return new RowLoss(weight * sum / count, 0);
    }
}
