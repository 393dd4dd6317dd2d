namespace NeuralPlugin;

/// <summary>
/// Brings observations to mean 0 and variance 1: y = clamp((x − mean) / √max(variance, ε), ±5). Mean and variance are running ones
/// of all that was observed (Welford, 1962); what is applied is renewed each time as many were observed again, so that the network
/// does not learn on moving ground. Or it follows with every row: then no early renewal is far off for as long again, and the ground moves by 1/n a row.
/// </summary>
/// <param name="observations">Numbers of a row.</param>
/// <param name="follows">Whether what is applied is renewed with every row.</param>
internal sealed class ObservationNormalizer(int observations, bool follows = false)
{
    public const float Limit = 5;
    private const double LeastVariance = 1e-8;

    /// <summary>That of the largest numbers that a float holds.</summary>
    private const float LeastScale = 1e-39f;

    private readonly double[] mean = new double[observations];
    private readonly double[] squares = new double[observations];   // Σ (x − mean)²
    private readonly float[] offset = new float[observations];
    private readonly float[] scale = [.. Enumerable.Repeat(1f, observations)];
    private long renewAt = 1;

    /// <summary>Rows that were observed.</summary>
    public long Count { get; private set; }

    /// <summary>How often what is applied was renewed.</summary>
    public int Renewals { get; private set; }

    public ReadOnlySpan<double> Mean => mean;

    /// <summary>Σ (x − mean)² of each observation.</summary>
    public ReadOnlySpan<double> Squares => squares;

    /// <summary>What is applied: y = (x − offset) · scale.</summary>
    public ReadOnlySpan<float> Offset => offset;

    public ReadOnlySpan<float> Scale => scale;

    public double Variance(int observation) => Count < 2 ? 0 : squares[observation] / Count;

    public void Observe(ReadOnlySpan<float> row)
    {
        Count++;
        double share = 1.0 / Count;
        for (int i = 0; i < row.Length; i++)
        {
            double difference = row[i] - mean[i];
            mean[i] += difference * share;
            squares[i] += difference * (row[i] - mean[i]);
        }
    }

    /// <summary>Applies from now on what was observed so far, where it follows or that is twice as much as the last time.</summary>
    public void Renew()
    {
        if (Count < renewAt) return;
        renewAt = follows ? Count + 1 : 2 * Count;
        Renewals++;
        for (int i = 0; i < observations; i++)
        {
            offset[i] = (float)mean[i];
            scale[i] = Math.Max((float)(1 / Math.Sqrt(Math.Max(Variance(i), LeastVariance))), LeastScale);
        }
    }

    /// <summary>Goes on from what another one of as many observations knows and applies.</summary>
    public void CopyFrom(ObservationNormalizer other)
    {
        (Count, Renewals) = (other.Count, other.Renewals);
        renewAt = follows ? Count + 1 : other.renewAt;
        other.mean.CopyTo(mean, 0);
        other.squares.CopyTo(squares, 0);
        other.offset.CopyTo(offset, 0);
        other.scale.CopyTo(scale, 0);
    }

    /// <summary>Replaces what was observed, and applies it.</summary>
    public void Set(long count, ReadOnlySpan<double> means, ReadOnlySpan<double> sumsOfSquares)
    {
        Count = count;
        means.CopyTo(mean);
        sumsOfSquares.CopyTo(squares);
        renewAt = 1;
        Renew();
        if (count > 0) return;
        Array.Clear(offset);
        Array.Fill(scale, 1f);
    }

    /// <summary>Says what files keep of it.</summary>
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
        for (int i = 0; i < row.Length; i++) row[i] = Math.Clamp((row[i] - offset[i]) * scale[i], -Limit, Limit);
    }
}
