namespace NeuralPlugin;

/// <summary>
/// Turns the agents' actions and demonstrations into training steps. The interfaces that it implements say what it learns from:
/// <see cref="ILearnsFromReward"/>, <see cref="ILearnsFromDemonstrations"/>, or both.
/// </summary>
internal abstract class Learner
{
    private int linesDone;   // of the step that is partly enqueued

    /// <summary>Steps that were enqueued.</summary>
    public long Steps { get; private set; }

    /// <summary>Decisions that were never learned from, because others came faster than steps.</summary>
    public long SkippedDecisions { get; protected set; }

    /// <summary>Its other statistics.</summary>
    public virtual LearningStatistics Statistics => LearningStatistics.None;

    /// <summary>The lines that a step can be cut into; 1 if it runs whole.</summary>
    public virtual int Lines => 1;

    /// <summary>Whether a step is partly enqueued: the rest follows in later frames.</summary>
    public bool HasOpenStep => linesDone > 0;

    /// <summary>Enqueues steps, or parts of them, while there is room and something to learn from.</summary>
    /// <param name="budget">The budget of this frame, which has begun.</param>
    /// <param name="agents">The number of agents that learn.</param>
    /// <returns>Whether more steps would have found nothing to learn from.</returns>
    public bool Train(StepBudget budget, int agents)
    {
        if (!HasOpenStep) BeginFrame(budget, agents);
        while (budget.LinesThatFit(Lines - linesDone) is > 0 and var lines)
        {
            if (!HasOpenStep)
            {
                if (lines < Lines && !MayBeCut) return false;
                bool isWhole = lines == Lines;
                if (!Step(agents)) return true;
                lines = isWhole ? Lines : Math.Min(lines, Lines);   // a step of other rows may have other lines
            }

            Enqueue(lines);
            budget.Spend(lines);
            if (!HasOpenStep) budget.EndStep();
        }

        return false;
    }

    /// <summary>Enqueues the rest of a step that is partly enqueued, whatever the budget: its brains are about to be read, saved or replaced.</summary>
    public void FinishStep()
    {
        if (HasOpenStep) Enqueue(Lines - linesDone);
    }

    /// <summary>Describes its state for files, besides its brains and their optimizer.</summary>
    public virtual void Describe(StateForm form)
    {
        form.Count($"{StateForm.Learning}steps", () => Steps, steps => Steps = steps);
        form.Count($"{StateForm.Learning}skipped_decisions", () => SkippedDecisions, skipped => SkippedDecisions = skipped);
    }

    /// <summary>Whether the next step may be cut now.</summary>
    protected virtual bool MayBeCut => true;

    /// <summary>Begins the steps of a frame, if there is room for any. No step is partly enqueued.</summary>
    /// <param name="budget">The budget of this frame, which has begun.</param>
    /// <param name="agents">The number of agents that learn.</param>
    protected virtual void BeginFrame(StepBudget budget, int agents)
    {
    }

    /// <summary>Begins a step, if there is enough to learn from. It can enqueue the whole step; otherwise <see cref="Enqueue(StepPart)"/> does.</summary>
    /// <param name="agents">The number of agents that learn.</param>
    /// <returns>Whether there was.</returns>
    protected abstract bool Step(int agents);

    /// <summary>Enqueues some lines of the step that <see cref="Step"/> has begun, in order.</summary>
    protected virtual void Enqueue(StepPart lines)
    {
    }

    private void Enqueue(int lines)
    {
        int all = Lines;
        Enqueue(new StepPart(linesDone, lines));
        linesDone += lines;
        if (linesDone < all) return;
        linesDone = 0;
        Steps++;
    }
}

/// <summary>A learner that learns from the agents' decisions and their rewards.</summary>
internal interface ILearnsFromReward
{
    /// <summary>An agent begins to carry out a decision.</summary>
    /// <param name="agent">Its number.</param>
    /// <param name="decision">The decision; its observations are normalized.</param>
    void Decide(int agent, in Decision decision);

    /// <summary>Adds the reward of the decision that an agent is carrying out.</summary>
    void Reward(int agent, float reward);

    /// <summary>An agent's episode is over; if it was cut off, the missing return is estimated.</summary>
    void EndEpisode(int agent, bool isCutOff);
}

/// <summary>
/// A learner whose brains estimate the return besides the logits, in a last output. The value of an agent's observations when its episode is
/// interrupted is asked for, and arrives some frames later.
/// </summary>
internal interface ILearnsFromValues : ILearnsFromReward
{
    /// <summary>The scale of the value output of an agent's brain, until the next step.</summary>
    ValueScale ScaleOf(int agent);

    /// <summary>Changes the scale of a brain's value output: its weights are replaced by those of a brain with that scale.</summary>
    void SetScale(int brain, ValueScale scale);

    /// <summary>Describes the scales for files, so that brains that are loaded alone bring them along.</summary>
    void DescribeValues(StateForm form);

    /// <summary>An agent's episode is over, and would have continued: <see cref="TakeValue"/> will give the value of the rest.</summary>
    /// <param name="agent">Its number.</param>
    /// <param name="frame">The frame of the question.</param>
    void InterruptEpisode(int agent, long frame);

    /// <summary>Takes the value of the last observations of an interrupted episode.</summary>
    /// <param name="agent">Its number.</param>
    /// <param name="frame">The frame of the question.</param>
    /// <param name="value">In rewards; null if the answer was lost.</param>
    void TakeValue(int agent, long frame, float? value);
}

/// <summary>A learner that learns from demonstrations.</summary>
internal interface ILearnsFromDemonstrations
{
    /// <summary>An agent demonstrated a decision.</summary>
    /// <param name="agent">Its number.</param>
    /// <param name="decision">The decision; its observations are raw.</param>
    void Demonstrate(int agent, in Decision decision);
}
