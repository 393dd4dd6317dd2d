namespace NeuralPlugin;

/// <summary>
/// The expected return of a brain: the running mean b and variance v of its returns, and a linear function of the observations that predicts how a
/// return differs from the mean. A return G updates mean and variance at the rate a = max(rate, 1/n), for the n-th one: d = G − b; b' = b + a·d;
/// v' = (1 − a)·(v + a·d²), so that they start as the plain ones.
/// </summary>
/// <remarks>Source: Finch, 2009, "Incremental calculation of weighted mean and variance", section 9.</remarks>
internal struct Baseline
{
    /// <summary>
    /// Advantages are divided by at least this share of the deviation of all returns so far: once a task is mastered, returns hardly differ, and
    /// dividing by their own deviation would turn the remaining noise into steps.
    /// </summary>
    private const double Floor = 0.5;

    /// <summary>Below this share of the mean, a deviation is rounding error.</summary>
    private const double LeastRelativeDeviation = 1e-6;

    public double Mean;
    public double Variance;
    public long Count;
    public double MeanOfAll;
    public double VarianceOfAll;

    /// <summary>The divisor of advantages: the running deviation, but at least the floor.</summary>
    public readonly double Deviation
    {
        get
        {
            double deviation = Math.Max(Math.Sqrt(Math.Max(Variance, Floor * Floor * VarianceOfAll)), LeastRelativeDeviation * Math.Abs(Mean));
            return deviation > 0 ? deviation : 1;
        }
    }

    public void Observe(double value, double rate)
    {
        Count++;
        double shareOfAll = 1.0 / Count;
        Move(ref Mean, ref Variance, value, Math.Max(rate, shareOfAll));
        Move(ref MeanOfAll, ref VarianceOfAll, value, shareOfAll);
    }

    /// <summary>How much better a return is than expected; in deviations if it is normalized.</summary>
    /// <param name="value">The return.</param>
    /// <param name="predicted">The difference from the mean that the observations predicted.</param>
    /// <param name="normalize">Whether it is divided by the deviation.</param>
    public readonly double Advantage(double value, double predicted, bool normalize)
    {
        double advantage = value - Mean - predicted;
        return normalize ? advantage / Deviation : advantage;
    }

    /// <summary>Turns rewards into returns, from the last to the first: G = r + discount·G of the next; the one after the last is given.</summary>
    public static void Discounted(ReadOnlySpan<float> rewards, double discount, double behind, Span<double> returns)
    {
        for (int i = rewards.Length - 1; i >= 0; i--) returns[i] = behind = rewards[i] + (discount * behind);
    }

    private static void Move(ref double mean, ref double variance, double value, double share)
    {
        double difference = value - mean;
        mean += share * difference;
        variance = (1 - share) * (variance + (share * difference * difference));
    }
}
