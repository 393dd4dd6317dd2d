namespace NeuralPlugin;

/// <summary>
/// The loss of a regression whose targets have outliers, of outputs y [batch × outputs] against values t [batch × outputs]:
/// L = (1 / B) · Σ_i (w_i · (1 / n) · Σ_j h(y_ij − t_ij)), with h(d) = d² / 2 where |d| ≤ δ and δ · (|d| − δ / 2) elsewhere, w_i the sample's
/// weight (may be zero or negative; never divided by Σ w), n the outputs and B the batch size.
/// Backward: dy_ij = w_i · clamp(y_ij − t_ij, −δ, δ) / (n · B).
/// </summary>
/// <remarks>
/// A single target moves the weights no further than an error of δ would; with <see cref="MeanSquaredError"/> there is no bound. If δ exceeds
/// all errors, it is half the mean squared error. No prediction is right or wrong: <see cref="BatchResult.Correct"/> is 0 and
/// <see cref="TrainingProgress.Accuracy"/> NaN.
/// Source: Huber, Robust Estimation of a Location Parameter, 1964.
/// </remarks>
/// <param name="Delta">δ, the error above which the loss grows linearly; in the units of the targets.</param>
public sealed record HuberLoss(float Delta = 1) : Loss
{
    /// <summary>δ, the error above which the loss grows linearly; in the units of the targets.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero, denormal or negative, NaN or infinite.</exception>
    public float Delta { get; init => field = Required(value); } = Required(Delta);

    internal static LossFormat Format { get; } = new("huber", ["huber_delta"], number => new HuberLoss(number("huber_delta")));

    internal override string Name => Format.Name;

    internal override string Include => "huber.glsl";

    internal override IReadOnlyList<(string Name, float Value)> Hyperparameters => [("huber_delta", Delta)];

    internal override IReadOnlyList<KernelArguments<float>> Scalars => [new(("huberDelta", Delta))];

    internal override bool CountsCorrect => false;

    internal override TargetLayout TargetsFor(int outputs) => new ValueTargets(outputs);

    internal override RowLoss ComputeRow(ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target, int count, int rows, Span<float> gradients)
    {
        float weight = ValueTargets.WeightOf(target), sum = 0;
        ReadOnlySpan<float> values = ValueTargets.ValuesOf(target);
        for (int j = 0; j < outputs.Length; j++)
        {
            float difference = outputs[j] - values[j];
            float clamped = Math.Clamp(difference, -Delta, Delta);   // NaN for NaN
            sum += clamped * (difference - (0.5f * clamped));
            if (!gradients.IsEmpty) gradients[j] = weight * clamped / ((float)count * rows);
        }

        return new RowLoss(weight * sum / count, 0);
    }

    private static float Required(float value) => Requirements.Number(value, "delta of the Huber loss", Requirements.LeastNormal, name: nameof(Delta));
}
