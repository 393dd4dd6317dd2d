using System.Diagnostics;

namespace NeuralPlugin;

/// <summary>
/// Proximal policy optimization: collects decisions in one rollout while it learns from the previous one, and exchanges the two when enough are
/// collected. Brains of their own learn together, each from its agent's decisions.
/// </summary>
internal class ActorCriticLearner : Learner, ILearnsFromValues
{
    private const int FewOfAnEpoch = 8;   // a share

    private const ulong ShuffleStream = (1UL << 62) + 2;

    private readonly ActorCritic options;
    private readonly Brains brains;
    private readonly RolloutBatch batch;
    private readonly ReturnStatistics statistics;
    private readonly SeededRandom random;
    private readonly CloningRows? cloning;
    private readonly int decisionsOfAStep;
    private Rollout collected;
    private Rollout learned;
    private readonly ValueScale[] scales;   // of each brain; a deviation of 0: nothing is known about returns, and all values are the mean
    private readonly float[] rescales;      // [brains × 2]: factor and offset
    private readonly int[] firstOfBrain;    // of the rollout to learn from, which is sorted by brain; after the last brain, the total
    private readonly RolloutPreparation preparation;
    private int steps;               // on the rollout to learn from, and how many of these are done
    private int stepsDone;
    private int leastSteps;          // until each decision was learned from
    private long learnedDecisions;
    private float explainedVariance = float.NaN;
    private float drift = float.NaN;
    private float entropy = float.NaN;     // of the decisions to learn from, as they were made
    private float valueLoss = float.NaN;
    private bool hasWarned;

    public ActorCriticLearner(Brains brains, AgentPopulationOptions population, ActorCritic options, CloningRows? cloning = null)
    {
        this.cloning = cloning;
        decisionsOfAStep = options.MostDecisionsOfAStep(population);
        this.options = options;
        this.brains = brains;
        collected = new Rollout(population, options, brains.Seen);
        learned = new Rollout(population, options, brains.Seen, collected);
        batch = new RolloutBatch(brains, population, options);
        statistics = new ReturnStatistics(population.Capacity, brains.Count, options.Discount);
        scales = new ValueScale[brains.Count];
        rescales = new float[2 * brains.Count];
        preparation = new RolloutPreparation(brains, options);
        firstOfBrain = new int[brains.Count + 1];
        random = new SeededRandom((ulong)population.Seed, ShuffleStream);
    }

    public override LearningStatistics Statistics
    {
        get
        {
            GuidedStepResult steps = brains.Guided;
            if (brains.AreOwn) steps = steps with { Entropy = entropy, ValueLoss = valueLoss };
            return new LearningStatistics(learnedDecisions, explainedVariance, steps, brains.PolicyLoss) { Drift = drift };
        }
    }

    /// <summary>The demonstrated rows of its steps; null for none.</summary>
    public CloningRows? Cloning => cloning;

    public ValueScale ScaleOf(int agent) => scales[brains.BrainOf(agent)];

    public void SetScale(int brain, ValueScale scale) => scales[brain] = scale;

    public void Decide(int agent, in Decision decision)
    {
        if (collected.IsOpen(agent)) statistics.Observe(agent, collected.RewardOf(agent), endsEpisode: false);
        if (collected.Count == collected.Capacity)   // many decisions in frames without training
        {
            FinishStep();
            Exchange();
        }

        collected.Add(agent, decision);
        cloning?.NoteDecision(agent);
    }

    public void Reward(int agent, float reward)
    {
        if (collected.IsOpen(agent)) collected.RewardOf(agent) += reward;
    }

    public void EndEpisode(int agent, bool isCutOff)
    {
        if (!collected.IsOpen(agent)) return;
        statistics.Observe(agent, collected.RewardOf(agent), endsEpisode: true);
        collected.End(agent, isCutOff ? null : 0);
    }

    public void InterruptEpisode(int agent, long frame)
    {
        if (!collected.IsOpen(agent)) return;
        statistics.Observe(agent, collected.RewardOf(agent), endsEpisode: true);
        collected.Await(agent, frame);
    }

    public void TakeValue(int agent, long frame, float? value) => collected.TakeValue(agent, frame, value);

    public override void Describe(StateForm form)
    {
        base.Describe(form);
        form.Count($"{StateForm.Learning}learned_decisions", () => learnedDecisions, count => learnedDecisions = count);
        form.Random($"{StateForm.Learning}shuffle", [random]);
        DescribeValues(form);
        statistics.Describe(form);
        cloning?.Describe(form);
        form.Count($"{StateForm.Experience}steps_done", () => stepsDone, count => stepsDone = (int)count, int.MaxValue);
        collected.Describe(form, $"{StateForm.Experience}collected.", hasClosed: false);
        learned.Describe(form, $"{StateForm.Experience}learned.", hasClosed: true);
        int unprepared = -1;
        StateRows ofBeginning = new(1, () => 1, _ => { });   // files of older versions have none
        form.Add(
            new StateField($"{StateForm.Experience}prepared", ofBeginning, 1, _ => preparation.Done, (_, value) => unprepared = (int)value)
            {
                IsWide = true,
                IsWhole = true,
                Least = -1,
                Most = int.MaxValue,
            });
        form.Then(StateForm.Experience, () =>
        {
            if (unprepared >= 0)
            {
                learned.BeginClosingAgain();
                BeginPreparing();
                preparation.Repeat(learned, unprepared);
                return;
            }

            FindBrains();
            FindSteps();
            stepsDone = Math.Min(stepsDone, steps);
        });
    }

    public void DescribeValues(StateForm form)
    {
        StateRows rows = StateRows.PerBrain(scales.Length);
        form.Add(
            new StateField($"{StateForm.Values}mean", rows, 1, i => scales[i].Mean, (i, mean) => scales[i] = scales[i] with { Mean = (float)mean })
            {
                IsWide = true,
                Least = float.MinValue,
                Most = float.MaxValue,
            });
        form.Add(
            new StateField($"{StateForm.Values}deviation", rows, 1, i => scales[i].Deviation, (i, deviation) => scales[i] = scales[i] with { Deviation = (float)deviation })
            {
                IsWide = true,
                Least = 0,
                Most = float.MaxValue,
            });
    }

    /// <summary>
    /// When enough decisions are collected, learning from them begins. If the frames' budget was too small for all steps on the previous rollout, the
    /// rest is given up once each decision was learned from; until then collecting continues.
    /// </summary>
    protected override void BeginFrame(StepBudget budget, int agents)
    {
        if (!preparation.IsUnderWay) ExchangeWhenFull(agents);
        if (preparation.IsUnderWay && preparation.Continue(learned, budget, agents)) FinishPreparing();
    }

    private void ExchangeWhenFull(int agents)
    {
        int wanted = brains.AreOwn ? options.RolloutOfOwnBrain * agents : options.RolloutOf(agents);
        if (agents == 0 || collected.KnownCount < wanted) return;
        if (stepsDone < steps) Warn();
        if (stepsDone >= leastSteps) Exchange();
    }

    /// <summary>What agents decide and demonstrate between two parts of a step would be imitated in the second one alone: a step that also imitates is not cut.</summary>
    public override int Lines => cloning is null ? brains.StepLines : 1;

    /// <summary>While it is open whether the scale of the values has changed, decisions between two parts of a step might change it.</summary>
    protected override bool MayBeCut
    {
        get
        {
            brains.RescaleOpenValues();   // also takes note of those that have run
            return !brains.HasOpenRescales;
        }
    }

    protected override bool Step(int agents)
    {
        if (stepsDone == steps) return false;
        stepsDone++;
        return true;
    }

    protected override void Enqueue(StepPart lines)
    {
        if (cloning is not null) lines = new StepPart(0, brains.StepLines);
        Span<int> all = learned.Complete;
        int step = stepsDone - 1, part = step % options.Minibatches;
        (int first, int end) = brains.BrainsOf(lines);
        for (int brain = first; brain < end; brain++)
        {
            Span<int> own = all[firstOfBrain[brain]..firstOfBrain[brain + 1]];
            if (part == 0) Shuffle(own, step / options.Minibatches);
            if (brains.AreOwn) AddSome(brain, own, step);
            else AddShare(own, part, isFirst: step < options.Minibatches);
        }

        batch.Enqueue(lines);
    }

    /// <summary>
    /// Shuffles the decisions of a brain before an epoch. A brain that decides more often than the others may have more decisions than an epoch's steps
    /// take: those that no epoch has taken come first, so that none is left to chance. The few that brains of equal rates have more are reached by shuffling.
    /// </summary>
    private void Shuffle(Span<int> own, int epoch)
    {
        int ofAnEpoch = brains.AreOwn ? decisionsOfAStep * options.Minibatches : own.Length;
        bool hasMore = own.Length - ofAnEpoch > ofAnEpoch / FewOfAnEpoch;
        int left = epoch == 0 || !hasMore ? 0 : (int)Math.Max(0, own.Length - ((long)epoch * ofAnEpoch));
        for (int i = 0; i < left; i++) (own[i], own[ofAnEpoch + i]) = (own[ofAnEpoch + i], own[i]);   // they follow those of the last epoch
        random.Shuffle(own[left..]);
    }

    /// <summary>Adds a part of the decisions that the one brain learns from.</summary>
    private void AddShare(ReadOnlySpan<int> own, int part, bool isFirst)
    {
        int first = (int)((long)part * own.Length / options.Minibatches), end = (int)((long)(part + 1) * own.Length / options.Minibatches);
        if (isFirst) learnedDecisions += end - first;
        batch.Begin(end - first, cloning?.RowsOfEach ?? 0);
        batch.Set(0, learned, own[first..end], scales[0], options.AdvantageFloor);
        cloning?.Fill(batch, 0, random);
    }

    /// <summary>Adds the same number for each brain, starting over if it has fewer; a brain that has none learns nothing.</summary>
    private void AddSome(int brain, ReadOnlySpan<int> own, int step)
    {
        int rows = decisionsOfAStep;
        if (brain == 0) batch.Begin(rows, cloning?.RowsOfEach ?? 0);
        if (own.IsEmpty)
        {
            batch.SetNothing(brain);
            return;
        }

        int first = step % options.Minibatches * rows;
        learnedDecisions += Math.Clamp(own.Length - ((long)step * rows), 0, rows);
        Span<int> chosen = batch.Chosen;
        for (int i = 0; i < rows; i++) chosen[i] = own[(first + i) % own.Length];
        batch.Set(brain, learned, chosen, scales[brain], options.AdvantageFloor);
        cloning?.Fill(batch, brain, random);
    }

    /// <summary>
    /// Begins to learn from the collected decisions, and collects new ones. There may be a million: their advantages, and what steps need besides, are computed in
    /// pieces, in as many frames as it takes.
    /// </summary>
    private void Exchange()
    {
        SkippedDecisions += preparation.IsUnderWay ? learned.KnownCount : NeverDrawn();
        learned.Continue(collected);
        (collected, learned) = (learned, collected);
        learned.BeginClosing();
        BeginPreparing();
    }

    private void BeginPreparing()
    {
        preparation.Begin();
        (steps, stepsDone, leastSteps) = (0, 0, 0);
    }

    /// <summary>All decisions are prepared: steps may follow.</summary>
    private void FinishPreparing()
    {
        SkippedDecisions += learned.LostCount;
        for (int brain = 0; brain < brains.Count; brain++) firstOfBrain[brain + 1] = firstOfBrain[brain] + preparation.Of(brain).Count;
        Observe();
        FindSteps();
    }

    /// <summary>The decisions of the rollout to learn from that no step has taken.</summary>
    private long NeverDrawn()
    {
        long total = learned.Complete.Length;
        if (!brains.AreOwn) return total - (Math.Min(stepsDone, options.Minibatches) * total / options.Minibatches);
        long count = 0;
        for (int brain = 0; brain < brains.Count; brain++) count += Math.Max(0, CountOf(brain) - ((long)stepsDone * decisionsOfAStep));
        return count;
    }

    private void FindSteps()
    {
        steps = learned.Complete.Length >= options.Minibatches ? options.Epochs * options.Minibatches : 0;
        leastSteps = 0;
        for (int brain = 0; brain < brains.Count; brain++) leastSteps = Math.Max(leastSteps, Math.Min(steps, StepsOfAPass(CountOf(brain))));
    }

    /// <summary>The steps, in whole epochs, that take each of this many decisions of a brain: one epoch's, unless the brain decides more often than the others.</summary>
    private int StepsOfAPass(int decisions) => options.Minibatches * (brains.AreOwn ? Math.Max(1, MatrixShape.CeilingDivide(decisions, decisionsOfAStep * options.Minibatches)) : 1);

    /// <summary>The number of decisions of a brain to learn from.</summary>
    private int CountOf(int brain) => firstOfBrain[brain + 1] - firstOfBrain[brain];

    /// <summary>Sorts the decisions to learn from, which were read from a file, by brain, and finds where each brain's begin.</summary>
    private void FindBrains()
    {
        Span<int> all = learned.Complete;
        Array.Clear(firstOfBrain);
        if (brains.AreOwn) learned.SortByOwner();
        foreach (int at in all) firstOfBrain[brains.BrainOf(learned.Owners[at]) + 1]++;
        for (int brain = 0; brain < brains.Count; brain++) firstOfBrain[brain + 1] += firstOfBrain[brain];
    }

    /// <summary>Updates the scales of the values, and the last layer with them, so that no value changes.</summary>
    private void Observe()
    {
        double variance = 0, unexplained = 0;
        for (int brain = 0; brain < brains.Count; brain++)
        {
            (rescales[2 * brain], rescales[(2 * brain) + 1]) = (1, 0);
            if (preparation.Of(brain).Count > 0) Observe(brain, ref variance, ref unexplained);
        }

        if (learned.Complete.IsEmpty) return;
        ObserveDecisions();
        explainedVariance = variance > 0 ? (float)(1 - (unexplained / variance)) : float.NaN;
        if (rescales.AsSpan().ContainsAnyExcept(1, 0)) brains.RescaleValues(rescales);
    }

    private void Observe(int brain, ref double variance, ref double unexplained)
    {
        ref readonly ReturnSums own = ref preparation.Of(brain);
        variance += (own.Squares / own.Count) - (own.Sum / own.Count * (own.Sum / own.Count));
        unexplained += (own.SquaredErrors / own.Count) - (own.Errors / own.Count * (own.Errors / own.Count));
        statistics.ObserveMean(brain, own.Sum / own.Count);
        ValueScale scale = scales[brain], next = statistics.ScaleOf(brain);
        if (next.Deviation == 0) next = scale with { Mean = next.Mean };
        if (scale.Deviation > 0) (rescales[2 * brain], rescales[(2 * brain) + 1]) = (scale.Deviation / next.Deviation, (scale.Mean - next.Mean) / next.Deviation);
        scales[brain] = next;
    }

    /// <summary>Means over the decisions of all brains: the mean of −log p estimates the entropy. Steps of brains of their own report neither.</summary>
    private void ObserveDecisions()
    {
        double logs = 0, errors = 0, drifts = 0;
        for (int brain = 0; brain < brains.Count; brain++)
        {
            double deviation = scales[brain].Deviation > 0 ? scales[brain].Deviation : 1;
            logs += preparation.Of(brain).Logs;
            drifts += preparation.Of(brain).Drift;
            errors += 0.5 * preparation.Of(brain).SquaredErrors / (deviation * deviation);
        }

        int count = learned.Complete.Length;
        (entropy, valueLoss, drift) = ((float)(-logs / count), (float)(errors / count), learned.Drifts.IsEmpty ? float.NaN : (float)(drifts / count));
    }

    private void Warn()
    {
        if (hasWarned) return;
        hasWarned = true;
        Trace.TraceWarning(
            "Agents decide faster than the frame's budget lets their brain learn: only {1} of {0} training steps on a rollout fit. Give a larger " +
            "AgentPopulationOptions.FrameBudget, or fewer ActorCritic.Epochs, or a longer Agent.DecisionPeriod. This message appears once; AgentProgress.SkippedDecisions counts the decisions that are never learned from.",
            steps, stepsDone);
    }
}
