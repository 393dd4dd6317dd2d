namespace NeuralPlugin;

/// <summary>The decisions of a training step on a rollout, gathered, the same number for each brain. Once made, it allocates nothing.</summary>
internal sealed class RolloutBatch
{
    private readonly Brains brains;
    private readonly int observations;
    private readonly int actionCount;
    private readonly float[] features;
    private readonly bool[] allowed;
    private readonly int[] looks;
    private readonly int[] actions;
    private readonly int takenNumbers;
    private readonly float[] taken;
    private readonly bool weighsRows;
    private readonly float[] rowWeights;
    private readonly int referenceOutputs;
    private readonly float[] references;
    private readonly float[] logProbabilities;
    private readonly float[] advantages;
    private readonly float[] returns;
    private readonly int[] chosen;
    private readonly bool isComposed;
    private int rows;
    private int decisions;

    /// <param name="brains">The brains that learn.</param>
    /// <param name="population">The options that the agents share.</param>
    /// <param name="options">How they learn.</param>
    public RolloutBatch(Brains brains, AgentPopulationOptions population, ActorCritic options)
    {
        this.brains = brains;
        int capacity = options.MostRowsOfAStep(population);
        observations = population.StackedObservations;
        actionCount = population.Actions;
        int most = checked(capacity * brains.Count);
        features = new float[checked(most * observations)];
        allowed = new bool[checked(most * actionCount)];
        looks = new int[most];
        actions = new int[most];
        isComposed = options.IsComposed || !population.Policy.IsOneBranch;
        takenNumbers = isComposed ? population.Policy.Numbers : 0;
        weighsRows = options.Cloning is not null;
        rowWeights = new float[weighsRows ? most : 0];
        referenceOutputs = options.Reference is null ? 0 : population.Policy.Outputs;
        references = new float[checked(most * referenceOutputs)];
        taken = new float[checked(most * takenNumbers)];
        logProbabilities = new float[most];
        advantages = new float[most];
        returns = new float[most];
        chosen = new int[capacity];
    }

    /// <summary>Room for a selection of decisions of one brain.</summary>
    public Span<int> Chosen => chosen.AsSpan(0, decisions);

    /// <summary>Demonstrated rows of each brain, after its decisions.</summary>
    public int ShownRows => rows - decisions;

    /// <summary>Begins a step.</summary>
    /// <param name="decisionsOfEach">Decisions of each brain.</param>
    /// <param name="shownOfEach">Demonstrated ones in addition.</param>
    public void Begin(int decisionsOfEach, int shownOfEach) => (decisions, rows) = (decisionsOfEach, decisionsOfEach + shownOfEach);

    /// <summary>Sets the rows of a brain.</summary>
    /// <param name="brain">The brain.</param>
    /// <param name="rollout">A closed rollout.</param>
    /// <param name="own">The brain's decisions in it.</param>
    /// <param name="scale">The scale in which returns are learned: (R − mean) / deviation.</param>
    /// <param name="advantageFloor">Advantages are divided by their deviation, but by at least this many deviations of the returns.</param>
    public void Set(int brain, Rollout rollout, ReadOnlySpan<int> own, ValueScale scale, float advantageFloor)
    {
        ReadOnlySpan<float> ofAdvantages = rollout.Advantages, ofReturns = rollout.Returns;
        double sum = 0, squares = 0;
        foreach (int at in own)
        {
            double advantage = ofAdvantages[at];
            sum += advantage;
            squares += advantage * advantage;
        }

        double mean = sum / own.Length, deviation = scale.Deviation > 0 ? scale.Deviation : 1;
        double spread = Math.Max(Math.Sqrt(Math.Max(0, (squares / own.Length) - (mean * mean))), advantageFloor * deviation);
        if (spread == 0) spread = deviation;   // all advantages are the same
        int first = brain * rows;
        rollout.CopyTo(own, RowsFrom(first));
        if (weighsRows) rowWeights.AsSpan(first, own.Length).Fill((float)rows / decisions);   // the loss is a mean over all rows, and this one over decisions
        for (int i = 0; i < own.Length; i++)
        {
            advantages[first + i] = (float)((ofAdvantages[own[i]] - mean) / spread);
            returns[first + i] = (float)((ofReturns[own[i]] - scale.Mean) / deviation);
        }
    }

    /// <summary>Sets a demonstrated row of a brain.</summary>
    /// <returns>Its observations, which may be changed.</returns>
    public Span<float> SetShown(int brain, int i, in Decision decision, float strength)
    {
        int row = (brain * rows) + decisions + i;
        SetUnused(brain, i);
        Set(row, decision);
        rowWeights[row] = -strength * rows / ShownRows;
        return features.AsSpan(row * observations, observations);
    }

    /// <summary>Sets a demonstrated row of a brain to count for nothing.</summary>
    public void SetUnused(int brain, int i)
    {
        int row = (brain * rows) + decisions + i;
        SetNothing(row, count: 1, result: 0);
        rowWeights[row] = 0;
    }

    /// <summary>Sets rows of a brain to teach nothing: their loss is NaN, and such a step leaves a brain of its own unchanged.</summary>
    public void SetNothing(int brain)
    {
        SetNothing(brain * rows, rows, float.NaN);
        if (weighsRows) rowWeights.AsSpan(brain * rows, rows).Fill(1);
    }

    /// <summary>Enqueues a part of a step, on the rows that were set for its brains.</summary>
    public void Enqueue(StepPart part)
    {
        (int firstBrain, int endBrain) = brains.BrainsOf(part);
        int first = rows * firstBrain, count = rows * (endBrain - firstBrain);
        brains.BeginPart();
        Span<bool> masks = allowed.AsSpan(first * actionCount, count * actionCount);
        Span<float> ofAdvantages = advantages.AsSpan(first, count), logs = logProbabilities.AsSpan(first, count), ofReturns = returns.AsSpan(first, count);
        BatchTargets targets = !isComposed
            ? BatchTargets.OfDecisions(actions.AsSpan(first, count), ofAdvantages, logs, ofReturns, masks)
            : BatchTargets.OfComposedDecisions(taken.AsSpan(first * takenNumbers, count * takenNumbers), ofAdvantages, logs, ofReturns, masks) with
            {
                RowWeights = weighsRows ? rowWeights.AsSpan(first, count) : default,
                Reference = references.AsSpan(first * referenceOutputs, count * referenceOutputs),
            };
        brains.Train(part, features.AsSpan(first * observations, count * observations), looks.AsSpan(first, count), targets);
        brains.EndPart();
    }

    private RolloutRows RowsFrom(int first) => new()
    {
        Features = features.AsSpan(first * observations),
        Allowed = allowed.AsSpan(first * actionCount),
        Looks = looks.AsSpan(first),
        Actions = actions.AsSpan(first),
        Taken = taken.AsSpan(first * takenNumbers),
        LogProbabilities = logProbabilities.AsSpan(first),
        References = references.AsSpan(first * referenceOutputs),
    };

    private void SetNothing(int first, int count, float result)
    {
        looks.AsSpan(first, count).Fill(-1);
        actions.AsSpan(first, count).Clear();
        taken.AsSpan(first * takenNumbers, count * takenNumbers).Clear();
        logProbabilities.AsSpan(first, count).Clear();
        advantages.AsSpan(first, count).Clear();
        returns.AsSpan(first, count).Fill(result);
        allowed.AsSpan(first * actionCount, count * actionCount).Fill(true);
        references.AsSpan(first * referenceOutputs, count * referenceOutputs).Clear();
    }

    private void Set(int row, in Decision decision)
    {
        decision.Observed.CopyTo(features.AsSpan(row * observations));
        decision.Allowed.CopyTo(allowed.AsSpan(row * actionCount));
        looks[row] = decision.Look;
        actions[row] = decision.Action;
        if (isComposed && decision.Taken.IsEmpty) taken[row] = decision.Action;   // one branch
        else decision.Taken.CopyTo(taken.AsSpan(row * takenNumbers));
    }
}
