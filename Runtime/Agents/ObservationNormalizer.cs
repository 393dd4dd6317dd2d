namespace NeuralPlugin;

/// <summary>
/// Normalizes observations to mean 0 and variance 1: y = clamp((x − mean) / deviation, ±5). Mean and deviation are running ones over all
/// observations (Welford, 1962); the applied ones are renewed each time the number of observed rows has doubled, so that the network does not learn
/// on moving ground. Or they follow every row: then an inaccurate early renewal does not last as long again, and the ground moves by 1/n per row.
/// </summary>
/// <remarks>
/// <para>Before the first renewal nothing is known, and observations stay as they are: clamped, all large ones would look alike.</para>
/// <para>A row of several stacked observations is normalized part by part; only the last part, which is new, counts for the statistics.</para>
/// </remarks>
/// <param name="observations">Numbers per observation.</param>
/// <param name="follows">Whether the applied values are renewed with every row.</param>
internal sealed class ObservationNormalizer(int observations, bool follows = false)
{
    public const float Limit = 5;

    /// <summary>An observation whose deviation is below this share of its mean is a constant: a float has few steps there, and what varies is its rounding.</summary>
    private const double LeastRelativeDeviation = 1e-6;

    /// <summary>The deviation of a constant, so that its rounding stays small and a change is seen at once.</summary>
    private const double DeviationOfConstants = 1e-4;

    /// <summary>The scale for the largest numbers that a float holds.</summary>
    public const float LeastScale = 1e-39f;

    /// <summary>The scale for the smallest ones.</summary>
    private const float MostScale = 1e38f;

    private readonly double[] mean = new double[observations];
    private readonly double[] squares = new double[observations];   // Σ (x − mean)²
    private readonly float[] offset = new float[observations];
    private readonly float[] scale = [.. Enumerable.Repeat(1f, observations)];
    private long renewAt = 1;
    private bool isSet;   // from outside

    /// <summary>Rows observed so far.</summary>
    public long Count { get; private set; }

    /// <summary>How often the applied values were renewed.</summary>
    public int Renewals { get; private set; }

    /// <summary>Whether there is anything to apply.</summary>
    public bool IsKnown => Renewals > 0 || isSet;

    public ReadOnlySpan<double> Mean => mean;

    /// <summary>Σ (x − mean)² of each observation.</summary>
    public ReadOnlySpan<double> Squares => squares;

    /// <summary>The applied offset: y = (x − offset) · scale.</summary>
    public ReadOnlySpan<float> Offset => offset;

    public ReadOnlySpan<float> Scale => scale;

    public double Variance(int observation) => Count < 2 ? 0 : squares[observation] / Count;

    public void Observe(ReadOnlySpan<float> row)
    {
        row = row[^observations..];
        Count++;
        double share = 1.0 / Count;
        for (int i = 0; i < row.Length; i++)
        {
            double difference = row[i] - mean[i];
            mean[i] += difference * share;
            squares[i] += difference * (row[i] - mean[i]);
        }
    }

    /// <summary>Applies the statistics from now on, if it follows or their number of rows has doubled since the last time.</summary>
    public void Renew()
    {
        if (Count < renewAt) return;
        renewAt = follows ? Count + 1 : 2 * Count;
        Renewals++;
        for (int i = 0; i < observations; i++)
        {
            offset[i] = (float)mean[i];
            scale[i] = ScaleOf(i);
        }
    }

    /// <summary>Continues from the statistics and applied values of another one with as many observations.</summary>
    public void CopyFrom(ObservationNormalizer other)
    {
        (Count, Renewals, isSet) = (other.Count, other.Renewals, other.isSet);
        renewAt = follows ? Count + 1 : other.renewAt;
        other.mean.CopyTo(mean, 0);
        other.squares.CopyTo(squares, 0);
        other.offset.CopyTo(offset, 0);
        other.scale.CopyTo(scale, 0);
    }

    /// <summary>Replaces the statistics, and applies them.</summary>
    public void Set(long count, ReadOnlySpan<double> means, ReadOnlySpan<double> sumsOfSquares)
    {
        Count = count;
        means.CopyTo(mean);
        sumsOfSquares.CopyTo(squares);
        renewAt = 1;
        Renew();
        if (count > 0) return;
        (Renewals, isSet) = (0, false);
        Array.Clear(offset);
        Array.Fill(scale, 1f);
    }

    /// <summary>Replaces the applied values, and leaves the statistics.</summary>
    public void SetApplied(ReadOnlySpan<float> offsets, ReadOnlySpan<float> scales)
    {
        offsets.CopyTo(offset);
        scales.CopyTo(scale);
        isSet = true;
    }

    /// <summary>Describes its state for files.</summary>
    public void Describe(StateForm form)
    {
        StateRows rows = StateRows.Exactly(observations);
        form.Count("observations.count", () => Count, count => Count = count);
        form.Count("observations.renewals", () => Renewals, renewals => Renewals = (int)renewals, int.MaxValue);
        form.Count("observations.renew_at", () => renewAt, at => renewAt = at);
        form.Doubles("observations.mean", rows, mean, float.MinValue, float.MaxValue);
        form.Doubles("observations.squares", rows, squares, 0, StateForm.MostSquare);
        form.Floats("observations.offset", rows, 1, offset);
        form.Floats("observations.scale", rows, 1, scale, least: LeastScale);
    }

    public void Apply(Span<float> row)
    {
        if (!IsKnown) return;
        for (int first = 0; first < row.Length; first += observations)
        {
            Span<float> part = row.Slice(first, observations);
            for (int i = 0; i < part.Length; i++) part[i] = Math.Clamp((part[i] - offset[i]) * scale[i], -Limit, Limit);
        }
    }

    private float ScaleOf(int observation)
    {
        double deviation = Math.Sqrt(Variance(observation));
        bool isConstant = deviation <= LeastRelativeDeviation * Math.Abs(mean[observation]);
        return Math.Clamp((float)(1 / (isConstant ? Math.Max(deviation, DeviationOfConstants) : deviation)), LeastScale, MostScale);
    }
}
