namespace NeuralPlugin;

/// <summary>
/// Turns what agents do and show into training steps. What it takes in, it says by the interfaces that it implements:
/// <see cref="ILearnsFromReward"/>, <see cref="ILearnsFromDemonstrations"/>, or both.
/// </summary>
internal abstract class Learner
{
    /// <summary>Steps that were enqueued.</summary>
    public long Steps { get; private set; }

    /// <summary>Decisions that were never learned from, since others came faster than steps.</summary>
    public long SkippedDecisions { get; protected set; }

    /// <summary>What it says of its learning besides.</summary>
    public virtual LearningStatistics Statistics => LearningStatistics.None;

    /// <summary>Enqueues steps while there is room for one and something to learn from.</summary>
    /// <param name="budget">That of this frame, which was begun.</param>
    /// <param name="agents">Agents that learn.</param>
    /// <returns>Whether more steps would have found nothing to learn from.</returns>
    public bool Train(StepBudget budget, int agents)
    {
        BeginFrame(agents);
        while (budget.HasRoom())
        {
            budget.BeginStep();
            if (!Step(agents)) return true;
            budget.EndStep();
            Steps++;
        }

        return false;
    }

    /// <summary>Says what files keep of it beside its brains and their optimizer.</summary>
    public virtual void Describe(StateForm form)
    {
        form.Count($"{StateForm.Learning}steps", () => Steps, steps => Steps = steps);
        form.Count($"{StateForm.Learning}skipped_decisions", () => SkippedDecisions, skipped => SkippedDecisions = skipped);
    }

    /// <summary>The steps of a frame begin, if there is room for any.</summary>
    /// <param name="agents">Agents that learn.</param>
    protected virtual void BeginFrame(int agents)
    {
    }

    /// <summary>Enqueues a step, if there is enough to learn from.</summary>
    /// <param name="agents">Agents that learn.</param>
    /// <returns>Whether there was.</returns>
    protected abstract bool Step(int agents);
}

/// <summary>A learner that takes in what agents decide and what it brings.</summary>
internal interface ILearnsFromReward
{
    /// <summary>An agent carries a decision out from now on.</summary>
    /// <param name="agent">Its number.</param>
    /// <param name="decision">What it does; its observations are normalized.</param>
    void Decide(int agent, in Decision decision);

    /// <summary>What the decision that an agent carries out has brought.</summary>
    void Reward(int agent, float reward);

    /// <summary>An agent's episode is over; where it was cut off, what would have come is estimated.</summary>
    void EndEpisode(int agent, bool isCutOff);
}

/// <summary>
/// A learner whose brains estimate beside the logits what is to come, in a last output. The value of what an agent observes when its episode is
/// interrupted is asked for, and comes some frames later.
/// </summary>
internal interface ILearnsFromValues : ILearnsFromReward
{
    /// <summary>What the value output of an agent's brain means, until the next step.</summary>
    ValueScale ScaleOf(int agent);

    /// <summary>Gives the value output of a brain another meaning: its weights are replaced by those of a brain that has it.</summary>
    void SetScale(int brain, ValueScale scale);

    /// <summary>Says what files keep of that, so that brains that are loaded alone bring it along.</summary>
    void DescribeValues(StateForm form);

    /// <summary>An agent's episode is over, and would have gone on: <see cref="TakeValue"/> will say what would have come.</summary>
    /// <param name="agent">Its number.</param>
    /// <param name="frame">That of the question.</param>
    void InterruptEpisode(int agent, long frame);

    /// <summary>The value of the last observations of an episode that was interrupted.</summary>
    /// <param name="agent">Its number.</param>
    /// <param name="frame">That of the question.</param>
    /// <param name="value">In rewards; null where the answer was lost.</param>
    void TakeValue(int agent, long frame, float? value);
}

/// <summary>A learner that takes in what agents show.</summary>
internal interface ILearnsFromDemonstrations
{
    /// <summary>An agent showed what to do.</summary>
    /// <param name="agent">Its number.</param>
    /// <param name="decision">What it showed; its observations are raw.</param>
    void Demonstrate(int agent, in Decision decision);
}
