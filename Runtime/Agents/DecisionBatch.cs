namespace NeuralPlugin;

/// <summary>
/// The decisions of a training step, as many for each brain. A learner fills it row by row and enqueues a step on it. Made once, it
/// allocates nothing.
/// </summary>
internal sealed class DecisionBatch
{
    private readonly Brains brains;
    private readonly int observations;
    private readonly int actionCount;
    private readonly float[] features;
    private readonly int[] looks;
    private readonly int[] actions;
    private readonly float[] weights;
    private readonly bool[] allowed;
    private readonly PolicyShape policy;
    private readonly int takenNumbers;
    private readonly float[] taken;

    /// <param name="brains">What learns.</param>
    /// <param name="population">What the agents have in common.</param>
    /// <param name="size">Decisions of each brain.</param>
    public DecisionBatch(Brains brains, AgentPopulationOptions population, int size)
    {
        this.brains = brains;
        observations = population.Observations;
        actionCount = population.Actions;
        Size = size;
        int rows = checked(brains.Count * size);
        features = new float[checked(rows * observations)];
        looks = new int[rows];
        actions = new int[rows];
        weights = new float[rows];
        allowed = new bool[checked(rows * actionCount)];
        policy = population.Policy;
        takenNumbers = population.TakenNumbers;
        taken = new float[checked(rows * takenNumbers)];
    }

    /// <summary>Decisions of each brain.</summary>
    public int Size { get; }

    /// <summary>Whether a file had its rows.</summary>
    public bool IsLoaded { get; private set; }

    /// <summary>Sets a row of a brain.</summary>
    /// <returns>Its observations, which may be changed.</returns>
    public Span<float> Set(int brain, int i, in Decision decision, float weight)
    {
        int row = (brain * Size) + i;
        looks[row] = decision.Look;
        actions[row] = decision.Action;
        weights[row] = weight;
        decision.Taken.CopyTo(taken.AsSpan(row * takenNumbers));
        decision.Allowed.CopyTo(allowed.AsSpan(row * actionCount));
        Span<float> observed = features.AsSpan(row * observations, observations);
        decision.Observed.CopyTo(observed);
        return observed;
    }

    /// <summary>
    /// Rows of a brain from which nothing is learned: of weight 0, and with one allowed action, whose probability is 1 and whose entropy 0
    /// whatever the weights are, so that an entropy bonus has no gradient either. Of continuous actions no entropy is 0: there the weight is no number, and a brain of its own stays
    /// as it was. The observations stay what they were.
    /// </summary>
    public void SetNothing(int brain)
    {
        int row = brain * Size;
        looks.AsSpan(row, Size).Fill(-1);
        actions.AsSpan(row, Size).Clear();
        weights.AsSpan(row, Size).Fill(policy.Continuous > 0 ? float.NaN : 0);
        taken.AsSpan(row * takenNumbers, Size * takenNumbers).Clear();
        Span<bool> masks = allowed.AsSpan(row * actionCount, Size * actionCount);
        masks.Clear();
        for (int i = 0; i < Size * policy.Branches; i++) masks[(i / policy.Branches * actionCount) + policy.FirstOf(i % policy.Branches)] = true;
    }

    /// <summary>Says what files keep of it.</summary>
    /// <param name="form">Of the population.</param>
    /// <param name="prefix">How its names begin.</param>
    /// <param name="isNeeded">Whether more steps on it follow.</param>
    public void Describe(StateForm form, string prefix, Func<bool> isNeeded)
    {
        StateRows rows = new(actions.Length, () => isNeeded() ? actions.Length : 0, count => IsLoaded = count == actions.Length)
        {
            FindFault = (value, row) => TakenActions.FindFault(policy, value, prefix, row),
        };
        form.Floats($"{prefix}observed", rows, observations, features);
        TakenActions.Describe(form, prefix, rows, policy, allowed, actions, taken);
        form.Floats($"{prefix}weight", rows, 1, weights);
    }

    /// <summary>Enqueues a step on the rows that were set.</summary>
    public void Enqueue()
    {
        brains.Clock.BeginSpan();
        brains.Train(features, looks, takenNumbers == 0 ? BatchTargets.OfLabels(actions, weights, allowed) : BatchTargets.OfActions(taken, weights, allowed));
        brains.Clock.EndSpan();
    }

    /// <summary>Enqueues one more step on the rows of the last one.</summary>
    public void EnqueueAgain()
    {
        brains.Clock.BeginSpan();
        brains.Repeat();
        brains.Clock.EndSpan();
    }
}
