using System.Diagnostics;

namespace NeuralPlugin;

/// <summary>
/// Proximal policy optimization of one brain that all agents share: collects their decisions to a rollout while it learns from the one before, and
/// exchanges the two when enough is collected.
/// </summary>
internal sealed class ActorCriticLearner : Learner, ILearnsFromValues
{
    private const ulong ShuffleStream = (1UL << 62) + 2;
    private const int Brain = 0;

    private readonly ActorCritic options;
    private readonly Brains brains;
    private readonly RolloutBatch batch;
    private readonly ReturnStatistics statistics;
    private readonly SeededRandom random;
    private Rollout collected;
    private Rollout learned;
    private ValueScale scale;        // a deviation of 0: nothing is known of returns, and all values are the mean
    private int steps;               // on the rollout that is learned from, and of these
    private int stepsDone;
    private long learnedDecisions;
    private float explainedVariance = float.NaN;
    private bool hasWarned;

    public ActorCriticLearner(Brains brains, AgentPopulationOptions population, ActorCritic options)
    {
        this.options = options;
        this.brains = brains;
        collected = new Rollout(population, options, brains.Seen);
        learned = new Rollout(population, options, brains.Seen);
        batch = new RolloutBatch(brains, population, options.MostRowsOfAStep(population));
        statistics = new ReturnStatistics(population.Capacity, options.Discount);
        random = new SeededRandom((ulong)population.Seed, ShuffleStream);
    }

    public override LearningStatistics Statistics
    {
        get
        {
            GuidedStepResult steps = brains.Guided;
            float policyLoss = brains.MeanLoss + (options.EntropyBonus * steps.Entropy) - (options.ValueWeight * steps.ValueLoss);
            return new LearningStatistics(learnedDecisions, explainedVariance, steps, policyLoss);
        }
    }

    public ValueScale ScaleOf(int agent) => scale;

    public void Decide(int agent, in Decision decision)
    {
        if (collected.IsOpen(agent)) statistics.Observe(agent, collected.RewardOf(agent), endsEpisode: false);
        if (collected.Count == collected.Capacity) Exchange();   // many decisions in frames without training
        collected.Add(agent, decision);
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
        form.Count($"{StateForm.Experience}steps_done", () => stepsDone, count => stepsDone = (int)count, int.MaxValue);
        collected.Describe(form, $"{StateForm.Experience}collected.", hasClosed: false);
        learned.Describe(form, $"{StateForm.Experience}learned.", hasClosed: true);
        form.Then(StateForm.Experience, () =>
        {
            steps = StepsOn(learned);
            stepsDone = Math.Min(stepsDone, steps);
        });
    }

    public void DescribeValues(StateForm form)
    {
        form.Number($"{StateForm.Values}mean", () => scale.Mean, mean => scale = scale with { Mean = (float)mean }, float.MinValue, float.MaxValue);
        form.Number($"{StateForm.Values}deviation", () => scale.Deviation, deviation => scale = scale with { Deviation = (float)deviation }, 0, float.MaxValue);
    }

    /// <summary>
    /// When enough is collected, it is learned from. Where the budget of the frames was too small for all steps on the rollout before, the rest of them is given
    /// up once each decision was learned from; until then collecting goes on.
    /// </summary>
    protected override void BeginFrame(int agents)
    {
        if (collected.KnownCount < options.RolloutOf(agents)) return;
        if (stepsDone < steps) Warn();
        if (stepsDone >= Math.Min(steps, options.Minibatches)) Exchange();
    }

    protected override bool Step(int agents)
    {
        if (stepsDone == steps) return false;
        int part = stepsDone % options.Minibatches;
        Span<int> all = learned.Complete;
        if (part == 0) random.Shuffle(all);
        int first = (int)((long)part * all.Length / options.Minibatches), end = (int)((long)(part + 1) * all.Length / options.Minibatches);
        stepsDone++;
        if (stepsDone <= options.Minibatches) learnedDecisions += end - first;
        batch.Enqueue(learned, all[first..end], scale, options.AdvantageFloor);
        return true;
    }

    /// <summary>Learns from what was collected from now on, and collects anew.</summary>
    private void Exchange()
    {
        int parts = Math.Min(stepsDone, options.Minibatches);
        if (steps > 0) SkippedDecisions += learned.Complete.Length - ((long)parts * learned.Complete.Length / options.Minibatches);
        collected.Close(options.Discount, options.Lambda);
        SkippedDecisions += collected.LostCount;
        learned.Continue(collected);
        (collected, learned) = (learned, collected);
        Observe();
        steps = StepsOn(learned);
        stepsDone = 0;
    }

    private int StepsOn(Rollout rollout) => rollout.Complete.Length >= options.Minibatches ? options.Epochs * options.Minibatches : 0;

    /// <summary>Brings the scale of the values up to date, and the last layer with it, so that no value changes.</summary>
    private void Observe()
    {
        double sum = 0, squares = 0, errors = 0, squaredErrors = 0;
        ReadOnlySpan<int> all = learned.Complete;
        if (all.IsEmpty) return;
        foreach (int at in all)
        {
            double gain = learned.Returns[at], error = gain - learned.Values[at];
            sum += gain;
            squares += gain * gain;
            errors += error;
            squaredErrors += error * error;
        }

        double variance = (squares / all.Length) - (sum / all.Length * (sum / all.Length));
        double unexplained = (squaredErrors / all.Length) - (errors / all.Length * (errors / all.Length));
        explainedVariance = variance > 0 ? (float)(1 - (unexplained / variance)) : float.NaN;
        statistics.ObserveMean(sum / all.Length);
        ValueScale next = statistics.Scale;
        if (next.Deviation == 0) next = scale with { Mean = next.Mean };
        if (scale.Deviation > 0) brains.RescaleValue(Brain, scale.Deviation / next.Deviation, (scale.Mean - next.Mean) / next.Deviation);
        scale = next;
    }

    private void Warn()
    {
        if (hasWarned) return;
        hasWarned = true;
        Trace.TraceWarning(
            "Agents decide faster than the frame's budget lets their brain learn: of {0} training steps on a rollout {1} fit. Give a larger " +
            "AgentPopulationOptions.FrameBudget, or fewer ActorCritic.Epochs, or a longer Agent.DecisionPeriod. This is said once; AgentProgress.SkippedDecisions counts what is never learned from.",
            steps, stepsDone);
    }
}
