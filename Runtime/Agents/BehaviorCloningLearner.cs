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
    private readonly ShownDecisions shown;
    private readonly int actions;
    private readonly int[] timesShown;   // [brains × actions], including the given ones
    private readonly SeededRandom random;

    public BehaviorCloningLearner(Brains brains, AgentPopulationOptions population, BehaviorCloning options, ObservationNormalizer? normalizer)
    {
        this.options = options;
        this.brains = brains;
        this.normalizer = normalizer;
        actions = population.Policy.IsOneBranch ? population.Actions : 1;
        batch = new DecisionBatch(brains, population, options.BatchSize);
        shown = new ShownDecisions(brains, population, options.Demonstration, options.Capacity, normalizer);
        timesShown = new int[brains.Count * actions];
        random = new SeededRandom((ulong)population.Seed, stream: BatchStream);
        CountShown();
    }

    public override LearningStatistics Statistics => LearningStatistics.None with { PolicyLoss = brains.PolicyLoss };

    public void Demonstrate(int agent, in Decision decision)
    {
        int brain = brains.BrainOf(agent);
        if (shown.IsFull(brain)) timesShown[(brain * actions) + shown.ActionOf(brain, shown.GivenCount)]--;
        shown.Add(agent, decision);
        timesShown[(brain * actions) + decision.Action]++;
    }

    public override void Describe(StateForm form)
    {
        base.Describe(form);
        form.Random($"{StateForm.Learning}draw", [random]);
        shown.Describe(form);
        form.Then(StateForm.Experience, CountShown);
    }

    private void CountShown()
    {
        for (int brain = 0; brain < brains.Count; brain++)
        {
            Span<int> times = timesShown.AsSpan(brain * actions, actions);
            times.Clear();
            for (int i = 0; i < shown.Count(brain); i++) times[shown.ActionOf(brain, i)]++;
        }
    }

    public override int Lines => brains.StepLines;

    protected override bool Step(int agents)
    {
        bool any = false;
        for (int brain = 0; brain < brains.Count; brain++)
        {
            int count = shown.Count(brain);
            if (count == 0)
            {
                batch.SetNothing(brain);
                continue;
            }

            any = true;
            for (int i = 0; i < batch.Size; i++)
            {
                Decision drawn = shown[brain, random.NextInt32(count)];
                Span<float> observed = batch.Set(brain, i, drawn, WeightOf(brain, drawn.Action));
                normalizer?.Apply(observed);
            }
        }

        return any;
    }

    protected override void Enqueue(StepPart lines) => batch.Enqueue(lines);

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
