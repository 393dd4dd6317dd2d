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
    private readonly float[] logProbabilities;
    private readonly float[] advantages;
    private readonly float[] returns;
    private readonly int[] chosen;
    private int rows;

    /// <param name="brains">The brains that learn.</param>
    /// <param name="population">The options that the agents share.</param>
    /// <param name="capacity">The maximum number of decisions of each brain in a step.</param>
    public RolloutBatch(Brains brains, AgentPopulationOptions population, int capacity)
    {
        this.brains = brains;
        Capacity = capacity;
        observations = population.StackedObservations;
        actionCount = population.Actions;
        int most = checked(capacity * brains.Count);
        features = new float[checked(most * observations)];
        allowed = new bool[checked(most * actionCount)];
        looks = new int[most];
        actions = new int[most];
        takenNumbers = population.TakenNumbers;
        taken = new float[checked(most * takenNumbers)];
        logProbabilities = new float[most];
        advantages = new float[most];
        returns = new float[most];
        chosen = new int[capacity];
    }

    /// <summary>The maximum number of decisions of each brain.</summary>
    public int Capacity { get; }

    /// <summary>Room for a selection of decisions of one brain.</summary>
    public Span<int> Chosen => chosen;

    /// <summary>Begins a step.</summary>
    /// <param name="rowsOfEach">Decisions of each brain.</param>
    public void Begin(int rowsOfEach) => rows = rowsOfEach;

    /// <summary>Sets the rows of a brain.</summary>
    /// <param name="brain">The brain.</param>
    /// <param name="rollout">A closed rollout.</param>
    /// <param name="own">The brain's decisions in it.</param>
    /// <param name="scale">The scale in which returns are learned: (R − mean) / deviation.</param>
    /// <param name="advantageFloor">Advantages are divided by their deviation, but by at least this many deviations of the returns.</param>
    public void Set(int brain, Rollout rollout, ReadOnlySpan<int> own, ValueScale scale, float advantageFloor)
    {
        double sum = 0, squares = 0;
        foreach (int at in own)
        {
            double advantage = rollout.Advantages[at];
            sum += advantage;
            squares += advantage * advantage;
        }

        double mean = sum / own.Length, deviation = scale.Deviation > 0 ? scale.Deviation : 1;
        double spread = Math.Max(Math.Sqrt(Math.Max(0, (squares / own.Length) - (mean * mean))), advantageFloor * deviation);
        if (spread == 0) spread = deviation;   // all advantages are the same
        for (int i = 0; i < own.Length; i++)
        {
            int at = own[i], row = (brain * rows) + i;
            Decision decision = rollout[at];
            decision.Observed.CopyTo(features.AsSpan(row * observations));
            decision.Allowed.CopyTo(allowed.AsSpan(row * actionCount));
            looks[row] = decision.Look;
            actions[row] = decision.Action;
            decision.Taken.CopyTo(taken.AsSpan(row * takenNumbers));
            logProbabilities[row] = rollout.LogProbabilities[at];
            advantages[row] = (float)((rollout.Advantages[at] - mean) / spread);
            returns[row] = (float)((rollout.Returns[at] - scale.Mean) / deviation);
        }
    }

    /// <summary>Sets rows of a brain to teach nothing: their loss is NaN, and such a step leaves a brain of its own unchanged.</summary>
    public void SetNothing(int brain)
    {
        int first = brain * rows;
        looks.AsSpan(first, rows).Fill(-1);
        actions.AsSpan(first, rows).Clear();
        taken.AsSpan(first * takenNumbers, rows * takenNumbers).Clear();
        logProbabilities.AsSpan(first, rows).Clear();
        advantages.AsSpan(first, rows).Clear();
        returns.AsSpan(first, rows).Fill(float.NaN);
        allowed.AsSpan(first * actionCount, rows * actionCount).Fill(true);
    }

    /// <summary>Enqueues a step on the rows that were set.</summary>
    public void Enqueue()
    {
        int count = rows * brains.Count;
        brains.Clock.BeginSpan();
        Span<bool> masks = allowed.AsSpan(0, count * actionCount);
        BatchTargets targets = takenNumbers == 0
            ? BatchTargets.OfDecisions(actions.AsSpan(0, count), advantages.AsSpan(0, count), logProbabilities.AsSpan(0, count), returns.AsSpan(0, count), masks)
            : BatchTargets.OfComposedDecisions(
                taken.AsSpan(0, count * takenNumbers), advantages.AsSpan(0, count), logProbabilities.AsSpan(0, count), returns.AsSpan(0, count), masks);
        brains.Train(features.AsSpan(0, count * observations), looks.AsSpan(0, count), targets);
        brains.Clock.EndSpan();
    }
}
