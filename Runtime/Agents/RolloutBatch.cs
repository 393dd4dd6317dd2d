namespace NeuralPlugin;

/// <summary>The decisions of a training step on a rollout, gathered. Made once, it allocates nothing.</summary>
internal sealed class RolloutBatch
{
    private readonly Brains brains;
    private readonly int observations;
    private readonly int actionCount;
    private readonly float[] features;
    private readonly bool[] allowed;
    private readonly int[] looks;
    private readonly int[] actions;
    private readonly float[] logProbabilities;
    private readonly float[] advantages;
    private readonly float[] returns;

    /// <param name="brains">What learns.</param>
    /// <param name="population">What the agents have in common.</param>
    /// <param name="capacity">Most decisions of a step.</param>
    public RolloutBatch(Brains brains, AgentPopulationOptions population, int capacity)
    {
        this.brains = brains;
        observations = population.Observations;
        actionCount = population.Actions;
        features = new float[checked(capacity * observations)];
        allowed = new bool[checked(capacity * actionCount)];
        looks = new int[capacity];
        actions = new int[capacity];
        logProbabilities = new float[capacity];
        advantages = new float[capacity];
        returns = new float[capacity];
    }

    /// <summary>Enqueues a step on some decisions of a rollout.</summary>
    /// <param name="rollout">It has closed.</param>
    /// <param name="chosen">Which of its decisions.</param>
    /// <param name="scale">In what returns are learned: (R − mean) / deviation.</param>
    /// <param name="advantageFloor">Advantages are divided by their deviation, but by no less than so many deviations of the returns.</param>
    public void Enqueue(Rollout rollout, ReadOnlySpan<int> chosen, ValueScale scale, float advantageFloor)
    {
        double sum = 0, squares = 0;
        foreach (int at in chosen)
        {
            double advantage = rollout.Advantages[at];
            sum += advantage;
            squares += advantage * advantage;
        }

        double mean = sum / chosen.Length, deviation = scale.Deviation > 0 ? scale.Deviation : 1;
        double spread = Math.Max(Math.Sqrt(Math.Max(0, (squares / chosen.Length) - (mean * mean))), advantageFloor * deviation);
        if (spread == 0) spread = deviation;   // all advantages are the same
        for (int i = 0; i < chosen.Length; i++)
        {
            int at = chosen[i];
            Decision decision = rollout[at];
            decision.Observed.CopyTo(features.AsSpan(i * observations));
            decision.Allowed.CopyTo(allowed.AsSpan(i * actionCount));
            looks[i] = decision.Look;
            actions[i] = decision.Action;
            logProbabilities[i] = rollout.LogProbabilities[at];
            advantages[i] = (float)((rollout.Advantages[at] - mean) / spread);
            returns[i] = (float)((rollout.Returns[at] - scale.Mean) / deviation);
        }

        int rows = chosen.Length;
        brains.Clock.BeginSpan();
        brains.Train(
            features.AsSpan(0, rows * observations), looks.AsSpan(0, rows),
            BatchTargets.OfDecisions(
                actions.AsSpan(0, rows), advantages.AsSpan(0, rows), logProbabilities.AsSpan(0, rows), returns.AsSpan(0, rows), allowed.AsSpan(0, rows * actionCount)));
        brains.Clock.EndSpan();
    }
}
