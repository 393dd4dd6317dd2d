namespace NeuralPlugin;

/// <summary>
/// How much each brain's returns differ from their mean, predicted from the observations x of a decision: w·x. An error e moves w by
/// <see cref="Rate"/>·e·x / (1 + |x|²), so that a step is as large for observations of any size.
/// </summary>
/// <remarks>Source: Widrow and Hoff, 1960, "Adaptive switching circuits"; normalized as by Nagumo and Noda, 1967.</remarks>
internal sealed class LinearForecast(int brains, int observations)
{
    public const double Rate = 0.1;

    private readonly double[] weights = new double[checked(brains * observations)];

    public double Of(int brain, ReadOnlySpan<float> observed)
    {
        double sum = 0;
        ReadOnlySpan<double> own = weights.AsSpan(brain * observations, observations);
        for (int i = 0; i < own.Length; i++) sum += own[i] * observed[i];
        return sum;
    }

    /// <summary>Learns from a decision whose return differed from the mean by this much more than predicted.</summary>
    public void Correct(int brain, ReadOnlySpan<float> observed, double error)
    {
        double squares = 1;
        foreach (float value in observed) squares += (double)value * value;
        double step = Rate * error / squares;
        Span<double> own = weights.AsSpan(brain * observations, observations);
        for (int i = 0; i < own.Length; i++)
        {
            double moved = own[i] + (step * observed[i]);
            if (Math.Abs(moved) <= StateForm.MostSum) own[i] = moved;   // what files hold; rewards at the end of what floats do get no further
        }
    }

    /// <summary>Describes its state for files. A file without it leaves it as it is.</summary>
    public void Describe(StateForm form, string name)
    {
        StateRows rows = new(brains, () => brains, _ => { });
        form.Add(new StateField(name, rows, observations, i => weights[i], (i, value) => weights[i] = value) { IsWide = true, Least = -StateForm.MostSum, Most = StateForm.MostSum });
    }
}
