using System.Diagnostics;

namespace NeuralPlugin;

/// <summary>
/// REINFORCE: keeps each agent's decisions until their returns can be computed, passes the decisions with their advantages to its brain, and trains
/// the brains whose batch is full. Brains of their own train together: when half of the agents' batches are full, or one can wait no longer.
/// </summary>
internal sealed class PolicyGradientLearner : Learner, ILearnsFromReward
{
    private const int LeastWindow = 256;
    private const int WindowPerAgent = 16;

    private readonly PolicyGradient options;
    private readonly Brains brains;
    private readonly DecisionBatch batch;
    private readonly DecisionQueue underWay;   // of each agent
    private readonly DecisionQueue ready;      // of each brain
    private readonly Baseline[] baselines;
    private readonly LinearForecast forecast;
    private readonly float[] rewards;
    private readonly double[] returns;
    private readonly int mostReady;
    private readonly DecisionStatistics recent;
    private long learnedDecisions;
    private bool hasWarned;
    private int epochsLeft;
    private bool isBatchLoaded;   // from a file, and not uploaded yet
    private bool isAgain;         // whether the step that is under way repeats the one before on the same rows

    public PolicyGradientLearner(Brains brains, AgentPopulationOptions population, PolicyGradient options)
    {
        this.options = options;
        this.brains = brains;
        batch = new DecisionBatch(brains, population, options.MostRowsOfAStep(population));
        underWay = new DecisionQueue(population.Capacity, options.Horizon, population.StackedObservations, population.Policy, brains.Seen);
        int atOnce = brains.AreOwn ? options.Horizon : checked(population.Capacity * options.Horizon);
        mostReady = checked(batch.Size + atOnce);
        ready = new DecisionQueue(brains.Count, checked(mostReady + atOnce), population.StackedObservations, population.Policy, brains.Seen);
        baselines = new Baseline[brains.Count];
        forecast = new LinearForecast(brains.Count, population.StackedObservations);
        rewards = new float[options.Horizon];
        returns = new double[options.Horizon];
        recent = new DecisionStatistics(Math.Max(LeastWindow, checked(WindowPerAgent * population.Capacity)));
    }

    public override LearningStatistics Statistics
    {
        get
        {
            LearningStatistics none = LearningStatistics.None;
            return none with
            {
                LearnedDecisions = learnedDecisions,
                ExplainedVariance = recent.ExplainedVariance,
                PolicyLoss = brains.PolicyLoss,
                Steps = none.Steps with { Entropy = recent.Entropy },
            };
        }
    }

    /// <summary>The maximum number of decisions that it keeps: of each agent those under way, of each brain a batch and twice what comes at once.</summary>
    public static int MostKept(AgentPopulationOptions population, PolicyGradient options)
    {
        return checked((3 * population.Capacity * options.Horizon) + (population.BrainCount * options.MostRowsOfAStep(population)));
    }

    /// <summary>The baseline of a brain's returns.</summary>
    public ref Baseline BaselineOf(int brain) => ref baselines[brain];

    public void Decide(int agent, in Decision decision)
    {
        if (underWay.Count(agent) == options.Horizon) Finish(agent, isCutOff: true, decision.Observed);
        underWay.Add(agent, decision, weight: 0);
        recent.Decide(decision.LogProbability);
    }

    public void Reward(int agent, float reward)
    {
        int decisions = underWay.Count(agent);
        if (decisions > 0) underWay.Weight(agent, decisions - 1) += reward;   // a decision's weight is its reward until it has an advantage
    }

    public void EndEpisode(int agent, bool isCutOff) => Finish(agent, isCutOff, next: default);

    public override void Describe(StateForm form)
    {
        base.Describe(form);
        StateRows learned = new(1, () => 1, _ => { });   // files of older versions have none
        form.Add(new StateField($"{StateForm.Learning}learned_decisions", learned, 1, _ => learnedDecisions, (_, count) => learnedDecisions = (long)count) { IsWide = true, IsWhole = true, Least = 0, Most = StateForm.MostWhole });
        StateRows ofBrains = StateRows.Exactly(baselines.Length);
        string prefix = StateForm.Experience;
        form.Add(new StateField($"{prefix}baseline.mean", ofBrains, 1, i => baselines[i].Mean, (i, mean) => baselines[i].Mean = mean) { IsWide = true, Least = -StateForm.MostSum, Most = StateForm.MostSum });
        form.Add(new StateField($"{prefix}baseline.variance", ofBrains, 1, i => baselines[i].Variance, (i, variance) => baselines[i].Variance = variance) { IsWide = true, Least = 0, Most = StateForm.MostSquare });
        form.Add(
            new StateField($"{prefix}baseline.count", ofBrains, 1, i => baselines[i].Count, (i, count) => baselines[i].Count = (long)count)
            {
                IsWide = true,
                IsWhole = true,
                Least = 0,
                Most = StateForm.MostWhole,
            });
        StateRows ofAllTime = new(baselines.Length, () => baselines.Length, _ => { });   // files of older versions have none
        form.Add(new StateField($"{prefix}baseline.mean_of_all", ofAllTime, 1, i => baselines[i].MeanOfAll, (i, mean) => baselines[i].MeanOfAll = mean) { IsWide = true, Least = -StateForm.MostSum, Most = StateForm.MostSum });
        form.Add(new StateField($"{prefix}baseline.variance_of_all", ofAllTime, 1, i => baselines[i].VarianceOfAll, (i, variance) => baselines[i].VarianceOfAll = variance) { IsWide = true, Least = 0, Most = StateForm.MostSquare });
        forecast.Describe(form, $"{prefix}baseline.forecast");
        underWay.Describe(form, $"{prefix}under_way.");
        ready.Describe(form, $"{prefix}ready.");
        batch.Describe(form, $"{prefix}batch.", () => epochsLeft > 0 && brains.Seen is null);
        form.Count($"{prefix}epochs_left", () => brains.Seen is null ? epochsLeft : 0, left => epochsLeft = (int)left, options.Epochs - 1);
        form.Then(StateForm.Experience, () =>
        {
            if (!batch.IsLoaded) epochsLeft = 0;
            isBatchLoaded = epochsLeft > 0;
        });
    }

    public override int Lines => brains.StepLines;

    protected override bool Step(int agents)
    {
        isAgain = epochsLeft > 0 && !isBatchLoaded;
        isBatchLoaded = false;
        if (epochsLeft > 0)
        {
            epochsLeft--;
            brains.PrepareSteps(batch.Rows);
            return true;
        }

        int wanted = brains.AreOwn ? options.BatchOf(agents: 1) : options.BatchOf(agents);
        if (!IsTimeToLearn(agents, wanted)) return false;
        batch.Rows = wanted;
        for (int brain = 0; brain < brains.Count; brain++)
        {
            if (ready.Count(brain) < wanted)
            {
                batch.SetNothing(brain);
                continue;
            }

            batch.SetOldest(brain, ready);
            ready.Remove(brain, wanted);
            learnedDecisions += wanted;
        }

        brains.PrepareSteps(wanted);
        epochsLeft = options.Epochs - 1;
        return true;
    }

    protected override void Enqueue(StepPart lines)
    {
        if (isAgain) batch.EnqueueAgain(lines);
        else batch.Enqueue(lines);
    }

    private bool IsTimeToLearn(int agents, int wanted)
    {
        int full = 0;
        for (int brain = 0; brain < brains.Count; brain++)
        {
            if (ready.Count(brain) >= mostReady) return true;
            if (ready.Count(brain) >= wanted) full++;
        }

        return full > 0 && 2 * full >= Math.Min(agents, brains.Count);
    }

    /// <summary>
    /// The expected return after an agent's decisions. As long as no return is known, it is the return of rewards that continue like theirs
    /// forever: with 0 instead, the baseline of a task without ends would take hundreds of returns to reach its level.
    /// </summary>
    private double ExpectedBehind(int agent, int decisions, ReadOnlySpan<float> next)
    {
        int brain = brains.BrainOf(agent);
        if (baselines[brain].Count > 0) return baselines[brain].Mean + forecast.Of(brain, next.IsEmpty ? underWay.Observed(agent, decisions - 1) : next);
        double sum = 0;
        foreach (float reward in rewards.AsSpan(0, decisions)) sum += reward;
        return options.Discount < 1 ? sum / decisions / (1 - options.Discount) : 0;
    }

    /// <summary>Computes the returns and advantages of an agent's decisions, and passes them to its brain.</summary>
    /// <param name="agent">Its number.</param>
    /// <param name="isCutOff">Whether more rewards would have followed: then the baseline estimates them.</param>
    /// <param name="next">The observations after the decisions; if empty, those of the last decision are used instead.</param>
    private void Finish(int agent, bool isCutOff, ReadOnlySpan<float> next)
    {
        int decisions = underWay.Count(agent), brain = brains.BrainOf(agent);
        if (decisions == 0) return;
        ref Baseline baseline = ref baselines[brain];
        for (int i = 0; i < decisions; i++) rewards[i] = underWay.Weight(agent, i);
        if (Requirements.IndexOfNonFinite(rewards.AsSpan(0, decisions)) >= 0)   // exceeds what a float holds
        {
            SkippedDecisions += decisions;
            underWay.Remove(agent, decisions);
            return;
        }

        Baseline.Discounted(rewards.AsSpan(0, decisions), options.Discount, isCutOff ? ExpectedBehind(agent, decisions, next) : 0, returns);
        for (int i = 0; i < decisions; i++) baseline.Observe(returns[i], options.BaselineRate);
        (double ofFirst, double divisorOfFirst) = (0, 1);
        for (int i = 0; i < decisions; i++)
        {
            // Sums of rewards may exceed what a float holds; the loss of a step on them is not finite, and the step is dropped.
            double predicted = forecast.Of(brain, underWay.Observed(agent, i), out double divisor);
            if (i == 0) (ofFirst, divisorOfFirst) = (predicted, divisor);
            recent.Return(returns[i] - baseline.Mean, predicted);
            float advantage = (float)Math.Clamp(baseline.Advantage(returns[i], predicted, options.NormalizeAdvantages), float.MinValue, float.MaxValue);
            bool fits = ready.Add(brain, underWay, agent, i, advantage);
            if (!fits) Skip();
        }

        forecast.Correct(brain, underWay.Observed(agent, 0), divisorOfFirst, returns[0] - baseline.Mean - ofFirst);   // after all advantages are computed, so that none depends on its own return
        for (int i = 1; i < decisions; i++)
        {
            ReadOnlySpan<float> observed = underWay.Observed(agent, i);
            double predicted = forecast.Of(brain, observed, out double divisor);
            forecast.Correct(brain, observed, divisor, returns[i] - baseline.Mean - predicted);
        }

        underWay.Remove(agent, decisions);
    }

    private void Skip()
    {
        SkippedDecisions++;
        if (hasWarned) return;
        hasWarned = true;
        Trace.TraceWarning(
            "Agents decide faster than the frame's budget lets their brains learn: decisions are dropped. Give a larger AgentPopulationOptions.FrameBudget, a larger PolicyGradient.BatchSize, " +
            "fewer PolicyGradient.Epochs if there are several, or a longer Agent.DecisionPeriod. This message appears once; AgentProgress.SkippedDecisions counts the decisions that are never learned from.");
    }
}
