namespace NeuralPlugin;

/// <summary>
/// The scale of a brain's returns: their running mean, by rollouts, and the deviation of the discounted sums of its agents' rewards,
/// gₜ = Discount·gₜ₋₁ + rₜ, over all decisions so far (Welford, 1962). The sums are known at once and vary as the returns do.
/// </summary>
internal sealed class ReturnStatistics(int agents, double discount)
{
    /// <summary>How fast the mean follows, a rollout.</summary>
    private const double MeanRate = 0.1;

    /// <summary>Below this share of the mean a deviation is rounding.</summary>
    private const double LeastRelativeDeviation = 1e-6;

    private readonly double[] sums = new double[agents];
    private double count;
    private double sumMean;
    private double squares;
    private double weight;   // of the rollouts in the mean, which starts as the first one's
    private double mean;

    /// <summary>The scale as of now; a deviation of 0 as long as no rewards have told one.</summary>
    public ValueScale Scale
    {
        get
        {
            double center = weight > 0 ? mean / weight : 0, deviation = count > 0 ? Math.Sqrt(squares / count) : 0;
            deviation = Math.Max(deviation, LeastRelativeDeviation * Math.Abs(center));
            return new ValueScale(Held(center), Held(deviation));
        }
    }

    /// <summary>A decision of an agent has brought a reward.</summary>
    public void Observe(int agent, double reward, bool endsEpisode)
    {
        if (!double.IsFinite(reward))
        {
            sums[agent] = 0;   // it is not learned from
            return;
        }

        sums[agent] = (sums[agent] * discount) + reward;
        count++;
        double difference = sums[agent] - sumMean;
        sumMean += difference / count;
        squares += difference * (sums[agent] - sumMean);
        if (endsEpisode) sums[agent] = 0;
    }

    /// <summary>A rollout's returns have this mean.</summary>
    public void ObserveMean(double rolloutMean)
    {
        weight += MeanRate * (1 - weight);
        mean += MeanRate * (rolloutMean - mean);
    }

    /// <summary>Says what files keep of it.</summary>
    public void Describe(StateForm form)
    {
        form.Number($"{StateForm.Learning}returns.count", () => count, value => count = value, 0, StateForm.MostWhole);
        form.Number($"{StateForm.Learning}returns.sum_mean", () => sumMean, value => sumMean = value, -StateForm.MostSum, StateForm.MostSum);
        form.Number($"{StateForm.Learning}returns.squares", () => squares, value => squares = value, 0, StateForm.MostSquare);
        form.Number($"{StateForm.Learning}returns.weight", () => weight, value => weight = value, least: 0, most: 1);
        form.Number($"{StateForm.Learning}returns.mean", () => mean, value => mean = value, -StateForm.MostSum, StateForm.MostSum);
        form.Doubles($"{StateForm.Experience}returns.sums", StateRows.Exactly(agents), sums, -StateForm.MostSum, StateForm.MostSum);
    }

    private static float Held(double value) => (float)Math.Clamp(value, float.MinValue, float.MaxValue);
}
