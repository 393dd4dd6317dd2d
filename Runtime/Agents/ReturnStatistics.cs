namespace NeuralPlugin;

/// <summary>
/// The scale of each brain's returns: their running mean, by rollouts, and the deviation of the discounted sums of its agents' rewards,
/// gₜ = Discount·gₜ₋₁ + rₜ, over all decisions so far (Welford, 1962). The sums are known at once and vary as the returns do.
/// </summary>
/// <param name="agents">The number of agents.</param>
/// <param name="brains">The number of brains: one, or one per agent.</param>
/// <param name="discount">The discount of the returns.</param>
internal sealed class ReturnStatistics(int agents, int brains, double discount)
{
    /// <summary>The rate of the mean, per rollout.</summary>
    private const double MeanRate = 0.1;

    /// <summary>Below this share of the mean, a deviation is rounding error.</summary>
    private const double LeastRelativeDeviation = 1e-6;

    private readonly double[] sums = new double[agents];
    private readonly OfBrain[] found = new OfBrain[brains];

    /// <summary>The current scale; a deviation of 0 until rewards determine one.</summary>
    public ValueScale ScaleOf(int brain)
    {
        ref OfBrain returns = ref found[brain];
        double center = returns.Weight > 0 ? returns.Mean / returns.Weight : 0, deviation = returns.Count > 0 ? Math.Sqrt(returns.Squares / returns.Count) : 0;
        deviation = Math.Max(deviation, LeastRelativeDeviation * Math.Abs(center));
        return new ValueScale(Held(center), Held(deviation));
    }

    /// <summary>Adds the reward of an agent's decision.</summary>
    public void Observe(int agent, double reward, bool endsEpisode)
    {
        if (!double.IsFinite(reward))
        {
            sums[agent] = 0;   // its decision is not learned from
            return;
        }

        ref OfBrain returns = ref found[found.Length == 1 ? 0 : agent];
        sums[agent] = (sums[agent] * discount) + reward;
        returns.Count++;
        double difference = sums[agent] - returns.SumMean;
        returns.SumMean += difference / returns.Count;
        returns.Squares += difference * (sums[agent] - returns.SumMean);
        if (endsEpisode) sums[agent] = 0;
    }

    /// <summary>Updates the mean with that of the returns of a brain's rollout.</summary>
    public void ObserveMean(int brain, double rolloutMean)
    {
        ref OfBrain returns = ref found[brain];
        returns.Weight += MeanRate * (1 - returns.Weight);
        returns.Mean += MeanRate * (rolloutMean - returns.Mean);
    }

    /// <summary>Describes its state for files.</summary>
    public void Describe(StateForm form)
    {
        StateRows rows = StateRows.Exactly(found.Length);
        void Add(string name, Func<int, double> get, Action<int, double> set, double least, double most) =>
            form.Add(new StateField($"{StateForm.Learning}returns.{name}", rows, 1, get, set) { IsWide = true, Least = least, Most = most });

        Add("count", i => found[i].Count, (i, value) => found[i].Count = value, 0, StateForm.MostWhole);
        Add("sum_mean", i => found[i].SumMean, (i, value) => found[i].SumMean = value, -StateForm.MostSum, StateForm.MostSum);
        Add("squares", i => found[i].Squares, (i, value) => found[i].Squares = value, 0, StateForm.MostSquare);
        Add("weight", i => found[i].Weight, (i, value) => found[i].Weight = value, 0, 1);
        Add("mean", i => found[i].Mean, (i, value) => found[i].Mean = value, -StateForm.MostSum, StateForm.MostSum);
        form.Doubles($"{StateForm.Experience}returns.sums", StateRows.Exactly(agents), sums, -StateForm.MostSum, StateForm.MostSum);
    }

    private static float Held(double value) => (float)Math.Clamp(value, float.MinValue, float.MaxValue);

    /// <summary>The statistics of a brain's returns.</summary>
    private struct OfBrain
    {
        public double Count;
        public double SumMean;
        public double Squares;
        public double Weight;   // of the rollouts in the mean, which starts as that of the first one
        public double Mean;
    }
}
