namespace NeuralPlugin;

/// <summary>
/// The running mean b and variance v of a brain's returns. A return G updates them at the rate a = max(rate, 1/n), for the n-th one: d = G − b; b' =
/// b + a·d; v' = (1 − a)·(v + a·d²), so that it starts as the plain mean and variance.
/// </summary>
/// <remarks>Source: Finch, 2009, "Incremental calculation of weighted mean and variance", section 9.</remarks>
internal struct Baseline
{
    private const double LeastDeviation = 1e-8;

    public double Mean;
    public double Variance;
    public long Count;

    public void Observe(double value, double rate)
    {
        Count++;
        double share = Math.Max(rate, 1.0 / Count), difference = value - Mean;
        Mean += share * difference;
        Variance = (1 - share) * (Variance + (share * difference * difference));
    }

    /// <summary>How much better a return is than the mean; in standard deviations if it is normalized.</summary>
    public readonly double Advantage(double value, bool normalize)
    {
        double advantage = value - Mean;
        return normalize ? advantage / (Math.Sqrt(Variance) + LeastDeviation) : advantage;
    }

    /// <summary>Turns rewards into returns, from the last to the first: G = r + discount·G of the next; the one after the last is given.</summary>
    public static void Discounted(ReadOnlySpan<float> rewards, double discount, double behind, Span<double> returns)
    {
        for (int i = rewards.Length - 1; i >= 0; i--) returns[i] = behind = rewards[i] + (discount * behind);
    }
}
