namespace NeuralPlugin;

/// <summary>
/// What the last decisions tell about a policy without a critic: its entropy, estimated by the mean of −log p, and how much of the returns' variance the
/// baseline explains. Both are renewed after each window, so that a progress that is read in every frame costs nothing.
/// </summary>
/// <param name="window">The number of decisions, and of returns, of a mean.</param>
internal sealed class DecisionStatistics(int window)
{
    private double logs;
    private int decisions;
    private double squares;       // Σ (G − m)², with the running mean m
    private double unexplained;   // Σ (G − b(x))²
    private int returns;

    /// <summary>In nats; NaN before the first window is complete.</summary>
    public float Entropy { get; private set; } = float.NaN;

    /// <summary>1 − Σ (G − b(x))² / Σ (G − m)²; NaN before the first window is complete, and if all returns are the mean.</summary>
    public float ExplainedVariance { get; private set; } = float.NaN;

    /// <summary>A decision with this logarithm of its probability was made.</summary>
    public void Decide(float logProbability)
    {
        logs -= logProbability;
        if (++decisions < window) return;
        Entropy = (float)(logs / decisions);
        (logs, decisions) = (0, 0);
    }

    /// <summary>A return is known.</summary>
    /// <param name="difference">Its difference from the mean.</param>
    /// <param name="predicted">What the baseline had predicted of that difference.</param>
    public void Return(double difference, double predicted)
    {
        squares += difference * difference;
        unexplained += (difference - predicted) * (difference - predicted);
        if (++returns < window) return;
        ExplainedVariance = squares > 0 ? (float)(1 - (unexplained / squares)) : float.NaN;
        (squares, unexplained, returns) = (0, 0, 0);
    }
}
