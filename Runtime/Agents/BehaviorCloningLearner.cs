namespace NeuralPlugin;

/// <summary>
/// Behavior cloning: each step samples anew from the demonstrations. They are kept raw, and normalized as the observations of that frame are.
/// </summary>
internal sealed class BehaviorCloningLearner : Learner, ILearnsFromDemonstrations
{
    private const ulong BatchStream = 1UL << 62;

    private readonly BehaviorCloning options;
    private readonly Brains brains;
    private readonly ObservationNormalizer? normalizer;
    private readonly DecisionBatch batch;
    private readonly DecisionQueue shown;
    private readonly int actions;
    private readonly int[] timesShown;   // [brains × actions], including the given ones
    private readonly float[] stacked;    // of the decision drawn from the given demonstration
    private readonly SeededRandom random;
    private readonly int givenCount;     // decisions that are added to the demonstration later are ignored

    public BehaviorCloningLearner(Brains brains, AgentPopulationOptions population, BehaviorCloning options, ObservationNormalizer? normalizer)
    {
        this.options = options;
        this.brains = brains;
        this.normalizer = normalizer;
        if (options.BalanceActions && !population.Policy.IsOneBranch)
            throw new ArgumentException("BalanceActions weights the actions of one discrete branch, but the agents have other actions. Leave it false.", nameof(options));
        actions = population.Policy.IsOneBranch ? population.Actions : 1;
        batch = new DecisionBatch(brains, population, options.BatchSize);
        shown = new DecisionQueue(brains.Count, options.Capacity, population.StackedObservations, population.Policy, brains.Seen);
        timesShown = new int[brains.Count * actions];
        stacked = new float[population.StackedObservations];
        random = new SeededRandom((ulong)population.Seed, stream: BatchStream);
        if (options.Demonstration is not { } given) return;
        given.RequireSizes(population.Observations, population.Policy, nameof(options.Demonstration));
        given.RequireEpisodes(population.NumStackedVectorObservations, nameof(options.Demonstration));
        for (int i = 0; i < given.Count; i++)
        {
            normalizer?.Observe(given.Observation(i));
            for (int brain = 0; brain < brains.Count; brain++) timesShown[(brain * actions) + given.OneChoice(i)]++;
        }

        normalizer?.Renew();
        givenCount = given.Count;
    }

    public void Demonstrate(int agent, in Decision decision)
    {
        int brain = brains.BrainOf(agent);
        if (shown.Count(brain) == shown.Capacity) timesShown[(brain * actions) + shown[brain, 0].Action]--;
        shown.Add(brain, decision, weight: 1);
        timesShown[(brain * actions) + decision.Action]++;
    }

    public override void Describe(StateForm form)
    {
        base.Describe(form);
        form.Random($"{StateForm.Learning}draw", [random]);
        shown.Describe(form, $"{StateForm.Experience}shown.");
        form.Then(StateForm.Experience, CountShown);
    }

    private void CountShown()
    {
        for (int brain = 0; brain < brains.Count; brain++)
        {
            Span<int> times = timesShown.AsSpan(brain * actions, actions);
            times.Clear();
            for (int i = 0; i < givenCount; i++) times[options.Demonstration!.OneChoice(i)]++;
            for (int i = 0; i < shown.Count(brain); i++) times[shown[brain, i].Action]++;
        }
    }

    protected override bool Step(int agents)
    {
        bool any = false;
        for (int brain = 0; brain < brains.Count; brain++)
        {
            int count = givenCount + shown.Count(brain);
            if (count == 0)
            {
                batch.SetNothing(brain);
                continue;
            }

            any = true;
            for (int i = 0; i < batch.Size; i++)
            {
                Decision drawn = Sample(brain, random.NextInt32(count));
                Span<float> observed = batch.Set(brain, i, drawn, WeightOf(brain, drawn.Action));
                normalizer?.Apply(observed);
            }
        }

        if (any) batch.Enqueue();
        return any;
    }

    /// <summary>A decision from the given demonstration or, after those, from the brain's own.</summary>
    private Decision Sample(int brain, int sample)
    {
        if (sample >= givenCount) return shown[brain, sample - givenCount];
        Demonstration given = options.Demonstration!;
        // Agents that see textures have no given demonstration.
        return new Decision(given.Stack(sample, stacked), look: -1, given.OneChoice(sample), given.AllowedActions(sample)) { Taken = given.Taken(sample) };
    }

    private float WeightOf(int brain, int action)
    {
        if (!options.BalanceActions) return 1;
        ReadOnlySpan<int> times = timesShown.AsSpan(brain * actions, actions);
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
