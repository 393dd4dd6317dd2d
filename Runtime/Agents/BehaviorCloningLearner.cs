namespace NeuralPlugin;

/// <summary>
/// Behavior cloning: each step draws its samples anew from what was shown. What was shown is kept raw, and normalized as the
/// observations of that frame are.
/// </summary>
internal sealed class BehaviorCloningLearner : Learner
{
    private readonly BehaviorCloning options;
    private readonly ObservationNormalizer? normalizer;
    private readonly DecisionQueue shown;
    private readonly int[] timesShown;   // [brains × actions], of the given ones too
    private readonly SeededRandom random;
    private readonly bool[] all;

    public BehaviorCloningLearner(Brains brains, AgentPopulationOptions population, BehaviorCloning options, ObservationNormalizer? normalizer)
        : base(brains, population.Observations, population.Actions, options.BatchSize)
    {
        this.options = options;
        this.normalizer = normalizer;
        shown = new DecisionQueue(brains.Count, options.Capacity, Observations, Actions, brains.Seen);
        timesShown = new int[brains.Count * Actions];
        random = new SeededRandom((ulong)population.Seed, stream: BatchStream);
        all = [.. Enumerable.Repeat(true, Actions)];
        if (options.Demonstration is not { } given) return;
        given.RequireSizes(Observations, Actions, nameof(options.Demonstration));
        for (int i = 0; i < given.Count; i++)
        {
            normalizer?.Observe(given.Observation(i));
            for (int brain = 0; brain < brains.Count; brain++) timesShown[(brain * Actions) + given.Action(i)]++;
        }

        normalizer?.Renew();
        Given = given.Count;
    }

    private const ulong BatchStream = 1UL << 62;

    /// <summary>Decisions that were given from the start. What is added to the demonstration later is not looked at.</summary>
    private int Given { get; }

    public override void Decide(int agent, ReadOnlySpan<float> observed, int look, int action, ReadOnlySpan<bool> mask)
    {
    }

    public override void Reward(int agent, float reward)
    {
    }

    public override void EndEpisode(int agent, bool isCutOff)
    {
    }

    public override void Demonstrate(int agent, ReadOnlySpan<float> raw, int look, int action, ReadOnlySpan<bool> mask)
    {
        int brain = Brains.AreOwn ? agent : 0;
        if (shown.Count(brain) == shown.Capacity) timesShown[(brain * Actions) + shown.Action(brain, 0)]--;
        shown.Add(brain, raw, look, action, mask, weight: 1);
        timesShown[(brain * Actions) + action]++;
    }

    protected override bool Step(int agents)
    {
        bool any = false;
        for (int brain = 0; brain < Brains.Count; brain++)
        {
            int count = Given + shown.Count(brain);
            if (count == 0)
            {
                FillNothing(brain);
                continue;
            }

            any = true;
            for (int i = 0; i < BatchSize; i++) Draw(brain, i, random.NextInt32(count));
        }

        if (any) EnqueueStep();
        return any;
    }

    private void Draw(int brain, int i, int sample)
    {
        bool isGiven = sample < Given;
        int own = sample - Given;
        int action = isGiven ? options.Demonstration!.Action(sample) : shown.Action(brain, own);
        ReadOnlySpan<bool> mask = isGiven ? options.Demonstration!.AllowedActions(sample) : shown.Allowed(brain, own);
        int look = isGiven ? -1 : shown.Look(brain, own);   // none are given to agents that see textures
        Span<float> row = Fill(brain, i, look, action, WeightOf(brain, action), mask.IsEmpty ? all : mask);
        (isGiven ? options.Demonstration!.Observation(sample) : shown.Features(brain, own)).CopyTo(row);
        normalizer?.Apply(row);
    }

    private float WeightOf(int brain, int action)
    {
        if (!options.BalanceActions) return 1;
        ReadOnlySpan<int> times = timesShown.AsSpan(brain * Actions, Actions);
        int actionsShown = 0;
        long samples = 0;
        foreach (int count in times)
        {
            samples += count;
            if (count > 0) actionsShown++;
        }

        return (float)((double)samples / ((double)actionsShown * times[action]));
    }
}
