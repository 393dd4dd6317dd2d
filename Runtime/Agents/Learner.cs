namespace NeuralPlugin;

/// <summary>How the decisions of agents become training steps.</summary>
internal abstract class Learner
{
    private readonly float[] features;
    private readonly int[] looks;
    private readonly int[] actions;
    private readonly float[] weights;
    private readonly bool[] allowed;

    protected Learner(Brains brains, int observations, int actionCount, int batchSize)
    {
        Brains = brains;
        Observations = observations;
        Actions = actionCount;
        BatchSize = batchSize;
        int rows = checked(brains.Count * batchSize);
        features = new float[checked(rows * observations)];
        looks = new int[rows];
        actions = new int[rows];
        weights = new float[rows];
        allowed = new bool[checked(rows * actionCount)];
    }

    /// <summary>Steps that were enqueued.</summary>
    public long Steps { get; private set; }

    /// <summary>Decisions that were never learned from, since others came faster than steps.</summary>
    public long SkippedDecisions { get; protected set; }

    protected Brains Brains { get; }

    protected int Observations { get; }

    protected int Actions { get; }

    protected int BatchSize { get; }

    /// <summary>An agent's decision is carried out from now on.</summary>
    /// <param name="agent">Its number.</param>
    /// <param name="observed">Its observations, normalized.</param>
    /// <param name="look">The row of what it has seen; -1 for nothing.</param>
    /// <param name="action">What it does.</param>
    /// <param name="mask">What it might have done.</param>
    public abstract void Decide(int agent, ReadOnlySpan<float> observed, int look, int action, ReadOnlySpan<bool> mask);

    /// <summary>What the decision that an agent carries out has brought.</summary>
    public abstract void Reward(int agent, float reward);

    /// <summary>An agent's episode is over; where it was cut off, what would have come is estimated.</summary>
    public abstract void EndEpisode(int agent, bool isCutOff);

    /// <summary>Somebody showed what to do.</summary>
    public abstract void Demonstrate(int agent, ReadOnlySpan<float> raw, int look, int action, ReadOnlySpan<bool> mask);

    /// <summary>Enqueues steps while there is room for one and something to learn from.</summary>
    /// <param name="budget">That of this frame, which was begun.</param>
    /// <param name="agents">Agents that learn.</param>
    /// <returns>Whether more steps would have found nothing to learn from.</returns>
    public bool Train(StepBudget budget, int agents)
    {
        while (budget.HasRoom())
        {
            budget.BeginStep();
            if (!Step(agents)) return true;
            budget.EndStep();
            Steps++;
        }

        return false;
    }

    /// <summary>Enqueues a step, if there is enough to learn from.</summary>
    protected abstract bool Step(int agents);

    /// <summary>One row of the batch.</summary>
    protected Span<float> Fill(int brain, int i, int look, int action, float weight, ReadOnlySpan<bool> mask)
    {
        int row = (brain * BatchSize) + i;
        looks[row] = look;
        actions[row] = action;
        weights[row] = weight;
        mask.CopyTo(allowed.AsSpan(row * Actions));
        return features.AsSpan(row * Observations, Observations);
    }

    /// <summary>
    /// Rows from which nothing is learned: of weight 0, and with one allowed action, whose probability is 1 and whose entropy 0 whatever
    /// the weights are, so that the entropy bonus has no gradient either. The observations stay what they were.
    /// </summary>
    protected void FillNothing(int brain)
    {
        int row = brain * BatchSize;
        looks.AsSpan(row, BatchSize).Fill(-1);
        actions.AsSpan(row, BatchSize).Clear();
        weights.AsSpan(row, BatchSize).Clear();
        Span<bool> masks = allowed.AsSpan(row * Actions, BatchSize * Actions);
        masks.Clear();
        for (int i = 0; i < BatchSize; i++) masks[i * Actions] = true;
    }

    /// <summary>Enqueues a step on the rows that were filled.</summary>
    protected void EnqueueStep()
    {
        Brains.Clock.BeginSpan();
        Brains.Train(features, looks, actions, weights, allowed);
        Brains.Clock.EndSpan();
    }

    /// <summary>Enqueues one more step on them.</summary>
    protected void RepeatStep()
    {
        Brains.Clock.BeginSpan();
        Brains.Repeat();
        Brains.Clock.EndSpan();
    }
}
